"""The README does what it says: its Python runs, its commands exist, its tables agree with the code."""

import ast
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer.main

from wasm_interp import Limits
from wasm_interp._core.artifacts import packages
from wasm_interp.cli import app
from wasm_interp.sandbox import DEFAULT_CONTEXT_TIMEOUT, DEFAULT_TIMEOUT

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
UNITS = {"GiB": 1 << 30, "MiB": 1 << 20}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


class Claims(ast.NodeTransformer):
    """Replaces ``print(x)  # -> text`` by a check of the text, and keeps what was found."""

    def __init__(self, source: str) -> None:
        self.expected = {
            number: line.partition("# -> ")[2] for number, line in enumerate(source.splitlines(), 1) if "# -> " in line
        }
        self.shown: dict[int, str] = {}

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "print" and node.lineno in self.expected:
            node.func.id = "__claim__"
            node.args.insert(0, ast.Constant(node.lineno))
        return node

    def claim(self, line: int, *values: Any) -> None:
        self.shown[line] = " ".join(map(str, values)).rstrip("\n")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it, which a block may write to."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("source", blocks("python"))
def test_a_python_block_gives_what_it_claims(source: str, checkout: Path) -> None:
    claims = Claims(source)
    tree = ast.fix_missing_locations(claims.visit(ast.parse(source)))
    exec(compile(tree, "README.md", "exec"), {"__name__": "__main__", "__claim__": claims.claim})
    assert claims.expected
    assert claims.shown == claims.expected


def commands() -> list[list[str]]:
    """Every command of the console blocks, as words; the parts of a pipe or chain each on their own."""
    lines = [line.removeprefix("$ ") for block in blocks("console") for line in block.splitlines()]
    return [shlex.split(part) for line in lines for part in re.split(r" && | \| ", line)]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_exists_with_its_options(words: list[str]) -> None:
    program, *arguments = words
    if program.startswith("scripts/"):
        assert (ROOT / program).is_file()
    elif program == "wasm-interp":
        command = typer.main.get_command(app).commands[arguments[0]]  # type: ignore[attr-defined]
        command.make_context(arguments[0], arguments[1:])  # raises for an option that there is not
    else:
        assert program in {"pip", "cat"}


def test_the_table_of_limits_has_the_defaults() -> None:
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", README, re.MULTILINE))
    timeout = shown.pop("timeout")
    assert timeout == f"{DEFAULT_TIMEOUT:g} s"
    assert f"contexts of their own have {DEFAULT_CONTEXT_TIMEOUT:g} s" in README
    assert {name: default(text) for name, text in shown.items()} == {name: getattr(Limits(), name) for name in shown}
    assert set(shown) == set(Limits.__dataclass_fields__)


def default(text: str) -> int | str | None:
    if text == "none":
        return None
    value, _, unit = text.partition(" ")
    digits = value.replace(",", "")
    return int(digits) * UNITS.get(unit, 1) if digits.isdigit() else value


def test_the_packages_named_are_inside() -> None:
    section = README[README.index("## What is inside") : README.index("## Figures")]
    rows = re.findall(r"^\| [a-z][^|]* \| ([a-z][^|]*) \|$", section, re.MULTILINE)
    named = [name for row in rows for name in row.split(", ") if name != "packages"]
    assert len(named) > 30
    assert set(named) <= set(packages())
    assert f"CPython {packages()['python'].rpartition('.')[0]}" in section


def test_the_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
