"""Messages: what frames mean. Payloads are checked field by field; nothing of a guest's JSON is trusted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from wasm_interp._core.protocol.frames import HEADER, Frame, FrameKind
from wasm_interp.errors import ProtocolError
from wasm_interp.results import HostRequest


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """A displayed object: mime type -> value."""

    bundle: dict[str, Any]
    is_main_result: bool
    display_id: str | None


@dataclass(frozen=True, slots=True)
class UpdateMessage:
    """A displayed object replaces the one shown under the same id."""

    bundle: dict[str, Any]
    display_id: str


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """The cell ended with an exception."""

    name: str
    value: str
    traceback: list[str]
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class InputMessage:
    """The program waits for a line of input."""

    prompt: str
    password: bool


@dataclass(frozen=True, slots=True)
class ClearMessage:
    """Drop what was displayed; ``wait`` until the next display."""

    wait: bool


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """The cell awaits what only the host can give, and goes on when it is told."""

    requests: tuple[HostRequest, ...]


@dataclass(frozen=True, slots=True)
class DoneMessage:
    """The run is over."""


_DONE = DoneMessage()
Message = ResultMessage | UpdateMessage | ErrorMessage | InputMessage | ClearMessage | WaitingMessage | DoneMessage


_MOST_REQUESTS = 1_000
_MOST_REQUEST_ID_CHARS = 100
_MOST_REQUEST_NAME_CHARS = 1_000
# What follows the parser in the caller's program recurses too: to_json, repr, a comparison. How deep it may go hangs on
# how deep its stack is already, so the bound is well below Python's thousand. Our kernels stop at 100 and 200.
MAX_DEPTH = 256
# An empty list takes 3 bytes of a frame and 64 of the host: a frame full of them took 400 MB and two seconds. Our
# kernels stop at 200,000 values.
MAX_VALUES = 2_000_000
_VALUE_WEIGHT = 16
_FREE_VALUES = 1_000  # so that what is small counts for its bytes
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?+', re.DOTALL)  # one without an end too, to be linear
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # one up, one down, as signed bytes
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))

# How JSON that is otherwise sound can hold half of a surrogate pair, which no caller could encode as UTF-8.
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def weight_bytes(frame: Frame) -> int:
    """What a frame counts for against the output limit: its bytes, or a quarter of what its values take here, if more.

    Values outside text take up to 64 bytes each. Without this, 30 MB of `{"":0}` were 900 MB of results.
    """
    payload = frame.payload
    size = HEADER.size + len(payload)
    if _weight(payload) <= size:
        return size
    return max(size, _weight(_STRING.sub(b"", payload)))


def _weight(structure: bytes) -> int:
    return _VALUE_WEIGHT * (_count(structure, b"[{,:") - _FREE_VALUES)


def read_message(frame: Frame) -> Message:
    """The message in ``frame``. Raises ProtocolError on a payload of another shape.

    Numbers are finite. Text is Unicode that UTF-8 can hold: a lone surrogate becomes U+FFFD, as in output.
    """
    payload = frame.payload
    if frame.kind is FrameKind.DONE and payload == b"{}":
        return _DONE
    _check_shape(frame)
    try:
        fields = _from_json(payload.decode())
        if _ESCAPED_SURROGATE.search(payload):
            fields = _whole_text(fields)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"{frame.kind.name} frame holds no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ProtocolError(f"{frame.kind.name} frame holds {type(fields).__name__}, not an object")
    return _READERS[frame.kind](fields)


def _check_shape(frame: Frame) -> None:
    """Raises ProtocolError for JSON that is too deep or has too many values; found without parsing it."""
    payload = frame.payload
    if len(payload) <= MAX_DEPTH:
        return
    if _count(payload, b"[{") <= MAX_DEPTH and _count(payload, b",:") <= MAX_VALUES:
        return
    structure = _STRING.sub(b"", payload)
    brackets = structure.translate(_STEPS, _NO_BRACKETS)
    if max(accumulate(memoryview(brackets).cast("b")), default=0) > MAX_DEPTH:
        raise ProtocolError(f"{frame.kind.name} frame is nested deeper than {MAX_DEPTH}")
    if (values := _count(structure, b"[{,:")) > MAX_VALUES:
        raise ProtocolError(f"{frame.kind.name} frame of {values} values exceeds {MAX_VALUES}")


def _count(data: bytes, wanted: bytes) -> int:
    return sum(data.count(each) for each in wanted)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits} is too large a number")
    return value


_from_json = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite).decode


def _whole_text(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_whole_text(item) for item in value]
        case dict():
            return {_whole_text(name): _whole_text(item) for name, item in value.items()}
    return value


def _result(fields: dict[str, Any]) -> ResultMessage:
    metadata = _get(fields, "metadata", dict, {})
    return ResultMessage(
        _get(fields, "data", dict), _get(fields, "main", bool, False), _get(metadata, "display_id", str, None)
    )


def _update(fields: dict[str, Any]) -> UpdateMessage:
    return UpdateMessage(_get(fields, "data", dict), _get(fields, "display_id", str))


def _error(fields: dict[str, Any]) -> ErrorMessage:
    lines = _get(fields, "traceback", list, [])
    if not all(isinstance(line, str) for line in lines):
        raise ProtocolError("field 'traceback' holds something other than text")
    name = _get(fields, "name", str)
    exit_code = _exit_code(fields.get("exit_code")) if "exit_code" in fields else None
    return ErrorMessage(name, _get(fields, "value", str), lines, exit_code)


def _exit_code(asked: object) -> int:
    """What a process would end with: a number's low byte, 0 for nothing, 1 for a message."""
    if asked is None:
        return 0
    return asked & 0xFF if isinstance(asked, int) else 1


