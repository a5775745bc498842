"""A guest's linear memory, as its host functions may touch it.

Rule: every pointer and length of a guest goes through here and is checked against the memory's size
of now. Rule: no slice outlives the call it was made for; ``close`` ends all access.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from wasm_interp._core.vfs.errno import Errno, FileSystemError

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_EMPTY = memoryview(b"")


class GuestMemory:
    """Bounds-checked access. ``refresh`` gives the whole memory anew; it is asked when a guest's
    pointer lies past the size seen last, since the guest may have grown its memory."""

    __slots__ = ("_refresh", "size", "view")

    def __init__(self, refresh: Callable[[], memoryview]) -> None:
        self._refresh = refresh
        self.view = _EMPTY
        self.size = 0

    def close(self) -> None:
        """No access from here on: every pointer is out of bounds."""
        self._refresh = _no_memory
        self.view = _EMPTY
        self.size = 0

    def whole(self) -> memoryview:
        """All of it, at its size of now."""
        self._grow(0)
        return self.view

    def slice(self, pointer: int, length: int) -> memoryview:
        """The bytes themselves, writable. Raises FAULT when they are not all inside."""
        end = pointer + length
        if end > self.size:
            self._grow(end)
        return self.view[pointer:end]

    def read(self, pointer: int, length: int) -> bytes:
        """A copy of the bytes."""
        return bytes(self.slice(pointer, length))

    def write(self, pointer: int, data: bytes | memoryview) -> None:
        """Copy ``data`` to ``pointer``."""
        self.slice(pointer, len(data))[:] = data

    def read_u32(self, pointer: int) -> int:
        """Load a 32-bit number."""
        value: int = self.unpack(_U32, pointer)[0]
        return value

    def write_u32(self, pointer: int, value: int) -> None:
        """Store a 32-bit number."""
        self.pack(_U32, pointer, value)

    def write_u64(self, pointer: int, value: int) -> None:
        """Store a 64-bit number."""
        self.pack(_U64, pointer, value)

    def pack(self, layout: struct.Struct, pointer: int, *values: Any) -> None:
        """Store a structure."""
        end = pointer + layout.size
        if end > self.size:
            self._grow(end)
        layout.pack_into(self.view, pointer, *values)

    def unpack(self, layout: struct.Struct, pointer: int) -> tuple[Any, ...]:
        """Load a structure."""
        end = pointer + layout.size
        if end > self.size:
            self._grow(end)
        return layout.unpack_from(self.view, pointer)

    def text(self, pointer: int, length: int) -> str:
        """A UTF-8 string. Raises ILSEQ when it is none."""
        try:
            return str(self.slice(pointer, length), "utf-8")
        except UnicodeDecodeError:
            raise FileSystemError(Errno.ILSEQ) from None

    def _grow(self, end: int) -> None:
        self.view = self._refresh()
        self.size = len(self.view)
        if end > self.size:
            raise FileSystemError(Errno.FAULT)


def _no_memory() -> memoryview:
    return _EMPTY
