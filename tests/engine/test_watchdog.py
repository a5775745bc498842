"""The one thread that carries on stops: it is there while guests run, and not for longer than a while after."""

import os
import threading
import time

import pytest

from tests.engine.test_stops import new_stopper
from wasm_interp._core.engine.watchdog import Watchdog, watchdog


def is_running() -> bool:
    return any(thread.name == "wasm_interp-watchdog" for thread in threading.enumerate())


def wait_until(condition: object, seconds: float = 3.0) -> None:
    """Wait for what happens on another thread; the assertion after it tells."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:  # type: ignore[operator]
        time.sleep(0.002)


def test_a_watched_stopper_is_ticked_and_an_unwatched_one_is_not() -> None:
    dog = Watchdog()
    stopper, means = new_stopper(can_ask=False)
    stopper.begin(time.monotonic() + 0.02)
    dog.watch(stopper)
    wait_until(lambda: means.done)
    dog.unwatch(stopper)
    assert means.done[:2] == ["ask", "end"]
    count = len(means.done)
    time.sleep(0.03)
    assert len(means.done) == count


def test_every_tick_does_what_it_was_given() -> None:
    dog = Watchdog()
    ticks: list[float] = []
    dog.every_tick(lambda: ticks.append(time.monotonic()))
    stopper, _ = new_stopper(can_ask=False)
    stopper.begin(None)
    dog.watch(stopper)
    wait_until(lambda: len(ticks) >= 3)
    dog.unwatch(stopper)
    assert ticks[2] - ticks[0] >= 0.02


def test_the_thread_ends_when_nothing_runs_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.watchdog._LINGER_SECONDS", 0.0)
    wait_until(lambda: not is_running())
    dog = Watchdog()
    stopper, means = new_stopper(can_ask=False)
    for _ in range(2):
        means.done.clear()
        stopper.begin(time.monotonic())
        dog.watch(stopper)
        wait_until(lambda: means.done)
        assert means.done
        dog.unwatch(stopper)
        wait_until(lambda: not is_running())
        assert not is_running()


def test_a_thread_that_the_system_refuses_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dog = Watchdog()
    stopper, means = new_stopper(can_ask=False)
    stopper.begin(time.monotonic())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _refuse)
        with pytest.raises(RuntimeError, match=r"^can't start new thread$"):
            dog.watch(stopper)
    dog.watch(stopper)
    wait_until(lambda: means.done)
    dog.unwatch(stopper)
    assert means.done


def _refuse(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_a_watchdog_of_its_own() -> None:
    dog = Watchdog()
    running, _ = new_stopper(can_ask=False)
    running.begin(None)
    dog.watch(running)
    child = os.fork()
    if not child:
        status = 1
        try:
            stopper, means = new_stopper(can_ask=False)
            stopper.begin(time.monotonic())
            dog.watch(stopper)
            wait_until(lambda: means.done)
            status = 0 if means.done else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    dog.unwatch(running)


def test_the_process_has_one() -> None:
    assert watchdog() is watchdog()
