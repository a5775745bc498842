"""Which pages of a private mapping have been written, as the kernel knows it.

A page that is there, and is not the mapped file's own, was copied because it was written.
Sources: PAGEMAP_SCAN of Linux 6.7, and the pagemap file of any Linux (admin-guide/mm/pagemap).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import sys
from array import array
from collections.abc import Iterator
from functools import cache
from threading import local
from typing import Protocol

HOST_PAGE_BYTES = mmap.PAGESIZE

Runs = list[tuple[int, int]]  # (offset from the start, length) in bytes, ascending, whole host pages, not adjacent


class Scanner(Protocol):
    """Finds written pages."""

    def runs(self, address: int, length: int) -> Runs:
        """The written pages among ``length`` bytes at ``address``. Raises OSError when the system refuses."""


class PagemapScan:
    """One system call that walks the page tables."""

    _REQUEST = 3 << 30 | 96 << 16 | ord("f") << 8 | 16  # _IOWR('f', 16, struct pm_scan_arg)
    _ARGUMENT = struct.Struct("<12Q")
    _FILE, _PRESENT, _SWAPPED, _ZERO = 1 << 2, 1 << 3, 1 << 4, 1 << 5
    _MOST_REGIONS = 1 << 14

    def __init__(self) -> None:
        """Raises OSError where there is no such call."""
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._local = local()  # each thread's own place for answers
        try:
            self._scan((ctypes.c_uint64 * 3)(), 0, HOST_PAGE_BYTES)
        except OSError:
            os.close(self._pagemap)
            raise

    def runs(self, address: int, length: int) -> Runs:
        regions = self._regions()
        found: Runs = []
        start, end = address, address + length
        while start < end:
            count = self._scan(regions, start, end)
            numbers = regions[: 3 * count]
            found += [(first - address, last - first) for first, last in zip(numbers[::3], numbers[1::3], strict=True)]
            # Not by walk_end: Linux 6.18 lets it lag behind by a batch of 512 regions that were stored all the same.
            start = numbers[-2] if count == self._MOST_REGIONS else end
        return found

    def _regions(self) -> ctypes.Array[ctypes.c_uint64]:
        try:
            regions: ctypes.Array[ctypes.c_uint64] = self._local.regions
        except AttributeError:
            regions = self._local.regions = (ctypes.c_uint64 * (3 * self._MOST_REGIONS))()
        return regions

    def _scan(self, regions: ctypes.Array[ctypes.c_uint64], start: int, end: int) -> int:
        """How many regions were stored."""
        import fcntl  # there is none on Windows

        unwanted = self._FILE | self._ZERO
        argument = bytearray(
            self._ARGUMENT.pack(
                self._ARGUMENT.size,
                0,
                start,
                end,
                0,
                ctypes.addressof(regions),
                len(regions) // 3,
                0,
                unwanted,
                unwanted,
                self._PRESENT | self._SWAPPED,
                self._PRESENT,
            )
        )
        return int(fcntl.ioctl(self._pagemap, self._REQUEST, argument, True))


class PagemapRead:
    """The same from the pagemap file, 8 bytes a page."""

    _PRESENT, _SWAPPED, _FILE = 1 << 63, 1 << 62, 1 << 61
    _CHUNK_PAGES = 1 << 16

    def __init__(self) -> None:
        """Raises OSError where there is no such file."""
        self._pagemap = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def runs(self, address: int, length: int) -> Runs:
        found: Runs = []
        for page in self._written(address // HOST_PAGE_BYTES, length // HOST_PAGE_BYTES):
            offset = page * HOST_PAGE_BYTES
            if found and sum(found[-1]) == offset:
                found[-1] = found[-1][0], found[-1][1] + HOST_PAGE_BYTES
            else:
                found.append((offset, HOST_PAGE_BYTES))
        return found

    def _written(self, first: int, count: int) -> Iterator[int]:
        for start in range(0, count, self._CHUNK_PAGES):
            wanted = min(self._CHUNK_PAGES, count - start)
            entries = array("Q", os.pread(self._pagemap, 8 * wanted, 8 * (first + start)))
            for index, entry in enumerate(entries):
                if entry & (self._PRESENT | self._SWAPPED) and not entry & self._FILE:
                    yield start + index


def scanner() -> Scanner | None:
    """The best that this system has, or None. It sees the memory of the process that asked for it, not of a child."""
    return _scanner(os.getpid())


@cache
def _scanner(process: int) -> Scanner | None:
    if sys.platform != "linux":
        return None
    for kind in (PagemapScan, PagemapRead):
        try:
            return kind()
        except OSError:
            continue
    return None
