"""Calls of a program's function by the host: JSON in, and JSON out as the text of one main result.

No cell is compiled for a call, and what it needs is part of the image: that spares each call of a fork some hundred
pages of its own.
"""

import _json
from types import CoroutineType

from wasm_interp_kernel import protocol
from wasm_interp_kernel.jsonable import simplify
from wasm_interp_kernel.session import Session

_join = "".join
_make_encoder = _json.make_encoder
_ascii, _unicode = _json.encode_basestring_ascii, _json.encode_basestring


def call(session: Session, name: str, event: object) -> bytes:
    """The frame of what the function returns. Raises what it raises, TypeError or ValueError for what is not JSON."""
    value = session.namespace[name](event)
    if type(value) is CoroutineType:
        return session.await_last(value, answer)
    return answer(value)


def answer(value: object) -> bytes:
    """The frame of a value."""
    text = _encoded(value, _unicode)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        text = _encoded(value, _ascii)
    payload = f'{{"data":{{"application/json":{protocol.quote(text)}}},"metadata":{{}},"main":true}}'
    if len(payload) > protocol.MAX_PAYLOAD_BYTES:
        raise ValueError(f"the answer takes {len(payload)} bytes; {protocol.MAX_PAYLOAD_BYTES} are allowed")
    return protocol.frame(protocol.RESULT, payload)


def _encoded(value: object, quote: object) -> str:
    encode = _make_encoder({}, simplify, quote, None, ": ", ", ", False, False, False)
    return _join(encode(value, 0))
