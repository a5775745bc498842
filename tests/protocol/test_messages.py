import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_interp import HostRequest, ProtocolError
from wasm_interp._core.protocol.frames import Frame, FrameKind
from wasm_interp._core.protocol.messages import (
    MAX_DEPTH,
    MAX_VALUES,
    ClearMessage,
    DoneMessage,
    ErrorMessage,
    InputMessage,
    Message,
    ResultMessage,
    UpdateMessage,
    WaitingMessage,
    read_message,
    weight_bytes,
)

FIELD_NAMES = st.sampled_from(
    ["data", "metadata", "main", "display_id", "traceback", "name", "value", "prompt", "password", "wait", "text/plain"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELD_NAMES | st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def read(kind: FrameKind, payload: bytes) -> Message:
    return read_message(Frame(kind, payload))


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        (
            FrameKind.RESULT,
            b'{"data": {"text/plain": "2"}, "metadata": {}, "main": true}',
            ResultMessage({"text/plain": "2"}, is_main_result=True, display_id=None),
        ),
        (
            FrameKind.RESULT,
            b'{"data": {}, "metadata": {"display_id": "d"}}',
            ResultMessage({}, is_main_result=False, display_id="d"),
        ),
        (FrameKind.RESULT, b'{"data": {}}', ResultMessage({}, is_main_result=False, display_id=None)),
        (FrameKind.UPDATE, b'{"data": {"a/b": [1]}, "display_id": "d"}', UpdateMessage({"a/b": [1]}, "d")),
        (
            FrameKind.ERROR,
            b'{"name": "E", "value": "v", "traceback": ["a", "b"]}',
            ErrorMessage("E", "v", ["a", "b"]),
        ),
        (FrameKind.ERROR, b'{"name": "E", "value": ""}', ErrorMessage("E", "", [])),
        (
            FrameKind.WAITING,
            b'{"requests": [{"id": "a", "name": "n", "payload": [1]}, {"id": "b", "name": ""}]}',
            WaitingMessage((HostRequest("a", "n", [1]), HostRequest("b", ""))),
        ),
        (FrameKind.INPUT, b'{"prompt": "p", "password": true}', InputMessage("p", password=True)),
        (FrameKind.INPUT, b"{}", InputMessage("", password=False)),
        (FrameKind.CLEAR, b'{"wait": true}', ClearMessage(wait=True)),
        (FrameKind.CLEAR, b"{}", ClearMessage(wait=False)),
        (FrameKind.DONE, b'{"anything": 1}', DoneMessage()),
    ],
)
def test_each_kind_is_read(kind: FrameKind, payload: bytes, message: Message) -> None:
    assert read(kind, payload) == message


