"""WASI preview1 calls on everything but files: arguments, environment, clocks, entropy, polling, sockets."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import NoReturn

from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.abi import (
    ABSOLUTE_TIMEOUT,
    EVENT,
    MAX_SUBSCRIPTIONS,
    SUBSCRIPTION,
    ClockId,
    EventType,
)
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp._core.wasi.state import GuestExit, WasiState

_RESOLUTION_NS = 1_000
_ENTROPY_CHUNK = 1 << 16  # the host never holds more of a guest's request than this
_NS = 1_000_000_000
_NEVER_NS = 1 << 62


def args_get(state: WasiState, pointers: int, buffer: int) -> None:
    _write_strings(state, state.arguments, pointers, buffer)


def args_sizes_get(state: WasiState, count: int, size: int) -> None:
    _write_sizes(state, state.arguments, count, size)


def environ_get(state: WasiState, pointers: int, buffer: int) -> None:
    _write_strings(state, state.environment, pointers, buffer)


def environ_sizes_get(state: WasiState, count: int, size: int) -> None:
    _write_sizes(state, state.environment, count, size)


def clock_res_get(state: WasiState, clock: int, pointer: int) -> None:
    _now_ns(state, clock)
    state.memory.write_u64(pointer, _RESOLUTION_NS)


def clock_time_get(state: WasiState, clock: int, precision: int, pointer: int) -> None:
    state.memory.write_u64(pointer, _now_ns(state, clock))


def random_get(state: WasiState, pointer: int, length: int) -> None:
    room = state.memory.slice(pointer, length)
    for start in range(0, length, _ENTROPY_CHUNK):
        if state.wake.is_set() and state.must_end():
            raise GuestExit
        chunk = room[start : start + _ENTROPY_CHUNK]
        chunk[:] = state.entropy(len(chunk))


def sched_yield(state: WasiState) -> None:
    """A guest has one thread; there is nobody to yield to."""


def proc_exit(state: WasiState, code: int) -> NoReturn:
    state.exit_code = code
    raise GuestExit


def proc_raise(state: WasiState, signal: int) -> NoReturn:
    raise FileSystemError(Errno.NOTSUP)


def sock_accept(state: WasiState, fd: int, flags: int, opened: int) -> NoReturn:
    raise FileSystemError(Errno.NOTSUP)


def sock_recv(state: WasiState, fd: int, data: int, count: int, flags: int, size: int, out_flags: int) -> NoReturn:
    raise FileSystemError(Errno.NOTSUP)


def sock_send(state: WasiState, fd: int, data: int, count: int, flags: int, size: int) -> NoReturn:
    raise FileSystemError(Errno.NOTSUP)


def sock_shutdown(state: WasiState, fd: int, how: int) -> NoReturn:
    raise FileSystemError(Errno.NOTSUP)


def poll_oneoff(state: WasiState, subscriptions: int, events: int, count: int, ready: int) -> None:
    """Files and streams are always ready, stdin too unless the state can wait for it; so mostly only clocks wait.

    A stop ends the wait as if its time had come: wasi-libc makes ENOTSUP of any error, while Python looks for
    signals after a sleep, and finds the one that it was asked to stop by.
    """
    if not 0 < count <= MAX_SUBSCRIPTIONS:
        raise FileSystemError(Errno.INVAL)
    raw = state.memory.read(subscriptions, count * SUBSCRIPTION.size)
    state.memory.slice(events, count * EVENT.size)
    watched = [_subscription(state, *fields) for fields in SUBSCRIPTION.iter_unpack(raw)]
    due = [each for each in watched if each.wait_ns <= 0] or _after_waiting(state, watched)
    for index, each in enumerate(due):
        size = index * EVENT.size
        state.memory.pack(EVENT, events + size, each.user_data, each.errno, each.event_type, 0, 0)
    state.memory.write_u32(ready, len(due))


@dataclass(frozen=True, slots=True)
class _Subscription:
    user_data: int
    event_type: int
    wait_ns: int
    errno: int = Errno.SUCCESS
    wants_input: bool = False


def _subscription(
    state: WasiState, user_data: int, event_type: int, subject: int, timeout_ns: int, precision_ns: int, flags: int
) -> _Subscription:
    if event_type == EventType.CLOCK:
        if flags & ~ABSOLUTE_TIMEOUT:
            raise FileSystemError(Errno.INVAL)
        now = _now_ns(state, subject)
        wait_ns = timeout_ns - now if flags & ABSOLUTE_TIMEOUT else timeout_ns
        return _Subscription(user_data, event_type, wait_ns)
    if event_type not in (EventType.FD_READ, EventType.FD_WRITE):
        raise FileSystemError(Errno.INVAL)
    try:
        stream = state.files.get(subject).stream
    except FileSystemError as error:
        return _Subscription(user_data, event_type, 0, error.errno)
    if stream is Stream.STDIN and state.await_input is not None and not state.await_input(0):
        return _Subscription(user_data, event_type, _NEVER_NS, wants_input=True)
    return _Subscription(user_data, event_type, 0)


def _after_waiting(state: WasiState, watched: list[_Subscription]) -> list[_Subscription]:
    shortest_ns = min(each.wait_ns for each in watched)
    hungry = [each for each in watched if each.wants_input]
    end_ns = state.clock.monotonic_ns() + shortest_ns
    while (left_ns := end_ns - state.clock.monotonic_ns()) > 0:
        with state.asleep():
            if hungry and state.await_input is not None:
                if state.await_input(left_ns / _NS):
                    return hungry
            else:
                state.clock.wait(left_ns / _NS, state.wake)
        if state.wake.is_set():
            if state.must_end():
                raise GuestExit
            break
    return [each for each in watched if each.wait_ns <= shortest_ns]


def _now_ns(state: WasiState, clock: int) -> int:
    if clock == ClockId.REALTIME:
        return state.clock.realtime_ns()
    if clock in (ClockId.MONOTONIC, ClockId.PROCESS_CPU, ClockId.THREAD_CPU):
        return state.clock.monotonic_ns()  # a guest that wants CPU time gets the nearest thing
    raise FileSystemError(Errno.INVAL)


def _write_sizes(state: WasiState, strings: tuple[bytes, ...], count: int, size: int) -> None:
    state.memory.write_u32(count, len(strings))
    state.memory.write_u32(size, sum(len(string) + 1 for string in strings))


def _write_strings(state: WasiState, strings: tuple[bytes, ...], pointers: int, buffer: int) -> None:
    starts = accumulate((len(string) + 1 for string in strings), initial=buffer)
    for index, (string, start) in enumerate(zip(strings, starts, strict=False)):
        state.memory.write_u32(pointers + 4 * index, start)
        state.memory.write(start, string + b"\0")
