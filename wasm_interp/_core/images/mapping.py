"""Putting an image into an instance's linear memory: mapped copy-on-write, or copied where that is not to be had.

Rule: the caller vouches that ``address`` is the start of at least ``image.size_bytes`` of accessible
linear memory, and that no guest runs in it.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Protocol

from wasm_interp._core.images.image import Image, Layer, Run

_MAP_FIXED = 0x10  # the same on Linux and macOS; Python's mmap module has no name for it
_FAILED = ctypes.c_void_p(-1).value
_CHUNK_BYTES = 1 << 20
_MAPPINGS_OF_LINUX = 65_530  # vm.max_map_count, unless the machine's owner chose another


class Mapper(Protocol):
    """Fills linear memory from an image."""

    def place(self, image: Image, address: int) -> None:
        """Make linear memory at ``address`` equal to ``image``. Raises OSError when the system refuses."""


class CopyOnWriteMapper:
    """Private mappings: every instance shares an image's pages until it writes to them."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._mmap = libc.mmap
        self._mmap.restype = ctypes.c_void_p
        self._mmap.argtypes = [
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.c_int64,
        ]

    def place(self, image: Image, address: int) -> None:
        for layer in image.layers:
            for run in layer.runs:
                self._map(layer.descriptor, run, address + run.address)

    def _map(self, descriptor: int, run: Run, target: int) -> None:
        flags = mmap.MAP_PRIVATE | _MAP_FIXED
        access = mmap.PROT_READ | mmap.PROT_WRITE
        if self._mmap(target, run.length, access, flags, descriptor, run.file_offset) == _FAILED:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot map {run.length} bytes of an image: {os.strerror(number)}")


class CopyMapper:
    """Plain reads: works everywhere, and costs an instance the whole image in memory."""

    _lock = threading.Lock()  # a descriptor has one position for all threads

    def place(self, image: Image, address: int) -> None:
        for layer in image.layers:
            self.place_layer(layer, address)

    def place_layer(self, layer: Layer, address: int) -> None:
        """Copy one layer alone."""
        for run in layer.runs:
            with self._lock:
                self._copy(layer.descriptor, run, address + run.address)

    def _copy(self, descriptor: int, run: Run, target: int) -> None:
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            file.seek(run.file_offset)
            memory = memoryview((ctypes.c_ubyte * run.length).from_address(target)).cast("B")
            done = 0
            while done < run.length:
                count = file.readinto(memory[done : done + _CHUNK_BYTES])
                if not count:
                    raise OSError(f"an image ends {run.length - done} bytes early")
                done += count


class MappingBudget:
    """How many mappings of layers the instances of this process may have together.

    A process at the system's limit cannot even unmap: wasmtime then ends it.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Whether there were that many left; they are taken then."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        """That many are mapped no more."""
        with self._lock:
            self._left += count


@cache
def mapping_budget() -> MappingBudget:
    """The process's one: half of what the system allows; instances and the host program have the rest."""
    try:
        allowed = int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        allowed = _MAPPINGS_OF_LINUX
    return MappingBudget(allowed // 2)


def mappings_of(layer: Layer) -> int:
    """The most that mapping ``layer`` over another mapping adds: each run is one, and may split that one."""
    return 2 * len(layer.runs)


def default_mapper() -> Mapper:
    """Copy-on-write where the system has it."""
    return CopyMapper() if sys.platform == "win32" else CopyOnWriteMapper()
