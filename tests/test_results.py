from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wasm_interp import (
    ExecutionError,
    ExecutionResult,
    FileInfo,
    HostRequest,
    Logs,
    Result,
    StateAfterStop,
    StopKind,
    StopReason,
    Usage,
    UsageError,
)

MIME = {
    "text": "text/plain",
    "html": "text/html",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "latex": "text/latex",
    "markdown": "text/markdown",
    "javascript": "application/javascript",
    "json": "application/json",
    "chart": "application/vnd.wasm-interp.chart+json",
    "data": "application/vnd.wasm-interp.data+json",
}


# Result


def test_a_result_has_the_documented_fields_and_begins_empty() -> None:
    names = [field.name for field in dataclasses.fields(Result)]
    assert names == [*MIME, "extra", "is_main_result"]
    assert dataclasses.asdict(Result()) == dict.fromkeys(MIME) | {"extra": {}, "is_main_result": False}


@pytest.mark.parametrize("name", sorted(MIME.keys() - {"chart"}))
def test_every_format_goes_from_its_mime_type_and_back(name: str) -> None:
    result = Result.from_mime_bundle({MIME[name]: "value"})
    assert result == Result(**{name: "value"})
    assert result.formats() == [name]
    assert result._repr_mimebundle_() == {MIME[name]: "value"}


def test_every_format_is_text_but_for_json_and_data_and_charts_of_no_known_shape() -> None:
    bundle = {mime: ["a", 1] for mime in MIME.values()}
    result = Result.from_mime_bundle(bundle)
    assert (result.json, result.chart, result.data) == (["a", 1], None, ["a", 1])
    assert result.formats() == ["json", "data"]
    assert result._repr_mimebundle_() == bundle


@pytest.mark.parametrize("value", [0, False, [], {}, ""])
def test_a_json_value_that_is_false_counts(value: object) -> None:
    assert Result(json=value).formats() == ["json"]
    assert Result(json=value).to_dict() == {"json": value, "is_main_result": False}


def test_a_json_null_is_no_format() -> None:
    assert Result.from_mime_bundle({"application/json": None}).formats() == []


def test_formats_are_in_the_order_of_the_fields() -> None:
    assert Result(data={}, text="t", png="p").formats() == ["text", "png", "data"]


def test_further_mime_types_are_extra() -> None:
    result = Result.from_mime_bundle({"text/plain": "t", "application/x-own": {"a": 1}}, is_main_result=True)
    assert result == Result(text="t", extra={"application/x-own": {"a": 1}}, is_main_result=True)
    assert result.formats() == ["text"]
    assert result.to_dict() == {"text": "t", "extra": {"application/x-own": {"a": 1}}, "is_main_result": True}


def test_results_do_not_share_their_extras() -> None:
    Result().extra["a"] = 1
    assert Result().extra == {}


@pytest.mark.parametrize("name", ["png", "jpeg"])
@pytest.mark.parametrize(("text", "content"), [("iVBORw0=", b"\x89PNG\r"), ("iVBO\nRw0=\n", b"\x89PNG\r"), ("", b"")])
def test_images_are_decoded(name: str, text: str, content: bytes) -> None:
    assert getattr(Result(**{name: text}), f"{name}_bytes") == content


