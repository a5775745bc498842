from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from wasm_interp_kernel import sources, tracebacks
from wasm_interp_kernel.session import Session


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    for name in ("last_exc", "last_value", "last_type", "last_traceback"):
        vars(sys).pop(name, None)
    sources.forget_all()


@pytest.fixture
def error_of(namespace: dict[str, Any], decode) -> Callable[[str], dict[str, Any]]:
    """The error that a cell ends with, as the host reads it."""

    def run(code: str) -> dict[str, Any]:
        try:
            Session(namespace).run(code, "<cell 1>")
        except BaseException as exc:
            exc.__traceback__ = exc.__traceback__.tb_next  # without this function
            ((kind, error),) = decode(tracebacks.error_frame(exc))
            assert kind == 2
            return error
        raise AssertionError("the cell raised nothing")

    return run


def test_only_the_programs_frames_are_shown(error_of) -> None:
    error = error_of("def f():\n    raise ValueError('x')\nf()")
    assert (error["name"], error["value"]) == ("ValueError", "x")
    assert [line for line in error["traceback"] if line.startswith("  File")] == [
        '  File "<cell 1>", line 3, in <module>',
        '  File "<cell 1>", line 2, in f',
    ]
    assert "    raise ValueError('x')" in error["traceback"]
    assert error["traceback"][-1] == "ValueError: x"


def test_kernel_frames_between_the_programs_are_hidden(error_of) -> None:
    code = "def boom(): raise ValueError\nimport asyncio\nasync def main(): boom()\nawait main()"
    assert not [line for line in error_of(code)["traceback"] if "wasm_interp_kernel" in line]


def test_errors_of_awaited_cells_start_in_the_cell(error_of) -> None:
    error = error_of("async def main(): 1 / 0\nawait main()")
    assert error["traceback"][1] == '  File "<cell 1>", line 2, in <module>'


def test_exit_codes(error_of) -> None:
    assert error_of("raise SystemExit(3)")["exit_code"] == 3
    error = error_of("raise SystemExit")
    assert (error["value"], error["exit_code"]) == ("", None)
    assert error_of("raise SystemExit([1])")["exit_code"] == "[1]"


def test_a_str_that_raises(error_of) -> None:
    error = error_of("class E(Exception):\n    def __str__(self): raise KeyError\nraise E")
    assert error["value"] == "<exception str() failed>"


def test_a_class_name_that_raises(error_of) -> None:
    code = """
class Meta(type):
    @property
    def __name__(cls): raise KeyError
class E(Exception, metaclass=Meta): pass
raise E
"""
    assert error_of(code)["name"] == "E"


def test_long_values_and_tracebacks_are_capped(error_of) -> None:
    error = error_of("raise ValueError('x' * 3_000_000)")
    assert len(error["value"]) == tracebacks.MAX_CHARACTERS + 3
    assert sum(map(len, error["traceback"])) < tracebacks.MAX_CHARACTERS + 200


def test_a_line_that_repeats_is_counted(error_of) -> None:
    error = error_of("e = ValueError('x')\nfor _ in range(500): e.add_note('deeper')\nraise e")
    assert error["traceback"][-5:] == ["ValueError: x", *["deeper"] * 3, "[Previous line repeated 497 more times]"]


def test_a_broken_traceback_module_leaves_files_and_lines(error_of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracebacks, "_TracebackException", None)
    error = error_of("1 / 0")
    assert error["traceback"] == [
        "Traceback (most recent call last):",
        '  File "<cell 1>", line 1, in <module>',
        "ZeroDivisionError: division by zero",
    ]


def test_the_last_error_is_remembered_without_kernel_frames(error_of) -> None:
    error_of("1 / 0")
    assert type(sys.last_value) is ZeroDivisionError
    assert sys.last_traceback.tb_frame.f_code.co_filename == "<cell 1>"


def test_the_frame_of_last_resort(decode) -> None:
    ((kind, error),) = decode(tracebacks.OUT_OF_MEMORY)
    assert (kind, error) == (2, {"name": "MemoryError", "value": "", "traceback": ["MemoryError"]})
