import os
import signal
import socket
from collections.abc import Iterator

import pytest

from wasm_interp._core.engine.ctrl_c import CtrlC

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of another kind")


@pytest.fixture
def ctrl_c() -> Iterator[CtrlC]:
    made = CtrlC()
    yield made
    made._reader.close()
    made._writer.close()


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def run_and_press(ctrl_c: CtrlC, interrupted: list[str], *, polls: int) -> None:
    with ctrl_c.watching(lambda: interrupted.append("the first")):
        press()
        for _ in range(polls):
            ctrl_c.poll()


def test_a_signal_during_a_run_interrupts_it_and_reaches_the_handler_afterwards(ctrl_c: CtrlC) -> None:
    interrupted: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_and_press(ctrl_c, interrupted, polls=2)
    assert interrupted == ["the first"]


def test_a_signal_of_one_run_does_not_interrupt_the_next(ctrl_c: CtrlC) -> None:
    interrupted: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run_and_press(ctrl_c, interrupted, polls=0)  # over before the watchdog looks
    with ctrl_c.watching(lambda: interrupted.append("the next")):
        ctrl_c.poll()
    assert interrupted == []


def test_between_runs_the_signal_is_pythons(ctrl_c: CtrlC) -> None:
    interrupted: list[str] = []
    with ctrl_c.watching(lambda: interrupted.append("gone")):
        pass
    with pytest.raises(KeyboardInterrupt):
        press()
    ctrl_c.poll()
    assert interrupted == []


def run_with_two_signals(ctrl_c: CtrlC) -> None:
    with ctrl_c.watching(lambda: None):
        os.kill(os.getpid(), signal.SIGUSR1)
        ctrl_c.poll()
        press()
        os.kill(os.getpid(), signal.SIGUSR1)


def test_signals_that_an_event_loop_waits_for_reach_it_after_the_run(ctrl_c: CtrlC) -> None:
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    former = signal.signal(signal.SIGUSR1, lambda number, frame: None)
    former_fd = signal.set_wakeup_fd(writer.fileno())
    try:
        with pytest.raises(KeyboardInterrupt):
            run_with_two_signals(ctrl_c)
        assert reader.recv(10) == bytes([signal.SIGUSR1, signal.SIGUSR1, signal.SIGINT])
    finally:
        signal.set_wakeup_fd(former_fd)
        signal.signal(signal.SIGUSR1, former)
        reader.close()
        writer.close()
