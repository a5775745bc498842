"""The state that one instance can be brought back to: its base image and what was written since.

`take` is called between runs, and costs what was written since the last `take`, not what the context holds:

- few pages written: they are copied aside, and stay as they are, since the next run will write most of them again;
- many: they are written to a region of the arena and mapped from there, so the next `take` does not meet them.

Which pages were written is asked of the system only where a run may have added some (faults.py): asking costs
more than copying what a small cell writes.

`seal` does the same for others to share. Long runs of pages become a layer, which all map; pages here and there are
copied into each, since a mapping of its own costs a short run more than its bytes, and a process may have only so many.

Rule: no guest runs during either call. Rule: the region outlives every instance that maps it: freeing it would
turn what they have not written themselves into zeros.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from wasm_interp._core.images.arena import Arena, Region
from wasm_interp._core.images.copies import copy_runs, page_aligned, write_runs
from wasm_interp._core.images.dirty import HOST_PAGE_BYTES, Runs, Scanner
from wasm_interp._core.images.image import Image, Layer, Run
from wasm_interp._core.images.mapping import CopyMapper, Mapper, MappingBudget, mapping_budget, mappings_of

COPIED_ASIDE_BYTES = 2 << 20  # copying these again costs about what mapping and faulting in as many pages does
SCATTERED_BYTES = 8 << 20  # of one sealed state: a session with a few tables and figures has 1 to 6 MB here and there
LONG_BYTES = 64 << 10  # a shorter run is copied faster than mapped
MOST_RUNS = 256  # of one layer: a process may have 65,530 mappings, and 1,000 contexts
# Of a sealed image, the template aside. More are made into one, since each costs every instance its mappings; so are
# those of which more than half lies under later ones.
_MOST_LAYERS = 8


@dataclass(frozen=True, slots=True)
class Scattered:
    """Pages that are copied, not mapped: ``data`` begins with the bytes of ``runs``, one after the other."""

    runs: Runs = field(default_factory=list)
    data: memoryview = field(default_factory=lambda: page_aligned(0))


@dataclass(frozen=True, slots=True)
class Sealed:
    """Memory at rest, which is never written again: any number of instances may be made from it.

    Whoever keeps one holds its regions, by ``retain`` and ``release``. ``scattered`` lies over the image.
    """

    image: Image
    regions: tuple[Region, ...] = ()
    scattered: Scattered = field(default_factory=Scattered)

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

    def __init__(
        self, base: Sealed, scanner: Scanner, arena: Arena, mapper: Mapper, budget: MappingBudget | None = None
    ) -> None:
        """``base`` is what the instance is made from, and what it can be brought back to at first."""
        self._scanner = scanner
        self._arena = arena
        self._mapper = mapper
        self._budget = budget or mapping_budget()
        self._mappings = 0  # taken from the budget
        self._kept_mappings = 0  # of these, for what is kept in the region
        self._base = base
        base.retain()
        self._size_bytes = base.image.size_bytes
        self._region: Region | None = None
        self._kept: Runs = []  # in the region
        self._is_kept_mapped = False
        self._aside = base.scattered
        self._buffer = page_aligned(0)
        self._known: Runs | None = None  # written pages of the base's file, as the last ``take`` left them
        self._outdated: list[Sealed] = []  # no longer the base, but still mapped by the instance
        self._is_valid = True
        self._refused_bytes = 0  # what the last ``take`` would have cost, if it was too much
        self.taken_bytes = 0  # what the last ``take`` copied, beyond what is copied aside each time

    @property
    def is_valid(self) -> bool:
        """Whether there is a state to go back to: the base, or what the last ``take`` or ``seal`` remembered."""
        return self._is_valid

    @property
    def size_bytes(self) -> int:
        """Linear memory's size at the last ``take``."""
        return self._size_bytes

    def take(self, memory: memoryview, address: int, most_bytes: int | None, *, may_have_more: bool = True) -> bool:
        """Remember ``memory``, which begins at ``address`` of this process.

        may_have_more: whether a page may have been written since the last ``take`` that had not been before it.
        False, and nothing is remembered any more, if ``taken_bytes`` would be more than ``most_bytes``, or if the
        system has no memory for it.
        """
        self._is_valid = False
        self.taken_bytes = 0
        if most_bytes is not None and not may_have_more and self._refused_bytes > most_bytes:
            return False  # it would be no less now, and to ask again takes milliseconds where there are many pages
        self._refused_bytes = 0
        written = self._written(address, len(memory), may_have_more=may_have_more)
        mapped, aside = _parted(written, COPIED_ASIDE_BYTES, at_once=COPIED_ASIDE_BYTES)
        cost = _length(mapped) + max(_length(aside) - COPIED_ASIDE_BYTES, 0)
        if most_bytes is not None and cost > most_bytes:
            self._refused_bytes = cost
            return False
        try:
            self._remember(memory, address, mapped, aside)
        except (OSError, MemoryError):
            return False
        self.taken_bytes = cost
        self._is_valid = True
        return True

    def place(self, address: int) -> None:
        """Make the memory at ``address``, of at least ``size_bytes``, that of a new instance, what it was.

        The former instance is gone.
        """
        self._give_back_mappings()
        layers = self._base.image.layers
        self._mapper.place(Image(self._size_bytes, layers[:1]), address)
        for layer in layers[1:]:
            self._place_layer(layer, address, self._may_map(layer))
        if self._region is not None and self._kept:
            self._place_layer(self._layer(self._region, self._kept), address, self._may_map_kept(self._region))
        write_runs(address, self._aside.runs, self._aside.data)

    def bring_back(self, memory: memoryview, address: int, reference: int, *, may_have_more: bool) -> bool:
        """Make ``memory`` the base again where it stands; ``reference`` is where this process has the base's bytes.

        The pages stay the instance's own, so that it writes to them again without a page fault. False, and nothing is
        changed, where something was kept since: then the base alone does not say what the instance has mapped.
        """
        if self._region is not None or len(memory) != self._base.image.size_bytes:
            return False
        for offset, length in self._written(address, len(memory), may_have_more=may_have_more):
            ctypes.memmove(address + offset, reference + offset, length)
        self._aside = self._base.scattered
        self._size_bytes = len(memory)
        self._is_valid = True
        return True

    def seal(self, memory: memoryview, address: int) -> Sealed:
        """``memory`` as it is now, for others to be made from; the caller holds it. It is remembered as by ``take``.

        Raises OSError or MemoryError when the system has no memory for it.
        """
        self._is_valid = False
        self._known = None
        long, scattered = _parted(self._scanner.runs(address, len(memory)), SCATTERED_BYTES)
        if long:
            self._keep(memory, address, long)
        self._aside = _scattered(memory, scattered, page_aligned(_length(scattered)))
        self._size_bytes = len(memory)
        self._grow_base()
        own = self._base.image.layers[1:]
        written = _all_runs(own)
        if len(own) >= _MOST_LAYERS or sum(map(_layer_bytes, own)) > 2 * _length(written):
            self._flatten_base(memory, written)
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
        self._aside = base.scattered
        self._size_bytes = base.image.size_bytes
        self._known = None
        self._refused_bytes = 0
        self._is_valid = True

    def close(self) -> None:
        """Give the memory back, when no instance maps it any more. Idempotent."""
        self._is_valid = False
        self._give_back_mappings()
        for sealed in [self._base, *self._outdated]:
            sealed.release()
        self._base, self._outdated = Sealed(self._base.image), []
        if self._region is not None:
            self._region.release()
            self._region = None
        self._aside, self._buffer, self._kept = Scattered(), page_aligned(0), []

    def _written(self, address: int, length: int, *, may_have_more: bool) -> Runs:
        """The written pages. Those past the base's file are asked for each time: see faults.py."""
        end = min(_file_bytes(self._base.image), length)
        if may_have_more or self._known is None:
            self._known = self._scanner.runs(address, end)
        if end == length:
            return self._known
        return self._known + [(end + offset, size) for offset, size in self._scanner.runs(address + end, length - end)]

    def _remember(self, memory: memoryview, address: int, mapped: Runs, aside: Runs) -> None:
        if mapped:
            self._known = None
            self._keep(memory, address, mapped)
        if len(self._buffer) < _length(aside):  # with room for more: a new buffer's pages are faulted in one by one
            self._buffer = page_aligned(max(_length(aside), min(2 * _length(aside), COPIED_ASIDE_BYTES)))
        self._aside = _scattered(memory, aside, self._buffer)
        self._size_bytes = len(memory)

    def _grow_base(self) -> None:
        """What was kept becomes the base's last layer; the region is the base's from here on."""
        base, region = self._base, self._region
        first, own = base.image.layers[:1], list(zip(base.image.layers[1:], base.regions, strict=True))
        if region is not None and self._kept:
            own = [*self._not_covered(own), (self._layer(region, self._kept), region)]
            self._region, self._kept, self._kept_mappings = None, [], 0
        layers = (*first, *(layer for layer, _ in own))
        # Our one hold of each region goes with it.
        self._base = Sealed(Image(self._size_bytes, layers), tuple(region for _, region in own), self._aside)

    def _not_covered(self, own: list[tuple[Layer, Region]]) -> list[tuple[Layer, Region]]:
        """Those of which something is seen under what was kept; the others are let go."""
        seen: list[tuple[Layer, Region]] = []
        covered: list[tuple[Layer, Region]] = []
        for layer, region in own:
            (covered if _lies_in(layer, self._kept) else seen).append((layer, region))
        for layer, region in covered:
            if self._is_kept_mapped:
                region.release()
            else:  # the instance still maps it
                self._outdated.append(Sealed(Image(self._size_bytes, (layer,)), (region,)))
        return seen

    def _flatten_base(self, memory: memoryview, runs: Runs) -> None:
        first = self._base.image.layers[0]
        region = self._arena.new_region()
        try:
            for offset, length in runs:
                region.write(offset, memory[offset : offset + length])
        except OSError:
            region.release()
            raise
        self._outdated.append(self._base)
        image = Image(self._size_bytes, (first, self._layer(region, runs)))
        self._base = Sealed(image, (region,), self._aside)

    def _keep(self, memory: memoryview, address: int, runs: Runs) -> None:
        if self._region is None:
            self._region = self._arena.new_region()
        for offset, length in runs:
            self._region.write(offset, memory[offset : offset + length])
        # Before they are mapped: should that fail half way, the next scan does not meet those that were.
        self._kept = _union(self._kept, runs)
        self._is_kept_mapped = self._may_map_kept(self._region)
        if self._is_kept_mapped:  # else they stay the instance's own, and the next scan meets them again
            self._mapper.place(Image(len(memory), (self._layer(self._region, runs),)), address)

    def _place_layer(self, layer: Layer, address: int, may_map: bool) -> None:
        if may_map:
            self._mapper.place(Image(self._size_bytes, (layer,)), address)
        else:
            CopyMapper().place_layer(layer, address)

    def _layer(self, region: Region, runs: Runs) -> Layer:
        return Layer(region.descriptor, tuple(Run(at, length, region.offset + at) for at, length in runs))

    def _may_map(self, layer: Layer) -> bool:
        count = mappings_of(layer)
        if not self._budget.take(count):
            return False
        self._mappings += count
        return True

    def _may_map_kept(self, region: Region) -> bool:
        """All that is kept counts, not each time that some of it is mapped anew: the system joins neighbours."""
        more = mappings_of(self._layer(region, self._kept)) - self._kept_mappings
        if not self._budget.take(more):
            return False
        self._kept_mappings += more
        self._mappings += more
        return True

    def _give_back_mappings(self) -> None:
        self._budget.give_back(self._mappings)
        self._mappings = self._kept_mappings = 0


