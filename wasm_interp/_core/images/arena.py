"""Memory for layers: one file without a name, cut into regions as large as a linear memory.

One file for all, since a process may have only a thousand open files. The file is sparse: a region costs
what was written to it. In a region, the page of linear memory at an address lies at that address, so
neighbouring runs become one mapping.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import threading
from functools import cache

_REGION_BYTES = 4 << 30
_MOST_REGIONS = 1 << 20
_PUNCH_HOLE = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE


class Region:
    """One part of the arena's file.

    Held by everybody who has it mapped or may map it, by ``retain`` and ``release``: the last release frees it, and
    punching a hole empties private mappings too.
    """

    __slots__ = ("_arena", "_holders", "descriptor", "offset")

    def __init__(self, arena: Arena, descriptor: int, offset: int) -> None:
        self._arena = arena
        self._holders = 1
        self.descriptor = descriptor
        self.offset = offset

    def write(self, address: int, data: memoryview) -> None:
        """Store ``data`` as the bytes of linear memory at ``address``.

        Raises OSError when there is no memory, and in a child process, whose writes the parent would see.
        """
        self._arena.check_is_ours()
        done = 0
        while done < len(data):
            done += os.pwrite(self.descriptor, data[done:], self.offset + address + done)

    def retain(self) -> None:
        """One more holder."""
        with self._arena.lock:
            self._holders += 1

    def release(self) -> None:
        """One holder less."""
        with self._arena.lock:
            self._holders -= 1
            if self._holders == 0 and self._arena.is_ours:
                self._arena.free(self.offset)


class Arena:
    """Hands out regions."""

    def __init__(self) -> None:
        """Raises OSError where there are no files in memory."""
        self.lock = threading.RLock()
        self._descriptor = os.memfd_create("wasm_interp", os.MFD_CLOEXEC)
        os.ftruncate(self._descriptor, _REGION_BYTES * _MOST_REGIONS)
        self._unused = 0
        self._freed: list[int] = []
        self._process = os.getpid()
        self._fallocate = ctypes.CDLL(None, use_errno=True).fallocate64
        self._fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]

    @property
    def is_ours(self) -> bool:
        """Whether this process made it; a child that was forked shares the file, and must leave it alone."""
        return self._process == os.getpid()

    def check_is_ours(self) -> None:
        """Raises OSError if it is a parent's."""
        if not self.is_ours:
            raise OSError(errno.EPERM, "the memory of images belongs to the parent process")

    def new_region(self) -> Region:
        """An empty region, held once. Raises OSError in a child process."""
        self.check_is_ours()
        with self.lock:
            if self._freed:
                return Region(self, self._descriptor, self._freed.pop())
            if self._unused == _MOST_REGIONS:
                raise MemoryError(f"{_MOST_REGIONS} images are kept already")
            offset = self._unused * _REGION_BYTES
            self._unused += 1
            return Region(self, self._descriptor, offset)

    def free(self, offset: int) -> None:
        """Give a region's memory back to the system."""
        if self._fallocate(self._descriptor, _PUNCH_HOLE, offset, _REGION_BYTES) == 0:
            self._freed.append(offset)


def arena() -> Arena | None:
    """This process's arena, or None where there are no files in memory."""
    return _arena(os.getpid())


@cache
def _arena(process: int) -> Arena | None:
    if sys.platform != "linux":
        return None
    try:
        return Arena()
    except OSError:
        return None