@pytest.mark.parametrize(
    ("kind", "payload", "complaint"),
    [
        (FrameKind.RESULT, b"{}", "field 'data' is missing"),
        (FrameKind.RESULT, b'{"data": null}', "field 'data' is NoneType, not dict"),
        (FrameKind.RESULT, b'{"data": [1]}', "field 'data' is list, not dict"),
        (FrameKind.RESULT, b'{"data": {}, "main": 1}', "field 'main' is int, not bool"),
        (FrameKind.RESULT, b'{"data": {}, "metadata": []}', "field 'metadata' is list, not dict"),
        (FrameKind.RESULT, b'{"data": {}, "metadata": {"display_id": 7}}', "field 'display_id' is int, not str"),
        (FrameKind.UPDATE, b'{"data": {}}', "field 'display_id' is missing"),
        (FrameKind.UPDATE, b'{"data": {}, "display_id": null}', "field 'display_id' is NoneType, not str"),
        (FrameKind.UPDATE, b'{"data": "x", "display_id": "d"}', "field 'data' is str, not dict"),
        (FrameKind.ERROR, b'{"value": "v"}', "field 'name' is missing"),
        (FrameKind.ERROR, b'{"name": "E"}', "field 'value' is missing"),
        (FrameKind.ERROR, b'{"name": 1, "value": "v"}', "field 'name' is int, not str"),
        (FrameKind.ERROR, b'{"name": "E", "value": ["v"]}', "field 'value' is list, not str"),
        (FrameKind.ERROR, b'{"name": "E", "value": "v", "traceback": "t"}', "field 'traceback' is str, not list"),
        (
            FrameKind.ERROR,
            b'{"name": "E", "value": "v", "traceback": ["a", null]}',
            "field 'traceback' holds something other than text",
        ),
        (FrameKind.INPUT, b'{"prompt": 5}', "field 'prompt' is int, not str"),
        (FrameKind.INPUT, b'{"password": "yes"}', "field 'password' is str, not bool"),
        (FrameKind.CLEAR, b'{"wait": 0}', "field 'wait' is int, not bool"),
        (FrameKind.DONE, b"[]", "DONE frame holds list, not an object"),
        (FrameKind.CLEAR, b"null", "CLEAR frame holds NoneType, not an object"),
        (FrameKind.RESULT, b"", "RESULT frame holds no JSON: Expecting value: line 1 column 1 (char 0)"),
        (FrameKind.DONE, b"{} {}", "DONE frame holds no JSON: Extra data: line 1 column 4 (char 3)"),
        (FrameKind.RESULT, b'{"data": NaN}', "RESULT frame holds no JSON: NaN is not JSON"),
        (FrameKind.RESULT, b'{"data": -Infinity}', "RESULT frame holds no JSON: -Infinity is not JSON"),
        (
            FrameKind.RESULT,
            b'{"data": {"application/json": [0.5, 1e999]}}',
            "RESULT frame holds no JSON: 1e999 is too large a number",
        ),
        (
            FrameKind.RESULT,
            b'{"data": -1.5E+400}',
            "RESULT frame holds no JSON: -1.5E+400 is too large a number",
        ),
    ],
)
def test_a_payload_of_another_shape_is_refused(kind: FrameKind, payload: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{re.escape(complaint)}$"):
        read(kind, payload)


@pytest.mark.parametrize(
    "payload", [b'{"data": {"\xff": 1}}', '{"data": {}}'.encode("utf-16"), '{"data": {}}'.encode("utf-8-sig")]
)
def test_only_utf_8_is_read(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^RESULT frame holds no JSON: "):
        read(FrameKind.RESULT, payload)


def test_too_long_a_number_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"^RESULT frame holds no JSON: "):
        read(FrameKind.RESULT, b'{"data": {"a/b": ' + b"9" * 5_000 + b"}}")


def nested(levels: int) -> bytes:
    """A result of so many levels, with brackets in its text that are none."""
    inner = levels - 2
    return b'{"data": {"]}\\"": ' + b"[" * (inner - 1) + b'{"[[": "\\\\"}' + b"]" * (inner - 1) + b"}}"


def test_json_as_deep_as_may_be_is_read() -> None:
    assert isinstance(read(FrameKind.RESULT, nested(MAX_DEPTH)), ResultMessage)


@pytest.mark.parametrize(
    "payload",
    [nested(MAX_DEPTH + 1), b'{"data":' + b"[" * 100_000, b'{"data":{"a":' * 50_000, b"[]" * 1_000 + b"[" * 257],
    ids=["one more", "lists", "objects", "late"],
)
def test_json_that_is_deeper_is_refused_wherever_the_stack_stands(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^RESULT frame is nested deeper than 256$"):
        read(FrameKind.RESULT, payload)


def test_as_many_values_as_may_be_are_read_and_one_more_is_refused() -> None:
    most = b'{"data": {"a": [' + b",".join([b'","'] * (MAX_VALUES - 4)) + b"]}}"
    assert isinstance(read(FrameKind.RESULT, most), ResultMessage)
    with pytest.raises(ProtocolError, match=r"^RESULT frame of 2000001 values exceeds 2000000$"):
        read(FrameKind.RESULT, most.replace(b"[", b"[1,"))


@pytest.mark.parametrize(
    "payload",
    [b'"' + b'\\"' * 2_000_000 + b"[" * 300, b'["' * 1_000_000, b"[" * (4 << 20), b'{"a' * 1_000_000, b"]" * 300],
    ids=["a string without end", "strings", "brackets", "objects", "closed"],
)
def test_the_shape_of_what_is_no_json_is_found_in_time(payload: bytes) -> None:
    """Linear time: where it were not, any of these would take hours."""
    with pytest.raises(ProtocolError):
        read(FrameKind.RESULT, payload)


@pytest.mark.parametrize(
    ("payload", "weight"),
    [
        (b"{}", 12),
        (b'{"data": {"text/html": "' + b"[{,:" * 100_000 + b'"}}', 400_037),
        (b"[" + b"0.12345678901234567," * 10_000 + b"0]", 200_013),
        (b"[" + b'{"":0},' * 10_000 + b"0]", 16 * (30_001 - 1_000)),
    ],
    ids=["small", "text", "numbers", "objects"],
)
def test_a_frame_counts_for_its_bytes_or_for_its_values_if_they_are_many(payload: bytes, weight: int) -> None:
    assert weight_bytes(Frame(FrameKind.RESULT, payload)) == weight


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"a\ud83db", "a\ufffdb"),
        (rb"\ude00\uD83D", "\ufffd\ufffd"),
        (rb"\udbff\ud83d\ude00", "\ufffd\U0001f600"),
    ],
)
def test_text_is_whole_unicode(escaped: bytes, text: str) -> None:
    """A lone half of a surrogate pair could not be written to any file or terminal of the caller."""
    payload = b'{"data": {"%s": ["%s", {"%s": 1}]}}' % (escaped, escaped, escaped)
    assert read(FrameKind.RESULT, payload) == ResultMessage({text: [text, {text: 1}]}, False, None)


