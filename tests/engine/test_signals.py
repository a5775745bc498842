"""Handlers of signals while the main thread runs a guest."""

import os
import signal
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from tests.engine.guests import WASI, new_guest
from wasm_interp._core.engine.signals import kept_out
from wasm_interp.results import StopKind

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
# Guests that call their host all the time, and one that never does.
CALLING = f"""(module (import "{WASI}" "sched_yield" (func $yield (result i32))) (memory (export "memory") 1)
  (func (export "run") (result i32) (loop $again (drop (call $yield)) (br $again)) unreachable))"""


class Own(Exception):
    """What a handler raises."""


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Of SIGALRM, whose handler raises."""
    numbers: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        numbers.append(number)
        raise Own(number)

    former = signal.signal(signal.SIGALRM, handle)
    yield numbers
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, former)


def send() -> None:
    os.kill(os.getpid(), signal.SIGALRM)


def test_what_a_handler_raises_comes_after_the_block_and_interrupts_it(heard: list[int]) -> None:
    steps: list[str] = []

    def block() -> None:
        with kept_out(lambda: steps.append("interrupted"), lambda: False):
            send()
            steps.append("after")

    with pytest.raises(Own):
        block()
    assert (heard, steps) == ([signal.SIGALRM], ["interrupted", "after"])


def test_of_several_the_first_is_raised(heard: list[int]) -> None:
    def block() -> None:
        with kept_out(lambda: None, lambda: False):
            send()
            send()

    with pytest.raises(Own):
        block()
    assert len(heard) == 2


def test_a_handler_that_does_not_raise_is_called_and_that_is_all() -> None:
    calls: list[int] = []
    former = signal.signal(signal.SIGUSR1, lambda number, frame: calls.append(number))
    interrupted: list[int] = []
    try:
        with kept_out(lambda: interrupted.append(1), lambda: False):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert calls == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert interrupted == []


def test_in_a_callback_a_handler_raises_as_anywhere(heard: list[int]) -> None:
    with kept_out(lambda: None, lambda: True), pytest.raises(Own):
        send()


def test_handlers_are_put_back_unless_the_program_set_others() -> None:
    former = signal.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR2)
    handlers = [lambda number, frame: None for _ in range(3)]
    try:
        signal.signal(signal.SIGUSR1, handlers[0])
        signal.signal(signal.SIGUSR2, handlers[1])
        with kept_out(lambda: None, lambda: False):
            assert signal.getsignal(signal.SIGUSR1) is not handlers[0]
            signal.signal(signal.SIGUSR2, handlers[2])
        assert signal.getsignal(signal.SIGUSR1) is handlers[0]
        assert signal.getsignal(signal.SIGUSR2) is handlers[2]
    finally:
        signal.signal(signal.SIGUSR1, former[0])
        signal.signal(signal.SIGUSR2, former[1])


def test_handlers_that_raise_at_random_moments_of_a_guest_end_its_run_and_nothing_else(heard: list[int]) -> None:
    """In the host functions' own first line, mostly: the process died of it, or the error was lost."""
    for number in range(50):
        guest = new_guest(CALLING)
        signal.setitimer(signal.ITIMER_REAL, 0.002 + number * 0.0001)
        with pytest.raises(Own):
            guest.run("run", deadline=time.monotonic() + 20)
        assert guest.instance.stopper.requested is StopKind.INTERRUPT
        assert guest.instance.failure is None
        guest.close()
    assert len(heard) == 50