def _file_bytes(image: Image) -> int:
    """How far linear memory is mapped from the image's first file."""
    runs = image.layers[0].runs if image.layers else ()
    return runs[0].length if len(runs) == 1 and runs[0].address == 0 else 0


def _lies_in(layer: Layer, runs: Runs) -> bool:
    """Whether every page of ``layer`` is in ``runs``, which are ascending."""
    starts = [offset for offset, _ in runs]
    for run in layer.runs:
        index = bisect_right(starts, run.address) - 1
        if index < 0 or run.address + run.length > sum(runs[index]):
            return False
    return True


def _all_runs(layers: Sequence[Layer]) -> Runs:
    runs: Runs = []
    for layer in layers:
        runs = _union(runs, [(run.address, run.length) for run in layer.runs])
    return runs


def _layer_bytes(layer: Layer) -> int:
    return sum(run.length for run in layer.runs)


def _length(runs: Runs) -> int:
    return sum(length for _, length in runs)


def _scattered(memory: memoryview, runs: Runs, buffer: memoryview) -> Scattered:
    copy_runs(memory, runs, buffer)
    return Scattered(runs, buffer)


def _parted(runs: Runs, most_scattered: int, at_once: int = 0) -> tuple[Runs, Runs]:
    """Runs to map, and those to copy: all of them up to ``at_once`` bytes, else ``most_scattered`` bytes of short ones.

    More than that are mapped as well, unless most of what would then be kept is what lies between them.
    """
    if _length(runs) <= at_once:
        return [], runs
    long = [run for run in runs if run[1] >= LONG_BYTES]
    scattered = [run for run in runs if run[1] < LONG_BYTES]
    if len(long) <= MOST_RUNS and _length(scattered) <= most_scattered:
        return long, scattered
    joined = coalesced(runs, MOST_RUNS)
    if _length(joined) <= 2 * _length(runs):
        return joined, []
    return coalesced(long, MOST_RUNS), scattered


def coalesced(runs: Runs, most_runs: int) -> Runs:
    """The same pages in at most ``most_runs`` runs, with some clean pages between them."""
    gap = HOST_PAGE_BYTES
    while len(runs) > most_runs:
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
