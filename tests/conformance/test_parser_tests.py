"""TC39's parser tests: what is JavaScript runs as a cell or a module, and what is none is a SyntaxError.

The programs are for parsers and mean nothing; where one runs into an error of another kind, or does not end, it has
been parsed. Known differences are listed: a test fails when they change, for the worse or the better.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

import hatch_build
from wasm_interp import Sandbox

LOCK = Path(__file__).with_name("parser_tests.toml")
SECONDS = 5.0  # to parse a program; hardly one of those that are none runs without end
FEW_SECONDS = 0.05  # many that are programs do
DIFFERENCES: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("parser_tests_differences.toml").read_text("utf-8")
)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs, fetched and verified."""
    folder: Path = tmp_path_factory.mktemp("parser_tests")
    shutil.copy(LOCK, folder / "lock.toml")
    try:
        hatch_build.fetch.fetch(folder)
    except hatch_build.fetch.FetchError as error:
        pytest.skip(f"the programs could not be fetched: {error}")
    return folder / "dist" / "parser"


def syntax_errors(folder: Path, seconds: float = SECONDS) -> set[str]:
    """The names of the programs that are refused."""
    with Sandbox() as sandbox:
        return {path.name for path in sorted(folder.iterdir()) if is_refused(sandbox, path, seconds)}


def is_refused(sandbox: Sandbox, path: Path, seconds: float) -> bool:
    with sandbox.create_code_context("javascript") as context:
        if path.name.endswith(".module.js"):
            sandbox.files.write(f"{path.stem}.mjs", path.read_bytes())
            result = context.run(f"await import('./{path.stem}.mjs')", timeout=seconds)
        else:
            result = context.run(path.read_text("utf-8"), timeout=seconds)
    return result.error is not None and result.error.name == "SyntaxError"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_is_javascript_is_run(programs: Path) -> None:
    assert len(names(programs / "pass")) == 1981
    assert syntax_errors(programs / "pass", FEW_SECONDS) == set(DIFFERENCES["refused"])


def test_early_errors_are_syntax_errors(programs: Path) -> None:
    assert len(names(programs / "early")) == 668
    assert names(programs / "early") - syntax_errors(programs / "early") == set(DIFFERENCES["early_accepted"])


def test_what_is_no_javascript_is_a_syntax_error(programs: Path) -> None:
    assert len(names(programs / "fail")) == 731
    known = [name for kind in ("accepted", "accepted_since", "accepted_in_cells") for name in DIFFERENCES[kind]]
    assert names(programs / "fail") - syntax_errors(programs / "fail") == set(known)
