"""Zstandard, with the length known beforehand. From Python 3.14 on it is in the standard library."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType

from wasm_interp.errors import SnapshotFormatError

_LEVEL = 1  # measured on sessions: level 3 is 2 % smaller and takes twice the time
_WINDOW_LOG = 27  # 128 MiB, the most that a decoder may be made to set aside; level 1 writes 19


def _library() -> ModuleType:
    """Imported when a snapshot is made or read: it costs every other program some milliseconds."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def compressed(parts: Iterable[bytes | bytearray | memoryview]) -> bytes:
    """One frame of all ``parts``."""
    zstd = _library()
    compressor = zstd.ZstdCompressor(level=_LEVEL)
    pieces = [compressor.compress(part) for part in parts]
    return b"".join([*pieces, compressor.flush()])


def decompressed(frame: memoryview, length: int, what: str) -> bytes:
    """Exactly one frame, of exactly ``length`` bytes; stops at the first byte past them.

    Raises SnapshotFormatError, which calls the frame ``what``.
    """
    zstd = _library()
    decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
    pieces: list[bytes] = []
    missing = length
    data: memoryview | bytes = frame
    try:
        while not decompressor.eof and missing >= 0:
            piece = decompressor.decompress(data, max_length=missing + 1)
            if not piece and decompressor.needs_input:
                break
            data = b""
            pieces.append(piece)
            missing -= len(piece)
    except zstd.ZstdError as error:
        raise SnapshotFormatError(f"the {what} is damaged: {error}") from None
    if missing or not decompressor.eof or decompressor.unused_data:
        raise SnapshotFormatError(f"the {what} is not one frame of {length} bytes")
    return b"".join(pieces)
