"""Frames: how a guest's kernel speaks to the host.

Layout, little-endian: magic (4), kind (1), zero (1), payload length (4), payload (UTF-8 JSON).
Rule: pure; bytes in, frames out, no I/O. Rule: the sender is hostile; every length is checked
before a byte is kept, and a frame can only ever describe its own sender's result.

Frames travel through the guest's host call, not on its stdout: what a program writes to fd 1 and
fd 2 is its output, byte for byte, even if it looks like a frame.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from wasm_interp.errors import ProtocolError

MAGIC = b"\xf7WI\x01"
HEADER = struct.Struct("<4sBxI")
MAX_FRAME_BYTES = 16 << 20  # a 4K PNG is about 12 MiB; larger output belongs in a file
# In one call of the guest, during which it cannot be stopped: five million empty frames, which fit into one, kept the
# host busy for half a minute and took it half a gigabyte. Our kernels send three at most.
MAX_FRAMES_AT_ONCE = 64


class FrameKind(IntEnum):
    """What a frame carries."""

    RESULT = 1
    ERROR = 2
    DONE = 3
    INPUT = 4
    CLEAR = 5
    UPDATE = 6
    WAITING = 7


_KINDS = {int(kind): kind for kind in FrameKind}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, its payload not yet read."""

    kind: FrameKind
    payload: bytes


def encode_frame(kind: FrameKind, payload: bytes) -> bytes:
    """The frame as bytes."""
    return HEADER.pack(MAGIC, kind, len(payload)) + payload


class FrameDecoder:
    """Bytes in, frames out; frames may be split anywhere. Holds at most one frame's bytes.

    Raises ProtocolError on bytes that are no frame, and on more than MAX_FRAMES_AT_ONCE; the decoder then drops what
    it held, so the next frame can be read.
    """

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that has begun but not ended."""
        return len(self._held)

    def receive_data(self, data: bytes) -> list[Frame]:
        """Every frame that ``data`` completes, in order."""
        held, self._held = self._held, bytearray()
        if not held:
            frames, end = _read(data)
            self._held += data[end:]
            return frames
        held += data  # in place: a frame that comes byte by byte is not copied at each
        frames, end = _read(held)
        del held[:end]
        self._held = held
        return frames


def _read(buffer: bytes | bytearray) -> tuple[list[Frame], int]:
    """The frames that are whole, and where what is left begins, which may yet become one."""
    frames: list[Frame] = []
    start = 0
    while len(buffer) - start >= HEADER.size:
        kind, length = _header(buffer, start)
        end = start + HEADER.size + length
        if end > len(buffer):
            break
        if len(frames) == MAX_FRAMES_AT_ONCE:
            raise ProtocolError(f"more than {MAX_FRAMES_AT_ONCE} frames at once")
        frames.append(Frame(kind, bytes(buffer[start + HEADER.size : end])))
        start = end
    _check_magic(bytes(buffer[start : start + len(MAGIC)]))
    return frames, start


def _header(buffer: bytes | bytearray, start: int) -> tuple[FrameKind, int]:
    magic, kind, length = HEADER.unpack_from(buffer, start)
    _check_magic(magic)
    if kind not in _KINDS:
        raise ProtocolError(f"frame of unknown kind {kind}")
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"frame of {length} bytes exceeds {MAX_FRAME_BYTES}")
    return _KINDS[kind], length


def _check_magic(magic: bytes) -> None:
    if not MAGIC.startswith(magic):
        raise ProtocolError(f"no frame begins with {magic!r}")
