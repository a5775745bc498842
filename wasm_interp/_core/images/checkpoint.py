"""The state that one instance can be brought back to: its base image and what was written since.

`take` is called between runs, and costs what was written since the last `take`, not what the context holds:

- few pages written: they are copied aside, and stay as they are, since the next run will write most of them again;
- many: they are written to a region of the arena and mapped from there, so the next `take` does not meet them.

Rule: no guest runs during either call. Rule: the region outlives every instance that maps it: freeing it would
turn what they have not written themselves into zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

from wasm_interp._core.images.arena import Arena, Region
from wasm_interp._core.images.dirty import HOST_PAGE_BYTES, Runs, Scanner
from wasm_interp._core.images.image import Image, Layer, Run
from wasm_interp._core.images.mapping import Mapper, write_runs

COPIED_ASIDE_BYTES = 2 << 20  # copying these again costs about what mapping and faulting in as many pages does
_MOST_RUNS = 256  # of one take: a process may have 65,530 mappings, and 1,000 contexts
_MOST_LAYERS = 8  # of a sealed image; more are made into one, since each costs every instance its mappings


@dataclass(frozen=True, slots=True)
class Sealed:
    """Memory at rest, which is never written again: any number of instances may be made from it.

    Whoever keeps one holds its regions, by ``retain`` and ``release``.
    """

    image: Image
    regions: tuple[Region, ...] = ()

    def retain(self) -> None:
        """One more holder."""
        for region in self.regions:
            region.retain()

    def release(self) -> None:
        """One holder less."""
        for region in self.regions:
            region.release()


class Checkpoint:
    """Follows one instance's memory; ``place`` makes another instance's memory what it was at the last ``take``."""

    def __init__(self, base: Sealed, scanner: Scanner, arena: Arena, mapper: Mapper) -> None:
        """``base`` is what the instance was made from, and what it can be brought back to at first."""
        self._scanner = scanner
        self._arena = arena
        self._mapper = mapper
        self._base = base
        base.retain()
        self._size_bytes = base.image.size_bytes
        self._region: Region | None = None
        self._kept: Runs = []  # in the region
        self._aside = bytearray()
        self._aside_runs: Runs = []
        self._outdated: list[Sealed] = []  # no longer the base, but still mapped by the instance
        self._is_valid = True
        self.taken_bytes = 0  # what the last ``take`` copied, beyond what is copied aside each time

    @property
    def base(self) -> Image:
        """What must be in place before ``place``."""
        return self._base.image

    @property
    def is_valid(self) -> bool:
        """Whether there is a state to go back to: the base, or what the last ``take`` or ``seal`` remembered."""
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
        """Make the memory at ``address``, of at least ``size_bytes``, what it was. The base is in place already."""
        if self._region is not None and self._kept:
            self._mapper.place(Image(self._size_bytes, (self._layer(self._region, self._kept),)), address)
        write_runs(address, self._aside_runs, self._aside)

    def seal(self, memory: memoryview, address: int) -> Sealed:
        """``memory`` as it is now, for others to be made from; the caller holds it. It is remembered as by ``take``.

        Raises OSError or MemoryError when the system has no memory for it.
        """
        self._is_valid = False
        runs = _coalesced(self._scanner.runs(address, len(memory)))
        if runs:
            self._keep(memory, address, runs)
        self._aside_runs, self._size_bytes = [], len(memory)
        self._grow_base()
        if len(self._base.image.layers) > _MOST_LAYERS:
            self._flatten_base(memory)
        self._is_valid = True
        self._base.retain()
        return self._base

    def invalidate(self) -> None:
        """The instance has changed, and nothing is remembered of it."""
        self._is_valid = False

    def restart(self, base: Sealed) -> None:
        """Follow another instance, made from ``base``, when the former one is gone."""
        base.retain()
        self.close()
        self._base = base
        self._size_bytes = base.image.size_bytes
        self._is_valid = True

    def close(self) -> None:
        """Give the memory back, when no instance maps it any more. Idempotent."""
        self._is_valid = False
        for sealed in [self._base, *self._outdated]:
            sealed.release()
        self._base, self._outdated = Sealed(self._base.image), []
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

    def _grow_base(self) -> None:
        """What was kept becomes the base's last layer; the region is the base's from here on."""
        base, region = self._base, self._region
        layers, regions = base.image.layers, base.regions
        if region is not None and self._kept:
            layers, regions = (*layers, self._layer(region, self._kept)), (*regions, region)
            self._region, self._kept = None, []
        self._base = Sealed(Image(self._size_bytes, layers), regions)  # our one hold of each region goes with it

    def _flatten_base(self, memory: memoryview) -> None:
        first, *others = self._base.image.layers
        runs: Runs = []
        for layer in others:
            runs = _union(runs, [(run.address, run.length) for run in layer.runs])
        region = self._arena.new_region()
        for offset, length in runs:
            region.write(offset, memory[offset : offset + length])
        self._outdated.append(self._base)
        self._base = Sealed(Image(self._size_bytes, (first, self._layer(region, runs))), (region,))

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
