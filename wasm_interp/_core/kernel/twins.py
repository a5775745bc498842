"""Any number of contexts in turn that all begin as one was: for calls of which none may see what another has done.

A context that is done is brought back to that beginning where it stands: what it wrote is written over with what was
there, byte for byte, and its files are dropped. That costs a fraction of a new context, whose every first touch of a
page is a page fault. One that cannot be brought back, since its interpreter trapped or has more memory than it began
with, is closed, and the next is made anew.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

from wasm_interp._core.images.reference import Reference
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.vfs import FileSystem
from wasm_interp.errors import ContextClosed

_MOST_IDLE = 8  # each holds what calls write, some megabytes
_ROOM_BYTES = 32 << 20  # a call that takes no more can leave its interpreter to the next


@dataclass(slots=True, eq=False)
class Loan:
    """A context in use by one call; ``is_out`` until it is given back."""

    kernel: Kernel
    is_out: bool = True


class Twins:
    """Contexts like ``origin`` is now, each over a fork of ``fs``. Thread-safe. Not for a process that is forked."""

    def __init__(self, origin: Kernel, fs: FileSystem) -> None:
        """``origin`` is at rest. Raises SnapshotError."""
        self._origin = origin
        self._fs = fs
        origin.make_room(_ROOM_BYTES)
        self._savepoint = origin.save()
        self._savepoint.spread()
        self._opens = Counter(self._savepoint.files.inodes())
        self._reference = Reference(self._savepoint.memory, origin.mapper)
        self._lock = threading.Lock()
        self._idle: list[Kernel] = []
        self._used = 0  # taken, and not yet given back
        self._is_closed = False

    def take(self) -> Loan:
        """One that nobody else has, to be given back. Raises ContextClosed."""
        self._savepoint.check_is_ours()
        with self._lock:
            if self._is_closed:
                raise ContextClosed("the contexts are closed")
            self._used += 1
            if self._idle:
                return Loan(self._idle.pop())
        try:
            return Loan(self._made())
        except BaseException:
            self._count_one_less()
            raise

    def stop(self, loan: Loan) -> None:
        """Stop what runs there, and let nothing else begin. Nothing if it was given back: it may be another's now."""
        with self._lock:
            if loan.is_out:
                loan.kernel.refuse_runs()

    def give_back(self, loan: Loan) -> None:
        """It is done, whatever it did."""
        kernel = loan.kernel
        with self._lock:
            loan.is_out = False
        try:
            if not self._is_kept(kernel):
                kernel.close()
        except BaseException:  # Ctrl-C, perhaps
            kernel.close()
            raise
        finally:
            self._count_one_less()

    def _is_kept(self, kernel: Kernel) -> bool:
        if self._is_closed or not self._is_fresh_again(kernel):
            return False
        with self._lock:
            if self._is_closed or len(self._idle) >= _MOST_IDLE:
                return False
            self._idle.append(kernel)
            return True

    def close(self) -> None:
        """Free what is idle; what is used is freed when it is given back. Idempotent."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            idle, self._idle = self._idle, []
            is_last = not was_closed and self._used == 0
        for kernel in idle:
            kernel.close()
        if is_last:
            self._free()

    def _made(self) -> Kernel:
        fs = self._forked()
        try:
            return self._origin.made_from(self._savepoint, fs)
        finally:
            self._let_go(fs)

    def _is_fresh_again(self, kernel: Kernel) -> bool:
        fs = self._forked()
        try:
            return kernel.start_over(self._savepoint, fs, self._reference)
        finally:
            self._let_go(fs)

    def _forked(self) -> FileSystem:
        return self._fs.fork(opens=self._opens)

    def _let_go(self, fs: FileSystem) -> None:
        for ino in self._opens.elements():  # the kernel, if there is one, holds them by itself
            fs.release(ino)

    def _count_one_less(self) -> None:
        with self._lock:
            self._used -= 1
            is_last = self._is_closed and self._used == 0
        if is_last:
            self._free()

    def _free(self) -> None:
        self._reference.close()
        self._savepoint.close()
