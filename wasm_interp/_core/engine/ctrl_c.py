"""Ctrl-C while the main thread runs a guest.

The main thread is inside a foreign call then, where Python runs no signal handler. So for the time of a run, the
signal's number is written to a socket that the watchdog reads, and the handler itself does nothing but note that it
came: a KeyboardInterrupt raised between two lines of the engine would leave it half done. After the
run the handler that was there before is called, as if the signal had come then.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from wasm_interp._core.engine.signals import get_handler, set_handler

_NO_FD = -1


def _never() -> bool:
    return False


class CtrlC:
    """Watches for SIGINT during runs of the main thread; ``poll`` is called by the watchdog at each tick."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._lock = threading.Lock()  # so that a signal of one run never interrupts the next
        self._interrupt: Callable[[], None] | None = None
        self._others = bytearray()  # numbers of other signals that came meanwhile, for whoever had the descriptor

    def poll(self) -> None:
        """Interrupt the run if the signal came."""
        with self._lock:
            if signal.SIGINT in self._arrived() and self._interrupt is not None:
                self._interrupt()

    @contextlib.contextmanager
    def watching(self, interrupt: Callable[[], None], is_calling_back: Callable[[], bool] = _never) -> Iterator[None]:
        """Call ``interrupt`` if Ctrl-C comes during the block; the program's own handler gets it after the block.

        While ``is_calling_back``, a callback of the program runs in it, and its handler gets the signal at once.
        """
        former = get_handler(signal.SIGINT)
        if not _is_free(former):
            yield
            return
        noted: list[tuple[int, FrameType | None]] = []

        def handle(number: int, frame: FrameType | None) -> None:
            if is_calling_back():
                former(number, frame)
            else:
                noted.append((number, frame))

        # Ours is there from first to last: the former one may raise, at any line, and the rest would be left undone.
        set_handler(signal.SIGINT, handle)
        with self._lock:
            outer, self._interrupt = self._interrupt, interrupt
        former_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        if noted:
            interrupt()
        try:
            yield
        finally:
            signal.set_wakeup_fd(former_fd)
            with self._lock:
                self._arrived()  # what came too late for this run must not be left to the next
                self._interrupt = outer
            _tell(former_fd, self._taken() + bytes([signal.SIGINT] if noted else []))
            set_handler(signal.SIGINT, former)
            if noted:
                former(*noted[0])

    def _arrived(self) -> bytes:
        try:
            numbers = self._reader.recv(4096)
        except BlockingIOError:
            return b""
        self._others += numbers.replace(bytes([signal.SIGINT]), b"")
        return numbers

    def _taken(self) -> bytes:
        with self._lock:
            taken, self._others = bytes(self._others), bytearray()
        return taken


def on_main_thread() -> bool:
    """Whether signals arrive on this thread."""
    return threading.current_thread() is threading.main_thread()


def _is_free(handler: Any) -> bool:
    """Whether somebody in Python handles SIGINT: where it is ignored, or handled by native code, it is left alone."""
    return callable(handler)


def _tell(fd: int, numbers: bytes) -> None:
    """Pass signals on to an event loop that waits for them by its own descriptor."""
    if fd != _NO_FD and numbers:
        with contextlib.suppress(OSError), socket.socket(fileno=fd) as other:
            other.send(numbers)
            other.detach()
