"""The outside of a snapshot: a fixed header, two compressed parts, and a digest or signature over all before it.

    8 bytes  magic; it has a line end, so that a transfer as text shows
    2        version of the format
    2        1 if signed (HMAC-SHA256), 0 if not (SHA-256, against accidents alone)
    4        zero
    4 × 8    lengths: metadata as stored, metadata, body as stored, body
    metadata, body   each one zstd frame
    32       the digest

Rule: it is checked in this order, in full, before anything is decompressed; and no more is decompressed than was
declared, nor than the caller allows.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from wasm_interp._core.snapshots.zstd import compressed, decompressed
from wasm_interp.errors import SnapshotFormatError, SnapshotMismatch

MAGIC = b"WISNAP\r\n"
VERSION = 2
HEADER = struct.Struct("<8sHHI4Q")
DIGEST_BYTES = 32
MAX_METADATA_BYTES = 64 << 20  # 100,000 files take about 12 MiB
_SIGNED = 1


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in an envelope."""

    metadata: bytes
    body: bytes
    is_signed: bool


def seal(metadata: bytes, body: Iterable[bytes | bytearray | memoryview], key: bytes | None) -> bytes:
    """An envelope, signed if there is a key."""
    parts = list(body)
    inside, outside = compressed([metadata]), compressed(parts)
    lengths = len(inside), len(metadata), len(outside), sum(map(len, parts))
    header = HEADER.pack(MAGIC, VERSION, 0 if key is None else _SIGNED, 0, *lengths)
    return b"".join([header, inside, outside, _digest([header, inside, outside], key)])


def open_envelope(data: memoryview, key: bytes | None, most_bytes: int) -> Opened:
    """Only what ``key`` signed is opened; without one, only what is not signed.

    Raises SnapshotFormatError; SnapshotMismatch for another version of the format.
    """
    if len(data) < HEADER.size + DIGEST_BYTES:
        raise SnapshotFormatError(f"{len(data)} bytes are no snapshot: the header alone takes {HEADER.size}")
    magic, version, signed, zero, *lengths = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise SnapshotFormatError(f"this is no snapshot: it begins with {magic!r}")
    if version != VERSION:
        raise SnapshotMismatch(f"the snapshot has version {version} of the format; this wasm_interp reads {VERSION}")
    if signed not in (0, _SIGNED) or zero:
        raise SnapshotFormatError(f"the header has the unknown marks {signed} and {zero}")
    inside_length, metadata_length, outside_length, body_length = lengths
    expected = HEADER.size + inside_length + outside_length + DIGEST_BYTES
    if len(data) != expected:
        raise SnapshotFormatError(f"the snapshot has {len(data)} bytes instead of {expected}")
    if metadata_length > MAX_METADATA_BYTES:
        raise SnapshotFormatError(f"the metadata has {metadata_length} bytes; the limit is {MAX_METADATA_BYTES}")
    if metadata_length + body_length > most_bytes:
        raise SnapshotFormatError(
            f"the snapshot unpacks to {metadata_length + body_length} bytes; the limit max_bytes is {most_bytes}"
        )
    _check_digest(data, key, is_signed=bool(signed))
    middle = HEADER.size + inside_length
    metadata = decompressed(data[HEADER.size : middle], metadata_length, "metadata")
    body = decompressed(data[middle:-DIGEST_BYTES], body_length, "body")
    return Opened(metadata, body, is_signed=bool(signed))


def _check_digest(data: memoryview, key: bytes | None, *, is_signed: bool) -> None:
    if key is not None and not is_signed:
        raise SnapshotFormatError("the snapshot is not signed, and a key was given")
    if key is None and is_signed:
        raise SnapshotFormatError("the snapshot is signed, and no key was given")
    if not hmac.compare_digest(_digest([data[:-DIGEST_BYTES]], key), bytes(data[-DIGEST_BYTES:])):
        wrong = "is signed with another key, or was altered" if is_signed else "is damaged: its checksum is wrong"
        raise SnapshotFormatError(f"the snapshot {wrong}")


def _digest(parts: Iterable[bytes | memoryview], key: bytes | None) -> bytes:
    running = hashlib.sha256() if key is None else hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        running.update(part)
    return running.digest()
