"""Small programs over every statement, built-in and console form, run by Node and by us: the output must be the same.

The programs are in tests/javascript/programs, several to a file, each after a line ``//// its name``.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wasm_interp import Sandbox

PROGRAMS = Path(__file__).resolve().parents[1] / "javascript" / "programs"
NODE = shutil.which("node")


def programs() -> dict[str, str]:
    found = {}
    for path in sorted(PROGRAMS.glob("*.js")):
        for part in path.read_text("utf-8").split("//// ")[1:]:
            name, _, code = part.partition("\n")
            found[f"{path.stem}: {name}"] = code
    return found


ALL = programs()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    if NODE is None:
        pytest.skip("there is no node here")
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(ALL, pool.map(by_node, ALL.values()), strict=True))


def by_node(code: str) -> str:
    assert NODE is not None
    done = subprocess.run([NODE, "-e", code], capture_output=True, env={"TZ": "UTC", "NO_COLOR": "1"}, check=False)
    return done.stdout.decode()


def test_there_are_at_least_two_hundred_programs() -> None:
    assert len(ALL) >= 200


@pytest.mark.parametrize("name", ALL)
def test_a_program_prints_what_it_prints_under_node(name: str, sandbox: Sandbox, expected: dict[str, str]) -> None:
    with sandbox.create_code_context("javascript") as context:
        result = context.run(ALL[name])
    assert result.stdout.splitlines() == expected[name].splitlines(), result.error
