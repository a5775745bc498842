"""The case tables, run by the real guest through the public API."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wasm_interp import ExecutionResult, Result, Sandbox

_CASES = Path(__file__).with_name("cases")


def _cases() -> list[Any]:
    return [
        pytest.param(case["cell"], id=f"{path.stem}: {case['name']}")
        for path in sorted(_CASES.glob("*.toml"))
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as opened:
        yield opened


@pytest.mark.parametrize("cells", _cases())
def test_case(sandbox: Sandbox, cells: list[dict[str, Any]]) -> None:
    context = sandbox.create_code_context()
    try:
        for cell in cells:
            _check(cell, sandbox.run_code(cell["code"], context=context))
    finally:
        context.close()


def _check(expected: dict[str, Any], found: ExecutionResult) -> None:
    assert found.stopped is None, found
    _check_error(expected, found)
    assert "".join(found.logs.stdout) == expected.get("stdout", ""), found
    if "stderr" in expected or "error" not in expected:
        assert "".join(found.logs.stderr) == expected.get("stderr", ""), found
    if "results" in expected:
        assert len(found.results) == len(expected["results"]), found
        for wanted, result in zip(expected["results"], found.results, strict=True):
            for name, value in wanted.items():
                assert getattr(result, name) == value
    if keys := expected.keys() & _RESULT_CHECKS.keys():
        assert len(found.results) == 1, found
        for key in keys:
            _RESULT_CHECKS[key](expected[key], found.results[0])


def _check_error(expected: dict[str, Any], found: ExecutionResult) -> None:
    error = found.error
    if "error" not in expected:
        assert error is None, str(error)
        return
    assert error is not None, found
    assert error.name == expected["error"], str(error)
    assert error.value == expected.get("value", error.value)
    assert expected.get("value_contains", "") in error.value
    traceback = "\n".join(error.traceback)
    assert traceback == expected.get("traceback", traceback).removesuffix("\n")
    assert traceback.endswith(expected.get("traceback_ends", ""))
    assert expected.get("traceback_contains", "") in traceback


def _with_nulls(value: Any) -> Any:
    """TOML has no null: the tables write it as "<null>"."""
    if isinstance(value, dict):
        return {key: _with_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_nulls(item) for item in value]
    return None if value == "<null>" else value


def _equal(name: str) -> Any:
    def check(wanted: Any, result: Result) -> None:
        assert getattr(result, name) == _with_nulls(wanted)

    return check


def _check_ending(wanted: str, result: Result) -> None:
    assert result.text is not None
    assert result.text.endswith(wanted)


def _check_formats(wanted: list[str], result: Result) -> None:
    assert sorted(result.formats()) == sorted(wanted)


_RESULT_CHECKS = {name: _equal(name) for name in ("text", "html", "json", "data")} | {
    "text_ends": _check_ending,
    "formats": _check_formats,
}
