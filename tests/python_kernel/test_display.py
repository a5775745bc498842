from __future__ import annotations

import base64
from pathlib import Path

import pytest
from wasm_interp_kernel import display as displays


class Both:
    def _repr_html_(self) -> str:
        return "<b>"

    def __repr__(self) -> str:
        return "both"


def test_each_object_is_a_result(host, console) -> None:
    assert displays.display(1, Both()) is None
    assert [message["data"] for _, message in host.frames] == [
        {"text/plain": "1"},
        {"text/html": "<b>", "text/plain": "both"},
    ]
    assert all(kind == 1 and not message["main"] for kind, message in host.frames)


def test_raw_bundles(host, console) -> None:
    displays.display({"text/html": "<i>", "image/png": b"x"}, raw=True)
    ((_, message),) = host.frames
    assert message["data"] == {"text/html": "<i>", "image/png": base64.b64encode(b"x").decode()}
    with pytest.raises(TypeError, match=r"^display\(raw=True\) takes a dict of mime types, not int$"):
        displays.display(1, raw=True)


def test_including_and_excluding(host, console) -> None:
    displays.display(Both(), exclude=["text/html"])
    displays.display(Both(), include=["text/html"])
    assert [sorted(message["data"]) for _, message in host.frames] == [["text/plain"], ["text/html", "text/plain"]]


def test_a_shown_object_can_be_updated(host, console) -> None:
    handle = displays.display(1, display_id=True)
    handle.update(2)
    displays.update_display(3, display_id="other")
    (_, shown), (kind, update), (_, other) = host.frames
    assert shown["metadata"]["display_id"] == handle.display_id == update["display_id"]
    assert (kind, update["data"], other["display_id"]) == (6, {"text/plain": "2"}, "other")


def test_clearing(host, console) -> None:
    displays.clear_output()
    displays.clear_output(wait=True)
    assert host.frames == [(5, {"wait": False}), (5, {"wait": True})]


def test_the_shim_shows_each_kind(host, console, tmp_path: Path) -> None:
    from IPython.display import HTML, JSON, SVG, Code, FileLink, Image, Javascript, Latex, Markdown, Math

    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    encoded = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    shown = [
        (HTML("<b>"), "text/html", "<b>"),
        (Markdown("# a"), "text/markdown", "# a"),
        (Latex("$a$"), "text/latex", "$a$"),
        (Math("a"), "text/latex", "$\\displaystyle a$"),
        (SVG("<?xml?><svg/>"), "image/svg+xml", "<svg/>"),
        (JSON({"a": 1}), "application/json", {"a": 1}),
        (JSON('{"a": 1}'), "application/json", {"a": 1}),
        (Javascript("x"), "application/javascript", "x"),
        (Image(str(picture)), "image/png", encoded),
        (Image(filename=picture), "image/png", encoded),
        (Image(data=b"\xff\xd8\xff"), "image/jpeg", base64.b64encode(b"\xff\xd8\xff").decode()),
        (Image(data=encoded, width=3), "image/png", encoded),
        (Code("x = 1", language="python"), "text/markdown", "```python\nx = 1\n```"),
        (FileLink("a.csv"), "text/plain", str(Path.cwd() / "a.csv")),
    ]
    displays.display(*(item for item, _, _ in shown))
    for (item, mime, value), (_, message) in zip(shown, host.frames, strict=True):
        assert message["data"][mime] == value, item


def test_the_shim_refuses_what_it_cannot_show() -> None:
    from IPython.display import HTML, Image

    with pytest.raises(TypeError, match=r"^HTML expects text, not 3$"):
        HTML(3)
    with pytest.raises(ValueError, match="there is no network in this sandbox"):
        Image(url="https://example.org/a.png")
    with pytest.raises(ValueError, match="Image needs data"):
        Image()