@pytest.mark.parametrize("name", ["png", "jpeg"])
@pytest.mark.parametrize("text", ["a", "!!!!", "\N{SNOWMAN}", "iVBORw0"])
def test_an_image_that_is_no_base64_is_an_error(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|padding|ASCII|data"):
        getattr(Result(**{name: text}), f"{name}_bytes")


def test_without_an_image_there_are_no_bytes() -> None:
    assert (Result().png_bytes, Result().jpeg_bytes) == (None, None)


@pytest.mark.parametrize(
    ("result", "shown"),
    [
        (Result(text="t", html="h"), "t"),
        (Result(text=""), ""),
        (Result(html="h", png="p"), "<Result: html, png>"),
        (Result(), "<Result: empty>"),
    ],
)
def test_a_result_as_text(result: Result, shown: str) -> None:
    assert str(result) == shown


# Saving


@pytest.mark.parametrize(
    ("name", "shown", "content"),
    [
        ("plot.png", Result(png="iVBO\nRw=="), b"\x89PNG"),
        ("PLOT.PNG", Result(png="iVBORw=="), b"\x89PNG"),
        ("photo.jpg", Result(jpeg="/9j/"), b"\xff\xd8\xff"),
        ("photo.jpeg", Result(jpeg="/9j/"), b"\xff\xd8\xff"),
        ("page.pdf", Result(pdf="JVBERg=="), b"%PDF"),
        ("plot.svg", Result(svg="<svg/>"), b"<svg/>"),
        ("table.html", Result(html="<p>\xfc"), "<p>\xfc".encode()),
        ("value.txt", Result(text="\ud800"), b"?"),
        ("formula.tex", Result(latex="$x$"), b"$x$"),
        ("note.md", Result(markdown="# m"), b"# m"),
        ("code.js", Result(javascript="1"), b"1"),
        ("value.json", Result(json={"\xe4": [0]}), '{"\xe4": [0]}'.encode()),
        ("table.data.json", Result(data={"a": [1]}), b'{"a": [1]}'),
        ("my.table.json", Result(json=0), b"0"),
    ],
)
def test_save_chooses_the_format_by_the_suffix(tmp_path: Path, name: str, shown: Result, content: bytes) -> None:
    shown.save(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content
    shown.save(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "shown", "message"),
    [
        ("plot.jpg", Result(png="aa==", text="t"), r"^this result has no jpeg; it has: text, png$"),
        ("plot.png", Result(), r"^this result has no png; it has: nothing$"),
        ("plot.bmp", Result(png="aa=="), r"^plot\.bmp has no suffix of a format: \.png, \.jpg, "),
        ("plot", Result(png="aa=="), r"^plot has no suffix of a format: "),
    ],
)
def test_save_says_what_is_missing(tmp_path: Path, name: str, shown: Result, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        shown.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_picture_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"base64|padding|data"):
        Result(png="A").save(tmp_path / "plot.png")
    assert list(tmp_path.iterdir()) == []


# ExecutionError


def test_an_error_is_its_traceback_as_text() -> None:
    error = ExecutionError("E", "v", ["Traceback", "E: v"])
    assert (str(error), error.message) == ("Traceback\nE: v", "v")
    assert str(ExecutionError("E", "v")) == "E: v"


# ExecutionResult

WHOLE = ExecutionResult(
    code="print(1); 2",
    logs=Logs(stdout=["1\n"], stderr=["w"]),
    results=[Result(png="aa=="), Result(text="2", json=2, extra={"a/b": 1}, is_main_result=True)],
    error=ExecutionError("E", "v", ["E: v"]),
    execution_count=3,
    usage=Usage(seconds=0.25, fuel=9, memory_bytes=65_536, output_bytes=3, file_bytes=7),
    stopped=StopReason(StopKind.TIMEOUT, StateAfterStop.KEPT, "detail"),
    waiting=[HostRequest("req-1", "n", {"a": 1})],
    undone=True,
    truncated=("stdout",),
)


def test_a_run_has_the_documented_fields() -> None:
    assert [field.name for field in dataclasses.fields(ExecutionResult)] == [
        "code",
        "logs",
        "results",
        "error",
        "execution_count",
        "usage",
        "stopped",
        "waiting",
        "undone",
        "truncated",
    ]


def test_what_a_run_took_is_at_hand() -> None:
    assert (WHOLE.duration, WHOLE.fuel_used, WHOLE.memory_bytes) == (0.25, 9, 65_536)
    assert ExecutionResult("").usage == Usage(seconds=0.0, fuel=None, memory_bytes=0, output_bytes=0, file_bytes=0)


def test_to_json_has_the_shape_of_the_service() -> None:
    shape = {
        "code": "print(1); 2",
        "logs": {"stdout": ["1\n"], "stderr": ["w"]},
        "error": {"name": "E", "value": "v", "traceback": ["E: v"]},
        "executionCount": 3,
        "results": [
            {"png": "aa==", "isMainResult": False},
            {"text": "2", "json": 2, "extra": {"a/b": 1}, "isMainResult": True},
        ],
    }
    assert WHOLE.to_dict() == shape
    assert json.loads(WHOLE.to_json()) == shape


def test_to_json_of_a_run_without_anything() -> None:
    assert ExecutionResult("").to_dict() == {
        "code": "",
        "logs": {"stdout": [], "stderr": []},
        "error": None,
        "executionCount": 0,
        "results": [],
    }


def test_text_is_that_of_the_main_result() -> None:
    assert WHOLE.text == "2"
    assert ExecutionResult("", results=[Result(text="shown")]).text is None
    assert ExecutionResult("", results=[Result(html="h", is_main_result=True)]).text is None


def test_output_is_joined() -> None:
    result = ExecutionResult("", Logs(["a", "b\n"], ["c", "d"]))
    assert (result.stdout, result.stderr) == ("ab\n", "cd")


@pytest.mark.parametrize(
    "value",
    [
        WHOLE,
        *WHOLE.results,
        WHOLE.logs,
        WHOLE.error,
        WHOLE.stopped,
        WHOLE.usage,
        StopKind.STACK,
        StateAfterStop.LOST,
        FileInfo("/a", "a", "file", 1, datetime(2026, 1, 1, tzinfo=UTC)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_everything_a_run_gives_can_be_copied_and_pickled(value: Any) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value
    assert copy.copy(value) == value
    deep = copy.deepcopy(value)
    assert deep == value
    if value is WHOLE:
        deep.results[1].extra["a/b"] = 2
        assert WHOLE.results[1].extra == {"a/b": 1}


def test_the_words_for_stops_are_plain_text() -> None:
    assert [str(kind) for kind in StopKind] == ["waiting", "timeout", "interrupt", "exited", "fuel", "stack", "trap"]
    assert [str(state) for state in StateAfterStop] == ["kept", "rolled_back", "lost"]
    assert json.dumps(StopKind.TIMEOUT) == '"timeout"'