def _input(fields: dict[str, Any]) -> InputMessage:
    return InputMessage(_get(fields, "prompt", str, ""), _get(fields, "password", bool, False))


def _clear(fields: dict[str, Any]) -> ClearMessage:
    return ClearMessage(_get(fields, "wait", bool, False))


def _waiting(fields: dict[str, Any]) -> WaitingMessage:
    listed = _get(fields, "requests", list)
    if not 1 <= len(listed) <= _MOST_REQUESTS:
        raise ProtocolError(f"a cell waits for {len(listed)} requests, not for 1 to {_MOST_REQUESTS}")
    requests = tuple(_request(each) for each in listed)
    if len({request.id for request in requests}) != len(requests):
        raise ProtocolError("two requests have the same id")
    return WaitingMessage(requests)


def _request(fields: object) -> HostRequest:
    if not isinstance(fields, dict):
        raise ProtocolError(f"a request is {type(fields).__name__}, not an object")
    identity, name = _get(fields, "id", str), _get(fields, "name", str)
    if len(identity) > _MOST_REQUEST_ID_CHARS or len(name) > _MOST_REQUEST_NAME_CHARS:
        raise ProtocolError("a request has an id or a name that is too long")
    return HostRequest(identity, name, fields.get("payload"))


def _done(fields: dict[str, Any]) -> DoneMessage:
    return _DONE


_READERS: dict[FrameKind, Callable[[dict[str, Any]], Message]] = {
    FrameKind.RESULT: _result,
    FrameKind.UPDATE: _update,
    FrameKind.ERROR: _error,
    FrameKind.INPUT: _input,
    FrameKind.CLEAR: _clear,
    FrameKind.WAITING: _waiting,
    FrameKind.DONE: _done,
}
_REQUIRED: Any = object()


def _get(fields: dict[str, Any], name: str, kind: type, default: Any = _REQUIRED) -> Any:
    value = fields.get(name, default)
    if value is _REQUIRED:
        raise ProtocolError(f"field {name!r} is missing")
    if value is default or isinstance(value, kind):
        return value
    raise ProtocolError(f"field {name!r} is {type(value).__name__}, not {kind.__name__}")