@pytest.mark.parametrize(
    ("requests", "mistake"),
    [
        (None, "field 'requests' is NoneType, not list"),
        ([], "a cell waits for 0 requests, not for 1 to 1000"),
        ([{"id": str(n), "name": ""} for n in range(1001)], "a cell waits for 1001 requests, not for 1 to 1000"),
        ([5], "a request is int, not an object"),
        ([{"name": "n"}], "field 'id' is missing"),
        ([{"id": "a"}], "field 'name' is missing"),
        ([{"id": 1, "name": "n"}], "field 'id' is int, not str"),
        ([{"id": "a", "name": "n"}] * 2, "two requests have the same id"),
        ([{"id": "a" * 101, "name": "n"}], "a request has an id or a name that is too long"),
        ([{"id": "a", "name": "n" * 1001}], "a request has an id or a name that is too long"),
    ],
)
def test_what_no_cell_can_wait_for_is_refused(requests: Any, mistake: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{re.escape(mistake)}$"):
        read(FrameKind.WAITING, json.dumps({"requests": requests}).encode())


def test_a_repeated_field_counts_once() -> None:
    assert read(FrameKind.UPDATE, b'{"data": 1, "data": {}, "display_id": "a", "display_id": "b"}') == UpdateMessage(
        {}, "b"
    )


@given(st.sampled_from(FrameKind), st.binary(max_size=60))
def test_any_payload_gives_a_message_or_protocol_error(kind: FrameKind, payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert read(kind, payload)


@given(st.sampled_from(FrameKind), JSON)
def test_any_json_gives_a_message_of_its_kind_or_protocol_error(kind: FrameKind, value: Any) -> None:
    wanted = {
        FrameKind.RESULT: ResultMessage,
        FrameKind.UPDATE: UpdateMessage,
        FrameKind.ERROR: ErrorMessage,
        FrameKind.INPUT: InputMessage,
        FrameKind.CLEAR: ClearMessage,
        FrameKind.WAITING: WaitingMessage,
        FrameKind.DONE: DoneMessage,
    }[kind]
    with contextlib.suppress(ProtocolError):
        assert isinstance(read(kind, json.dumps(value).encode()), wanted)
