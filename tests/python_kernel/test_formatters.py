from __future__ import annotations

import base64

import pytest
from wasm_interp_kernel import formatters, protocol


class Rich:
    def _repr_html_(self) -> str:
        return "<b>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return b"\x89PNG", {"width": 3}

    def _repr_svg_(self) -> None:
        return None

    def __repr__(self) -> str:
        return "Rich!"


def test_every_format_an_object_has() -> None:
    data, metadata = formatters.bundle(Rich())
    assert data == {"text/html": "<b>", "image/png": base64.b64encode(b"\x89PNG").decode(), "text/plain": "Rich!"}
    assert metadata == {"image/png": {"width": 3}}


def test_a_class_is_not_asked_for_what_its_instances_show() -> None:
    data, _ = formatters.bundle(Rich)
    assert list(data) == ["text/plain"]


def test_an_object_that_answers_every_attribute_has_no_formats() -> None:
    class Anything:
        def __getattr__(self, name: str) -> object:
            return lambda: "yes"

    assert list(formatters.bundle(Anything())[0]) == ["text/plain"]


def test_a_bundle_of_its_own_comes_first() -> None:
    class Bundle(Rich):
        def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
            return {"text/html": "<i>", "application/x+json": {"k": (1, 2)}, "text/plain": "B"}

    data, _ = formatters.bundle(Bundle())
    assert data["text/html"] == "<i>"
    assert data["application/x+json"] == {"k": [1, 2]}
    assert data["text/plain"] == "B"


def test_a_format_that_raises_costs_only_itself(console) -> None:
    class Broken(Rich):
        def _repr_html_(self) -> str:
            raise ValueError("not now")

    data, _ = formatters.bundle(Broken())
    assert sorted(data) == ["image/png", "text/plain"]
    assert b"ValueError: not now" in console["stderr"].getvalue()


def test_a_format_of_the_wrong_type_is_reported(console) -> None:
    class Wrong:
        def _repr_html_(self) -> int:
            return 3

    assert list(formatters.bundle(Wrong())[0]) == ["text/plain"]
    assert console["stderr"].getvalue() == b"a formatter for text/html returned int, not text or bytes\n"


def test_a_repr_that_raises_has_a_stand_in(console) -> None:
    class Bad:
        def __repr__(self) -> str:
            raise KeyError("x")

    assert formatters.plain_text(Bad()) == "<Bad object (repr raised KeyError)>"
    assert console["stderr"].getvalue().endswith(b"KeyError: 'x'\n")


def test_a_class_that_answers_no_questions(console) -> None:
    class Meta(type):
        def __getattribute__(cls, name: str) -> object:
            raise LookupError(name)

    class Silent(metaclass=Meta):
        pass

    data, _ = formatters.bundle(Silent())
    assert data == {"text/plain": "<Silent object (repr raised LookupError)>"}


def test_an_interrupt_passes(console) -> None:
    class Slow:
        def __repr__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        formatters.bundle(Slow())


def test_what_displays_itself_gives_no_result() -> None:
    class Own:
        def _ipython_display_(self) -> None:
            pass

    assert formatters.bundle(Own()) is None
    assert formatters.result_frame(Own(), main=True) == b""


def test_long_text_is_capped() -> None:
    text = formatters.plain_text("x" * (formatters.MAX_TEXT_CHARACTERS + 10))
    assert text.endswith(f"... ({formatters.MAX_TEXT_CHARACTERS + 12} characters in all)")
    assert len(text) < formatters.MAX_TEXT_CHARACTERS + 50


def test_a_bundle_past_the_frame_cap_gives_way_to_a_note(host, console) -> None:
    formatters.send_bundle({"text/html": "x" * protocol.MAX_PAYLOAD_BYTES, "text/plain": "small"}, {})
    ((_, message),) = host.frames
    assert list(message["data"]) == ["text/plain"]
    assert message["data"]["text/plain"].startswith("small (a result of 167772")
    assert message["data"]["text/plain"].endswith("exceeds 16777216 and was left out)")


def test_parts_that_are_not_json_are_dropped(host, console) -> None:
    formatters.send_bundle({"text/plain": "t", "a/b+json": {1}, "c/d+json": {"n": (1,)}}, {"k": object()})
    ((_, message),) = host.frames
    assert message == {"data": {"text/plain": "t", "c/d+json": {"n": [1]}}, "metadata": {}, "main": False}


def test_dict_and_list_carry_json() -> None:
    assert formatters.bundle({"a": (1,)})[0] == {"application/json": {"a": [1]}, "text/plain": "{'a': (1,)}"}
    assert list(formatters.bundle([{1}])[0]) == ["text/plain"]
    assert list(formatters.bundle((1, 2))[0]) == ["text/plain"]


@pytest.mark.parametrize(
    ("mime", "value"),
    [
        ("image/svg+xml", "<svg/>"),
        ("text/html", "<svg/>"),
        ("application/javascript", "<svg/>"),
        ("image/png", "PHN2Zy8+"),
        ("application/x-own", "PHN2Zy8+"),
    ],
)
def test_bytes_become_text_where_the_type_is_text_and_base64_elsewhere(mime: str, value: str) -> None:
    data: dict[str, object] = {}
    formatters.add(mime, b"<svg/>", data, {})
    assert data == {mime: value}
