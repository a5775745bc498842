"""How much stack a thread has left, and guests that run on a thread with enough of it."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

import pytest

from tests.engine.guests import Guest, new_guest
from tests.engine.test_instance import ASKER, FAULTS
from wasm_interp._core.engine import Exit
from wasm_interp._core.engine import native_stack as stacks
from wasm_interp._core.engine.native_stack import (
    NEEDED_BYTES,
    NEEDED_FRAMES,
    has_frames,
    remaining_bytes,
    with_enough_stack,
)
from wasm_interp.results import StopKind

T = TypeVar("T")
KIB, MIB = 1 << 10, 1 << 20


def on_thread(stack_bytes: int, function: Callable[[], T]) -> T:
    """The result of ``function`` on a thread whose stack is so large."""
    results: list[T] = []
    before = threading.stack_size(stack_bytes)
    try:
        thread = threading.Thread(target=lambda: results.append(function()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]


def at_depth(levels: int, function: Callable[[], T]) -> T:
    """Call ``function`` under so many calls that each take native stack, which calls within Python do not."""
    if not levels:
        return function()
    return next(map(lambda _: at_depth(levels - 1, function), [0]))  # noqa: C417


@pytest.mark.parametrize("stack_bytes", [512 * KIB, 2 * MIB, 16 * MIB])
def test_what_is_left_at_a_threads_start_is_most_of_its_stack(stack_bytes: int) -> None:
    """glibc may give a thread the stack of one that ended, if it is no more than four times as large."""
    assert stack_bytes - 256 * KIB < on_thread(stack_bytes, remaining_bytes) < 4 * stack_bytes


def test_what_is_left_shrinks_with_depth() -> None:
    left = on_thread(16 * MIB, lambda: [at_depth(levels, remaining_bytes) for levels in (0, 10, 100, 200)])
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == 4


def with_frames_left(count: int, function: Callable[[], T]) -> T:
    """Call ``function`` where the recursion limit leaves some fewer than ``count`` frames, as has_frames sees it."""
    if has_frames(count):
        return with_frames_left(count, function)
    return function()


def test_frames_are_counted_to_the_recursion_limit() -> None:
    def left() -> list[bool]:
        return [has_frames(count) for count in (80, 90, 110, 10**6)]

    assert with_frames_left(100, left) == [True, True, False, False]


def test_a_stack_that_is_too_deep_for_host_functions_has_it_run_on_another_thread() -> None:
    def both() -> tuple[int, int, bool]:
        ran_on, enough = with_enough_stack(lambda: (threading.get_ident(), has_frames(NEEDED_FRAMES)))
        return threading.get_ident(), ran_on, enough

    own, ran_on, enough = with_frames_left(NEEDED_FRAMES, both)
    assert ran_on != own
    assert enough


def test_a_stack_that_is_too_deep_to_start_a_thread_is_refused() -> None:
    ran: list[int] = []
    with pytest.raises(RecursionError, match=r"^the caller's stack is too deep to run a guest$"):
        with_frames_left(50, lambda: with_enough_stack(lambda: ran.append(1)))
    assert ran == []


def test_a_thread_with_enough_runs_the_function_itself() -> None:
    ran_on, own = on_thread(16 * MIB, lambda: (with_enough_stack(threading.get_ident), threading.get_ident()))
    assert ran_on == own


def test_a_thread_with_too_little_has_it_run_on_one_with_enough() -> None:
    def run() -> tuple[int, int, int]:
        inner = with_enough_stack(lambda: (threading.get_ident(), remaining_bytes()))
        return threading.get_ident(), *inner

    own, ran_on, left = on_thread(512 * KIB, run)
    assert ran_on != own
    assert left >= NEEDED_BYTES


def test_deep_in_a_large_stack_there_may_be_too_little_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> tuple[int, int, int]:
        monkeypatch.setattr(stacks, "NEEDED_BYTES", at_depth(100, remaining_bytes))
        above, below = (at_depth(levels, lambda: with_enough_stack(threading.get_ident)) for levels in (0, 200))
        return threading.get_ident(), above, below

    own, above, below = on_thread(16 * MIB, run)
    assert above == own
    assert below != own


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that does not say where a stack ends."""
    monkeypatch.setattr(stacks, "_STACK_POINTER_OFFSET", None)
    monkeypatch.setattr(stacks, "_local", threading.local())


@pytest.mark.usefixtures("unknown")
def test_what_is_not_known_is_nothing_and_the_guest_gets_a_thread() -> None:
    assert remaining_bytes() == 0
    assert with_enough_stack(threading.get_ident) != threading.get_ident()


def test_a_libc_that_does_not_tell_is_the_same_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(libc: Any) -> int:
        raise OSError("no stack address")

    monkeypatch.setattr(stacks, "_lowest_address", refuse)
    monkeypatch.setattr(stacks, "_local", threading.local())
    assert remaining_bytes() == 0


def test_what_the_function_raises_is_raised_here() -> None:
    def fail() -> None:
        raise LookupError("inside")

    with pytest.raises(LookupError, match=r"^inside$"):
        on_thread_with_too_little(fail)


def on_thread_with_too_little(function: Callable[[], T]) -> T:
    """Like ``with_enough_stack`` where there never is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "remaining_bytes", lambda: 0)
        return with_enough_stack(function)


class Alarm(Exception):
    """What a signal handler of the program raises."""


def test_a_signal_that_raises_is_raised_only_when_the_guest_is_done() -> None:
    """Whoever went on before that would free what the guest is using."""
    finished = threading.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        raise Alarm

    def work() -> None:
        for _ in range(3):
            time.sleep(0.02)
            signal.pthread_kill(main, signal.SIGUSR1)
        time.sleep(0.02)
        finished.set()

    main = threading.main_thread().ident or 0
    former = signal.signal(signal.SIGUSR1, handler)
    try:
        with pytest.raises(Alarm):
            on_thread_with_too_little(work)
        assert finished.is_set()
    finally:
        signal.signal(signal.SIGUSR1, former)


def deepest(guest: Guest) -> Exit:
    """How a guest that recurses without end comes back."""
    outcome, _ = guest.run("deeper")
    guest.close()
    return outcome


EXHAUSTED = Exit("the native stack is exhausted", StopKind.STACK)


@pytest.mark.parametrize("stack_bytes", [512 * KIB, NEEDED_BYTES - 64 * KIB, NEEDED_BYTES + 64 * KIB, 16 * MIB])
def test_a_guest_that_recurses_without_end_is_ended_whatever_the_thread(stack_bytes: int) -> None:
    assert on_thread(stack_bytes, lambda: deepest(new_guest(FAULTS))) == EXHAUSTED


@pytest.mark.usefixtures("unknown")
def test_a_guest_that_recurses_without_end_is_ended_where_the_stack_is_unknown() -> None:
    assert on_thread(512 * KIB, lambda: deepest(new_guest(FAULTS))) == EXHAUSTED


def test_guests_inside_guests_have_the_stack_they_need_however_many() -> None:
    """Each is entered from a host callback of the one before, so all of them are on one stack, or on threads."""
    outcomes: list[Exit] = []

    def nest(levels: int) -> bytes:
        if not levels:
            outcomes.append(deepest(new_guest(FAULTS)))
            return b"done"
        guest = new_guest(ASKER, door=lambda sent: nest(levels - 1))
        guest.write(12, (1_000).to_bytes(4, "little"))
        assert guest.call("ask", 100, 1, 200, 204) == 0
        guest.close()
        return b"done"

    nest(20)
    assert outcomes == [EXHAUSTED]
