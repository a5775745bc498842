from __future__ import annotations

import io
import sys

import pytest

from wasm_interp._core.kernel.progress import Stage, working


class Terminal(io.StringIO):
    """What stderr is for a user at a terminal."""

    def isatty(self) -> bool:
        return True


def open_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()  # by the test itself: pytest changes stderr between a fixture and the test
    monkeypatch.setattr(sys, "stderr", made)
    return made


def test_without_a_terminal_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    with working(Stage.COMPILE, "python"):
        pass
    assert written.getvalue() == ""


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        (Stage.COMPILE, "compiling the python guest (once per machine; a minute or two)"),
        (Stage.TEMPLATE, "warming up python and keeping its image (once per machine; about half a minute)"),
    ],
)
def test_a_terminal_is_told_what_goes_on_and_when_it_is_done(
    monkeypatch: pytest.MonkeyPatch, stage: Stage, text: str
) -> None:
    terminal = open_terminal(monkeypatch)
    with working(stage, "python"):
        pass
    assert terminal.getvalue().endswith(f"wasm_interp: {text}: done in 0 s\n")


def test_what_fails_is_not_said_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = open_terminal(monkeypatch)
    with pytest.raises(ValueError, match=r"^own$"), working(Stage.COMPILE, "python"):
        raise ValueError("own")
    assert "done" not in terminal.getvalue()
