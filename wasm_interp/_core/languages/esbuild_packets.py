"""Packets of esbuild's service mode: a length, a number, and a value; all little-endian.

Source: esbuild's own clients (stdio_protocol). Rule: pure; what comes from the guest is not trusted.
"""

from __future__ import annotations

import struct
from typing import Any

_NUMBER = struct.Struct("<I")
_HEADER = struct.Struct("<II")
_MAX_PACKET_BYTES = 64 << 20
_MAX_DEPTH = 50
_NULL, _BOOLEAN, _INTEGER, _TEXT, _BYTES, _ARRAY, _OBJECT = range(7)


class PacketError(Exception):
    """Bytes that are no packet."""


def encode_packet(identity: int, *, is_request: bool, value: Any) -> bytes:
    """``value`` is of None, bool, int, str, bytes, lists and dicts."""
    content = bytearray()
    _write(content, value)
    return _HEADER.pack(4 + len(content), identity << 1 | (not is_request)) + content


def split_packets(data: bytearray) -> list[bytes]:
    """The whole packets at the start of ``data``, without their lengths; they are removed from it."""
    packets = []
    start = 0
    while len(data) - start >= _NUMBER.size:
        (length,) = _NUMBER.unpack_from(data, start)
        if length > _MAX_PACKET_BYTES:
            raise PacketError(f"packet of {length} bytes exceeds {_MAX_PACKET_BYTES}")
        end = start + _NUMBER.size + length
        if end > len(data):
            break
        packets.append(bytes(data[start + _NUMBER.size : end]))
        start = end
    del data[:start]
    return packets


def decode_packet(packet: bytes) -> tuple[int, bool, Any]:
    """(number, whether it is a request, value). Raises PacketError."""
    try:
        (number,) = _NUMBER.unpack_from(packet)
        value, end = _read(packet, _NUMBER.size, 0)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise PacketError(f"a packet of {len(packet)} bytes is damaged: {error}") from error
    if end != len(packet):
        raise PacketError(f"a packet of {len(packet)} bytes ends after {end}")
    return number >> 1, not number & 1, value


def _write(content: bytearray, value: Any) -> None:
    match value:
        case None:
            content.append(_NULL)
        case bool():
            content += bytes((_BOOLEAN, value))
        case int():
            content += bytes((_INTEGER,)) + _NUMBER.pack(value)
        case str():
            content.append(_TEXT)
            _write_bytes(content, value.encode())
        case bytes():
            content.append(_BYTES)
            _write_bytes(content, value)
        case list():
            content += bytes((_ARRAY,)) + _NUMBER.pack(len(value))
            for item in value:
                _write(content, item)
        case dict():
            content += bytes((_OBJECT,)) + _NUMBER.pack(len(value))
            for name, item in value.items():
                _write_bytes(content, name.encode())
                _write(content, item)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be sent")


def _write_bytes(content: bytearray, data: bytes) -> None:
    content += _NUMBER.pack(len(data)) + data


def _read(packet: bytes, position: int, depth: int) -> tuple[Any, int]:
    kind, position = packet[position], position + 1
    if depth > _MAX_DEPTH:
        raise PacketError("a packet is nested too deeply")
    match kind:
        case 0:
            return None, position
        case 1:
            return bool(packet[position]), position + 1
        case 2:
            return _NUMBER.unpack_from(packet, position)[0], position + _NUMBER.size
        case 3 | 4:
            data, position = _read_bytes(packet, position)
            return data.decode() if kind == _TEXT else data, position
        case 5:
            (count,) = _NUMBER.unpack_from(packet, position)
            position += _NUMBER.size
            items = []
            for _ in range(count):
                item, position = _read(packet, position, depth + 1)
                items.append(item)
            return items, position
        case 6:
            (count,) = _NUMBER.unpack_from(packet, position)
            position += _NUMBER.size
            fields = {}
            for _ in range(count):
                name, position = _read_bytes(packet, position)
                fields[name.decode()], position = _read(packet, position, depth + 1)
            return fields, position
    raise PacketError(f"a packet holds a value of unknown kind {kind}")


def _read_bytes(packet: bytes, position: int) -> tuple[bytes, int]:
    (length,) = _NUMBER.unpack_from(packet, position)
    start = position + _NUMBER.size
    if start + length > len(packet):
        raise PacketError("a packet is cut short")
    return packet[start : start + length], start + length
