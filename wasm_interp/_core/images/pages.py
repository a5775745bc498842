"""What a sealed memory has that its template has not, as bytes to keep; and a sealed memory made of such bytes.

The bytes are differences (exclusive or) from the template's, since most pages that a session changes differ in a few
reference counts: they compress to a tenth of what the pages themselves do. Past the template they are the pages.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from types import TracebackType

from wasm_interp._core.images.arena import Arena, Region
from wasm_interp._core.images.checkpoint import LONG_BYTES, MOST_RUNS, Scattered, Sealed, coalesced
from wasm_interp._core.images.copies import joined
from wasm_interp._core.images.dirty import HOST_PAGE_BYTES, Runs
from wasm_interp._core.images.image import Image, Layer, Run

SNAPSHOT_PAGE_BYTES = 4096  # whatever the host's pages are
_MOST_SPREAD_RUNS = 4
_MOST_SPREAD_BYTES = 8 << 20  # kept once for all instances
_ZEROS = bytes(SNAPSHOT_PAGE_BYTES)


def differences(template: Image, sealed: Sealed) -> tuple[Runs, bytes]:
    """(address, length) of every run of pages that differ from ``template``, ascending, and their differences.

    ``sealed`` was made from ``template``.
    """
    with mmap.mmap(-1, sealed.image.size_bytes) as memory, _Original(template) as original, memoryview(memory) as view:
        runs = _joined(at for at in _gather(sealed, view) if not original.has(at, view[at : at + SNAPSHOT_PAGE_BYTES]))
        return runs, b"".join(original.difference(at, view[at : at + length]) for at, length in runs)


def sealed_with(template: Image, arena: Arena, size_bytes: int, runs: Runs, data: memoryview) -> Sealed:
    """The memory of which ``differences`` gave ``runs`` and ``data``; the caller holds it.

    The caller has checked ``size_bytes``, and that the runs are whole pages in order below it.
    Raises OSError or MemoryError when the system has no memory for it.
    """
    long: Runs = []
    scattered: Runs = []
    region = None
    copied: list[bytes] = []
    position = 0
    try:
        with _Original(template) as original:
            for address, length in runs:
                content = original.difference(address, data[position : position + length])
                position += length
                if length >= LONG_BYTES and len(long) < MOST_RUNS and _fits_host_pages(address, length):
                    region = region or arena.new_region()
                    region.write(address, memoryview(content))
                    long.append((address, length))
                else:
                    copied.append(content)
                    scattered.append((address, length))
    except BaseException:
        if region is not None:
            region.release()
        raise
    aside = Scattered(scattered, joined(copied))
    if region is None:
        return Sealed(Image(size_bytes, template.layers), (), aside)
    layer = Layer(region.descriptor, tuple(Run(at, length, region.offset + at) for at, length in long))
    return Sealed(Image(size_bytes, (*template.layers, layer)), (region,), aside)


def spread(template: Image, arena: Arena, sealed: Sealed) -> Sealed:
    """The same memory with nothing to copy, for many short-lived instances; the caller holds it beside ``sealed``.

    A page that is copied into an instance costs it a page fault; one that is mapped costs that only where the instance
    writes to it. So what lies between the pages is mapped with them, where that takes few runs and not much memory:
    in a JavaScript context. Elsewhere it is ``sealed`` itself, since each mapping costs more than a page fault.
    Raises OSError or MemoryError when the system has no memory for it.
    """
    runs = coalesced(sealed.scattered.runs, _MOST_SPREAD_RUNS)
    if not runs or sum(length for _, length in runs) > _MOST_SPREAD_BYTES:
        sealed.retain()
        return sealed
    region = arena.new_region()
    try:
        _write_whole(template, sealed, runs, region)
    except BaseException:
        region.release()
        raise
    for each in sealed.regions:
        each.retain()
    layer = Layer(region.descriptor, tuple(Run(at, length, region.offset + at) for at, length in runs))
    image = Image(sealed.image.size_bytes, (*sealed.image.layers, layer))
    return Sealed(image, (*sealed.regions, region))


def _write_whole(template: Image, sealed: Sealed, runs: Runs, region: Region) -> None:
    """Write the pages of ``runs`` to ``region``, those that are the template's too."""
    size = sealed.image.size_bytes
    with mmap.mmap(-1, size) as memory, _Original(template) as original, memoryview(memory) as view:
        written = set(_gather(sealed, view))
        for address, length in runs:
            for at in range(address, address + length, SNAPSHOT_PAGE_BYTES):
                if at not in written:
                    original.copy_page(at, view[at : at + SNAPSHOT_PAGE_BYTES])
            region.write(address, view[address : address + length])


class _Original:
    """A template's bytes; zeros past its end. Its image is one file."""

    def __init__(self, template: Image) -> None:
        (layer,) = template.layers
        self._size = template.size_bytes
        self._file = mmap.mmap(layer.descriptor, self._size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        self._view = memoryview(self._file)

    def has(self, address: int, page: memoryview) -> bool:
        """Whether this page is as ``page``."""
        if address >= self._size:
            return page == _ZEROS
        return page == self._view[address : address + SNAPSHOT_PAGE_BYTES]

    def copy_page(self, address: int, target: memoryview) -> None:
        """Put the page at ``address`` into ``target``; past the end it is zeros, as ``target`` is."""
        if address < self._size:
            target[:] = self._view[address : address + SNAPSHOT_PAGE_BYTES]

    def difference(self, address: int, content: memoryview) -> bytes:
        """What turns the bytes here into ``content``, and ``content`` into them."""
        original = self._view[address : address + len(content)]
        mixed = int.from_bytes(original, "little") ^ int.from_bytes(content[: len(original)], "little")
        return mixed.to_bytes(len(original), "little") + bytes(content[len(original) :])

    def __enter__(self) -> _Original:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._view.release()
        self._file.close()


def _gather(sealed: Sealed, memory: memoryview) -> list[int]:
    """Put what was written since the template into ``memory``; the addresses of those pages, ascending."""
    written: Runs = []
    for layer in sealed.image.layers[1:]:
        for run in layer.runs:
            _read(layer.descriptor, run, memory)
            written.append((run.address, run.length))
    position = 0
    for address, length in sealed.scattered.runs:
        memory[address : address + length] = sealed.scattered.data[position : position + length]
        position += length
        written.append((address, length))
    return sorted({at for address, length in written for at in range(address, address + length, SNAPSHOT_PAGE_BYTES)})


def _read(descriptor: int, run: Run, memory: memoryview) -> None:
    done = 0
    while done < run.length:
        target = memory[run.address + done : run.address + run.length]
        count = os.preadv(descriptor, [target], run.file_offset + done)
        if not count:
            raise OSError(f"a layer ends {run.length - done} bytes early")
        done += count


def _joined(pages: Iterable[int]) -> Runs:
    runs: Runs = []
    for at in pages:
        if runs and sum(runs[-1]) == at:
            runs[-1] = runs[-1][0], runs[-1][1] + SNAPSHOT_PAGE_BYTES
        else:
            runs.append((at, SNAPSHOT_PAGE_BYTES))
    return runs


def _fits_host_pages(address: int, length: int) -> bool:
    return address % HOST_PAGE_BYTES == 0 and length % HOST_PAGE_BYTES == 0
