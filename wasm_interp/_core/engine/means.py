"""The two ways to end a guest that does not yield, and the one to ask it.

Asking: set bits in words of its memory that its interpreter looks at; or nothing, where it calls to ask.
Ending, by protection: take its memory away. Its next load or store traps. Costs a running guest nothing.
Ending, by epochs: code compiled with epoch checks calls back at each tick. Costs 1.3 to 2 times the run time, so it
is for where the former is not to be had: no mprotect, metered code, or a guest that could not be rewritten.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import sys
from collections.abc import Callable
from threading import RLock

Words = tuple[tuple[int, int], ...]  # (address, bits to set) of 32-bit words

_RESERVED_BYTES = 4 << 30  # what wasmtime reserves for a 32-bit memory, so that its base never moves
_PROT_NONE = 0
_WORD = struct.Struct("<I")
_FLAG = 1  # a word of its own that says yes or no; other bits belong to words that the guest writes all the time


class MemoryGate:
    """Who may touch a guest's memory from the host: one host function at a time, and nobody once it is shut.

    Rule: every access of ours is inside ``with gate``, or on the guest's thread while the guest is not running
    and cannot be ended. A fault outside the guest's own code would end the process.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.is_shut = False


class Asker:
    """Sets the interrupt words. ``memory`` gives the guest's memory as it is now."""

    def __init__(self, gate: MemoryGate, memory: Callable[[], memoryview]) -> None:
        self._gate = gate
        self._memory = memory
        self._words: Words = ()
        self.is_polled = False  # by the guest, which then needs nothing set
        self._asked = False

    def use(self, words: Words) -> None:
        """From now on, ask by these."""
        self._words = words

    @property
    def has_asked(self) -> bool:
        """Whether words were set since the run began."""
        return self._asked

    def begin(self) -> None:
        """A new run has not been asked yet."""
        self._asked = False

    def end(self) -> None:
        """The run is over: take back what the guest has not noticed, or it would interrupt the next run.

        For the guest's own thread, when no guest runs and its memory has not been taken.
        """
        memory = self._memory()
        for address, bits in self._words:
            _WORD.pack_into(memory, address, _WORD.unpack_from(memory, address)[0] & ~bits)

    def ask(self) -> bool:
        """Set the words; again only while the guest has not noticed, since its own write may have undone a bit."""
        if not self._words:
            return self.is_polled
        if not self._gate.lock.acquire(blocking=False):
            return True  # a host function is at work; the next tick asks
        try:
            if not self._gate.is_shut:
                self._set_bits()
        finally:
            self._gate.lock.release()
        return True

    def _set_bits(self) -> None:
        memory = self._memory()
        values = [(address, _WORD.unpack_from(memory, address)[0], bits) for address, bits in self._words]
        if self._asked and not all(value & bits for _, value, bits in values if bits == _FLAG):
            return  # noticed: an interpreter clears its flags before it calls the handler
        self._asked = True
        for address, value, bits in values:
            _WORD.pack_into(memory, address, value | bits)


class ByProtection:
    """Ends a guest by taking its memory away."""

    def __init__(self, asker: Asker, gate: MemoryGate, base: int) -> None:
        self._asker = asker
        self._gate = gate
        self._base = base

    def ask(self) -> bool:
        return self._asker.ask()

    def end(self) -> None:
        """Shuts the gate too: a host function that comes later finds it shut, and traps the guest by itself.

        Taken again at each tick: a guest that grows its memory just then has the new part of it.
        """
        if not self._gate.lock.acquire(blocking=False):
            return  # it sees `must_end` when it is done; and the next tick tries again
        try:
            self._gate.is_shut = _protect(self._base) or self._gate.is_shut
        finally:
            self._gate.lock.release()


class ByEpochs:
    """Ends a guest at its next epoch check, which looks at the stopper's ``must_end``."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    def ask(self) -> bool:
        return self._asker.ask()

    def end(self) -> None:
        """The epoch callback does it."""


@functools.cache
def protection_is_possible() -> bool:
    """Whether this system can take a guest's memory away."""
    return sys.platform != "win32" and hasattr(ctypes.CDLL(None), "mprotect")


def _protect(base: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    mprotect = libc.mprotect
    mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    refused = mprotect(base, _RESERVED_BYTES, _PROT_NONE)  # the guest runs on then, and the next tick tries again
    return not refused
