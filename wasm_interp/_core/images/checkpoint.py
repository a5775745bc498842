"""The state that one instance can be brought back to: its base image and what was written since.

`take` is called between runs, and costs what was written since the last `take`, not what the context holds:

- few pages written: they are copied aside, and stay as they are, since the next run will write most of them again;
- many: they are written to a region of the arena and mapped from there, so the next `take` does not meet them.

Rule: no guest runs during either call. Rule: the region outlives every instance that maps it: freeing it would
turn what they have not written themselves into zeros.
"""

from __future__ import annotations

from wasm_interp._core.images.arena import Arena, Region
from wasm_interp._core.images.dirty import HOST_PAGE_BYTES, Runs, Scanner
from wasm_interp._core.images.image import Image, Layer, Run
from wasm_interp._core.images.mapping import Mapper, write_runs

COPIED_ASIDE_BYTES = 2 << 20  # copying these again costs about what mapping and faulting in as many pages does
_MOST_RUNS = 256  # of one take: a process may have 65,530 mappings, and 1,000 contexts


class Checkpoint:
    """Follows one instance's memory; ``place`` makes another instance's memory what it was at the last ``take``."""

    def __init__(self, base: Image, scanner: Scanner, arena: Arena, mapper: Mapper) -> None:
        """``base`` is what the instance was made from."""
        self._base = base
        self._scanner = scanner
        self._arena = arena
        self._mapper = mapper
        self._size_bytes = base.size_bytes
        self._region: Region | None = None
        self._kept: Runs = []  # in the region
        self._aside = bytearray()
        self._aside_runs: Runs = []
        self._is_valid = False
        self.taken_bytes = 0  # what the last ``take`` copied, beyond what is copied aside each time

    @property
    def is_valid(self) -> bool:
        """Whether the last ``take`` remembered anything."""
        return self._is_valid

    @property
    def size_bytes(self) -> int:
        """Linear memory's size at the last ``take``."""
        return self._size_bytes

    def take(self, memory: memoryview, address: int, most_bytes: int | None) -> bool:
        """Remember ``memory``, which begins at ``address`` of this process.

        False, and nothing is remembered any more, if more than ``most_bytes`` were written, or if the system
        has no memory for it.
        """
        self._is_valid = False
        self.taken_bytes = 0
        runs = self._scanner.runs(address, len(memory))
        if most_bytes is not None and sum(length for _, length in runs) > most_bytes:
            return False
        try:
            self._remember(memory, address, runs)
        except (OSError, MemoryError):
            return False
        self._is_valid = True
        return True

    def place(self, address: int) -> None:
        """Make the memory at ``address``, of at least ``size_bytes``, what it was. Its base image is in place already."""
        if self._region is not None and self._kept:
            self._mapper.place(Image(self._size_bytes, (self._layer(self._region, self._kept),)), address)
        write_runs(address, self._aside_runs, self._aside)

    def forget(self) -> None:
        """Begin again: the instance that is followed from here on was made from the base image alone."""
        self.close()
        self._size_bytes = self._base.size_bytes

    def close(self) -> None:
        """Give the memory back, when no instance maps it any more. Idempotent."""
        self._is_valid = False
        if self._region is not None:
            self._region.release()
            self._region = None
        self._aside, self._aside_runs, self._kept = bytearray(), [], []

    def _remember(self, memory: memoryview, address: int, runs: Runs) -> None:
        written = sum(length for _, length in runs)
        if written > COPIED_ASIDE_BYTES:
            self._keep(memory, address, _coalesced(runs))
            self.taken_bytes = written
            runs, written = [], 0
        self._set_aside(memory, runs, written)
        self._size_bytes = len(memory)

    def _set_aside(self, memory: memoryview, runs: Runs, written: int) -> None:
        if len(self._aside) < written:
            self._aside = bytearray(written)
        target = memoryview(self._aside)
        position = 0
        for offset, length in runs:
            target[position : position + length] = memory[offset : offset + length]
            position += length
        self._aside_runs = runs

    def _keep(self, memory: memoryview, address: int, runs: Runs) -> None:
        if self._region is None:
            self._region = self._arena.new_region()
        for offset, length in runs:
            self._region.write(offset, memory[offset : offset + length])
        self._mapper.place(Image(len(memory), (self._layer(self._region, runs),)), address)
        self._kept = _union(self._kept, runs)

    def _layer(self, region: Region, runs: Runs) -> Layer:
        return Layer(region.descriptor, tuple(Run(at, length, region.offset + at) for at, length in runs))


def _coalesced(runs: Runs) -> Runs:
    """The same pages in at most _MOST_RUNS runs, with some clean pages between them."""
    gap = HOST_PAGE_BYTES
    while len(runs) > _MOST_RUNS:
        joined: Runs = []
        for offset, length in runs:
            if joined and offset - sum(joined[-1]) <= gap:
                joined[-1] = joined[-1][0], offset + length - joined[-1][0]
            else:
                joined.append((offset, length))
        runs, gap = joined, 2 * gap
    return runs


def _union(old: Runs, new: Runs) -> Runs:
    merged: Runs = []
    for offset, length in sorted(old + new):
        if merged and offset <= sum(merged[-1]):
            merged[-1] = merged[-1][0], max(sum(merged[-1]), offset + length) - merged[-1][0]
        else:
            merged.append((offset, length))
    return merged
