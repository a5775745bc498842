"""What WASI calls work on: one guest's memory, files, clock, entropy and output."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from wasm_interp._core.vfs.filesystem import FileSystem
from wasm_interp._core.wasi.descriptors import FileTable, Stream
from wasm_interp._core.wasi.memory import GuestMemory


class Clock(Protocol):
    """Time as a guest sees it; another one makes a sandbox deterministic."""

    def realtime_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back, from any start."""

    def wait(self, seconds: float, wake: Event) -> None:
        """Sleep until the time is over or ``wake`` is set, whichever is first."""


class SystemClock:
    """The host's clock."""

    realtime_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)

    def wait(self, seconds: float, wake: Event) -> None:
        """Event.wait, in pieces, since a wait of over 292 years is an OverflowError."""
        wake.wait(min(seconds, 3600.0))


Entropy = Callable[[int], bytes]
Output = Callable[[Stream, memoryview], None]  # must copy what it keeps
Input = Callable[[int], bytes]  # at most that many bytes; none means the end


class GuestExit(Exception):
    """The guest is at its end (it called proc_exit, or must stop): trap it; it is not to be entered again."""


@dataclass(slots=True)
class WasiState:
    """One guest's side of WASI.

    ``wake`` is set when the guest is to stop, and ends its sleep; ``must_end`` then tells whether it is to be trapped
    at once, or to go on because it has been asked to stop by itself. ``asleep`` is held during a sleep.
    ``await_input`` waits for at most so many seconds and tells whether ``input`` has bytes; None: it never waits.
    """

    memory: GuestMemory
    fs: FileSystem
    files: FileTable
    output: Output
    input: Input = lambda limit: b""
    await_input: Callable[[float], bool] | None = None
    clock: Clock = field(default_factory=SystemClock)
    entropy: Entropy = os.urandom
    arguments: tuple[bytes, ...] = ()
    environment: tuple[bytes, ...] = ()
    wake: Event = field(default_factory=Event)
    must_end: Callable[[], bool] = lambda: True
    asleep: Callable[[], AbstractContextManager[None]] = nullcontext
    exit_code: int | None = None
