"""Memory of this process in the place of an instance's: private, and given back when it is closed."""

from __future__ import annotations

import ctypes
import mmap
import sys

import pytest

NEEDS_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="this system does not tell which pages were written")
HOST_PAGE = mmap.PAGESIZE


class LinearMemory:
    """``reserved`` bytes of zeros, of which the first ``size`` are in use."""

    def __init__(self, reserved: int, size: int) -> None:
        self._mmap = mmap.mmap(-1, reserved, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._mmap))
        self.size = size

    def view(self) -> memoryview:
        return memoryview((ctypes.c_ubyte * self.size).from_address(self.address)).cast("B")

    def content(self) -> bytes:
        return ctypes.string_at(self.address, self.size)

    def write(self, offset: int, data: bytes) -> None:
        ctypes.memmove(self.address + offset, data, len(data))

    def close(self) -> None:
        self._mmap.close()
