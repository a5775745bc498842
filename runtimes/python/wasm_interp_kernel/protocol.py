"""Frames to the host and requests from it.

A frame is a header (magic, kind, zero, payload length) and a JSON payload; several may travel in one call of the
door. A request is the JSON of one turn. Everything used per frame is a C function bound here, so patching ``json``
or ``builtins`` changes nothing.
"""

import _json
from json import JSONDecoder
from struct import Struct

import _host

MAGIC = b"\xf7WI\x01"
RESULT, ERROR, DONE, INPUT, CLEAR, UPDATE, WAITING = 1, 2, 3, 4, 5, 6, 7
MAX_PAYLOAD_BYTES = 16 << 20  # the decoder on the other side refuses more

_pack_header = Struct("<4sBxI").pack
_call = _host.call
_scan = _json.make_scanner(JSONDecoder())
_join = "".join
quote = _json.encode_basestring_ascii


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is not JSON")


_encode = _json.make_encoder(None, _refuse, quote, None, ":", ",", False, False, False)


def to_json(value: object) -> str:
    """JSON text (ASCII). Raises TypeError or ValueError for what JSON cannot hold, NaN included."""
    return _join(_encode(value, 0))


def from_json(text: str) -> object:
    return _scan(text, 0)[0]


def frame(kind: int, payload: str) -> bytes:
    """One frame around ASCII JSON. The caller keeps the payload within MAX_PAYLOAD_BYTES."""
    return _pack_header(MAGIC, kind, len(payload)) + payload.encode("ascii")


DONE_FRAME = frame(DONE, "{}")


def text_result(text: str, *, main: bool) -> bytes:
    """The commonest result, one text/plain, without building a dictionary."""
    flag = "true" if main else "false"
    return frame(RESULT, f'{{"data":{{"text/plain":{quote(text)}}},"metadata":{{}},"main":{flag}}}')


def send(frames: bytes) -> bytes:
    """Hand frames to the host; returns its reply (empty unless a frame asks for one)."""
    return _call(frames)
