from __future__ import annotations

import base64
from html.parser import HTMLParser
from typing import Any

import pytest

from wasm_interp import ExecutionError, ExecutionResult, Logs, Result
from wasm_interp.notebook import to_html, to_text

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'"
PNG = base64.b64encode(b"\x89PNG").decode()


class _Tags(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _tags(result: ExecutionResult) -> list[str]:
    return [tag for tag, _ in _Tags(to_html(result)).found]


def test_logs_results_and_error_in_order() -> None:
    result = ExecutionResult(
        "",
        Logs(["a", "b\n"], ["w\n"]),
        [Result(text="1"), Result(png=PNG)],
        ExecutionError("E", "v", ["Trace", "E: v"]),
    )
    assert to_text(result) == "ab\nw\n1\n<Result: png>\nTrace\nE: v"
    assert _tags(result) == ["pre", "pre", "pre", "div", "img", "pre"]
    assert result._repr_mimebundle_() == {"text/plain": to_text(result), "text/html": to_html(result)}


def test_a_run_without_anything_shows_nothing() -> None:
    assert (to_html(ExecutionResult("")), to_text(ExecutionResult(""))) == ("", "")


@pytest.mark.parametrize(
    "result",
    [
        ExecutionResult("", Logs([HOSTILE])),
        ExecutionResult("", Logs([], [HOSTILE])),
        ExecutionResult("", error=ExecutionError(HOSTILE, HOSTILE, [HOSTILE])),
        ExecutionResult("", error=ExecutionError(HOSTILE, HOSTILE)),
        *(ExecutionResult("", results=[Result(**{name: HOSTILE})]) for name in ("text", "markdown", "latex")),
        ExecutionResult("", results=[Result(png=HOSTILE, text=HOSTILE)]),
        ExecutionResult("", results=[Result(javascript=HOSTILE, extra={"text/html": HOSTILE})]),
    ],
)
def test_text_of_the_guest_is_escaped(result: ExecutionResult) -> None:
    assert _tags(result) == ["pre"]


def test_the_name_of_a_picture_is_escaped() -> None:
    assert _tags(ExecutionResult("", results=[Result(png=PNG, text=HOSTILE)])) == ["div", "img"]


@pytest.mark.parametrize(
    ("shown", "address"),
    [
        (Result(png=PNG), f"data:image/png;base64,{PNG}"),
        (Result(jpeg=f"{PNG[:4]}\n{PNG[4:]}\n"), f"data:image/jpeg;base64,{PNG}"),
        (Result(svg="<svg/>"), "data:image/svg+xml;base64,PHN2Zy8+"),
        (Result(png='x" onerror="alert(1)', svg="<svg/>"), "data:image/svg+xml;base64,PHN2Zy8+"),
    ],
)
def test_pictures_are_images(shown: Result, address: str) -> None:
    ((_, _), (tag, attributes)) = _Tags(to_html(ExecutionResult("", results=[shown]))).found
    assert (tag, attributes["src"]) == ("img", address)


def test_html_of_the_guest_is_in_a_frame_without_an_origin() -> None:
    ((tag, attributes),) = _Tags(to_html(ExecutionResult("", results=[Result(html=HOSTILE, text="t")]))).found
    assert tag == "iframe"
    assert attributes["srcdoc"] == HOSTILE
    assert attributes["sandbox"] == "allow-scripts"  # with allow-same-origin it could reach the notebook


def test_long_output_is_cut_in_the_page_only() -> None:
    result = ExecutionResult("", Logs(["x" * 200_000]))
    assert "... (200,000 characters in all)" in to_html(result)
    assert len(to_html(result)) < 101_000
    assert len(result.stdout) == 200_000


def test_a_real_run(sandbox: Any) -> None:
    result = sandbox.run_code("print('<b>'); import pandas as pd; display(pd.DataFrame({'a': [1]})); 1 / 0")
    assert _tags(result) == ["pre", "iframe", "pre"]
    assert "&lt;b&gt;" in to_html(result)
    assert to_text(result).endswith("ZeroDivisionError: division by zero")
