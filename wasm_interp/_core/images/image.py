"""Linear memory at rest: layers of pages in files, the later over the earlier.

Rule: a layer's file is never written once an image holds it; a private mapping would show the change
in every page that its guest has not yet written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

PAGE_BYTES = 65_536  # a WebAssembly page, the unit of a memory's size
_ZERO_PAGE = bytes(PAGE_BYTES)


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive bytes of linear memory and where the layer's file has them. Multiples of the host's page."""

    address: int
    length: int
    file_offset: int


@dataclass(frozen=True, slots=True)
class Layer:
    """Pages in one open file. The descriptor lives as long as any image that holds the layer may be mapped."""

    descriptor: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """``size_bytes`` of linear memory, a multiple of PAGE_BYTES; bytes in no layer are those of a new instance."""

    size_bytes: int
    layers: tuple[Layer, ...]


def write_pages(memory: memoryview, file: BinaryIO) -> None:
    """Write all of ``memory`` to ``file`` from its start, leaving holes for pages of zeros."""
    for start in range(0, len(memory), PAGE_BYTES):
        page = memory[start : start + PAGE_BYTES]
        if page == _ZERO_PAGE:
            file.seek(len(page), 1)
        else:
            file.write(page)
    file.truncate(len(memory))


def whole_file_image(descriptor: int, size_bytes: int) -> Image:
    """The image that ``write_pages`` wrote."""
    return Image(size_bytes, (Layer(descriptor, (Run(0, size_bytes, 0),)),))
