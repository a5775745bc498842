"""Pages copied out of linear memory, and back.

Buffers begin at a page's beginning: where a copy's target lies a few bytes behind its source's place in a page, as it
does in an ordinary bytearray, AMD's `rep movsb`, which the C library copies with, is five times slower
(measured: 0.19 ms against 0.034 ms for 500 KB in 69 runs).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from wasm_interp._core.images.dirty import HOST_PAGE_BYTES, Runs


def page_aligned(size_bytes: int) -> memoryview:
    """A writable buffer of zeros that begins at a page's beginning."""
    if not size_bytes:
        return memoryview(bytearray())
    room = bytearray(size_bytes + HOST_PAGE_BYTES)
    start = -ctypes.addressof(ctypes.c_char.from_buffer(room)) % HOST_PAGE_BYTES
    return memoryview(room)[start : start + size_bytes]


def joined(parts: Sequence[bytes]) -> memoryview:
    """A page-aligned buffer of ``parts`` one after the other."""
    buffer = page_aligned(sum(map(len, parts)))
    position = 0
    for part in parts:
        buffer[position : position + len(part)] = part
        position += len(part)
    return buffer


def copy_runs(memory: memoryview, runs: Runs, target: memoryview) -> None:
    """Copy the bytes of ``runs`` one after the other to the beginning of ``target``."""
    position = 0
    for offset, length in runs:
        target[position : position + length] = memory[offset : offset + length]
        position += length


def write_runs(address: int, runs: Runs, data: memoryview) -> None:
    """Copy ``data``, which begins with the bytes of ``runs`` one after the other, into linear memory."""
    if not runs:
        return
    source = ctypes.addressof(ctypes.c_ubyte.from_buffer(data))
    for offset, length in runs:
        ctypes.memmove(address + offset, source, length)
        source += length
