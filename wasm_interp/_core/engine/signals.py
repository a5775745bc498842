"""Handlers of the program's signals while its main thread runs a guest; Ctrl-C has a module of its own.

A signal that comes while the guest runs has its handler called at the first bytecode after it: before the first line of
the next host function. What it raises there is nobody's to catch: ctypes drops it and gives wasmtime whatever lies on
the stack in place of a result. So for the time of a run each handler is called by one of ours, which
keeps what it raises, stops the run, and raises it once the guest is out of the way.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

_Handler = Callable[[int, FrameType | None], Any]
_NUMBERS = tuple(sorted(int(number) for number in signal.valid_signals() - {signal.SIGINT}))
# What signal.getsignal and signal.signal wrap, which make an enum of each handler, or fail to: before each run all
# handlers are looked at, in 4 µs in place of 40, and Ctrl-C's is exchanged, in 1 µs in place of 17.
get_handler: Callable[[int], Any] = importlib.import_module("_signal").getsignal
set_handler: Callable[[int, Any], Any] = importlib.import_module("_signal").signal


@contextlib.contextmanager
def kept_out(interrupt: Callable[[], None], is_calling_back: Callable[[], bool]) -> Iterator[None]:
    """For the main thread: in the block, a handler that raises calls ``interrupt``, and its error comes after it.

    While ``is_calling_back``, a callback of the program runs, and its handlers raise into that.
    """
    raised: list[BaseException] = []

    def guard(handler: _Handler) -> _Handler:
        def handle(number: int, frame: FrameType | None) -> None:
            if is_calling_back():
                handler(number, frame)
                return
            try:
                handler(number, frame)
            except BaseException as error:
                raised.append(error)
                interrupt()

        return handle

    former = {number: found for number in _NUMBERS if callable(found := get_handler(number))}
    ours = {number: guard(handler) for number, handler in former.items()}
    for number, handler in ours.items():
        set_handler(number, handler)
    try:
        yield
    finally:
        for number, handler in former.items():
            if get_handler(number) is ours[number]:  # else the program has set another meanwhile
                set_handler(number, handler)
        if raised:
            raise raised[0]
