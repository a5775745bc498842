from __future__ import annotations

from typing import Any

import pytest
from wasm_interp_kernel.cells import CellCompiler, dedent

NO_EXPRESSION = object()


def run(source: str, namespace: dict[str, Any], compiler: CellCompiler | None = None) -> object:
    statements, expression = (compiler or CellCompiler()).compile(source, "<cell 1>")
    if statements is not None:
        exec(statements, namespace)
    return eval(expression, namespace) if expression is not None else NO_EXPRESSION


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("1 + 1", 2),
        ("x = 1\nx + 1", 2),
        ("x = 1; x + 1", 2),
        ("(\n1,\n2)", (1, 2)),
        ("'a;b'", "a;b"),
        ("'a'  # ; not a semicolon", "a"),
        ("(1,\n) # ;", (1,)),
        ("'é;'", "é;"),
        ("f'{1};'", "1;"),
        ("None", None),
        ("1\r\n", 1),
    ],
)
def test_the_last_expression_is_the_value(source: str, value: object, namespace: dict[str, Any]) -> None:
    assert run(source, namespace) == value


@pytest.mark.parametrize(
    "source",
    [
        "",
        "# c",
        "x = 1",
        "1;",
        "1 ; # c",
        "x = 1; x;",
        "(1\n); # c",
        "'é' ;",
        "for i in []: i",
        "import os",
        "1; ;"[:2],
    ],
)
def test_no_value(source: str, namespace: dict[str, Any]) -> None:
    assert run(source, namespace) is NO_EXPRESSION


def test_a_silenced_expression_still_runs(namespace: dict[str, Any]) -> None:
    run("seen = []\nseen.append(1);", namespace)
    assert namespace["seen"] == [1]


def test_future_imports_stay_in_force(namespace: dict[str, Any]) -> None:
    compiler = CellCompiler()
    run("from __future__ import annotations", namespace, compiler)
    run("def f(x: nowhere): pass", namespace, compiler)
    assert namespace["f"].__annotations__ == {"x": "nowhere"}
    assert run("(lambda: 3)()", namespace, compiler) == 3


def test_cells_that_await_are_coroutine_code() -> None:
    statements, expression = CellCompiler().compile("await a\nawait b", "<cell 1>")
    assert statements.co_flags & 0x80
    assert expression.co_flags & 0x80


@pytest.mark.parametrize(
    ("source", "line", "text"), [("1 +", 1, "1 +"), ("x = 1\nreturn 2", 2, "return 2"), ("%cd /\n1 +", 2, "1 +")]
)
def test_syntax_errors_carry_the_line_as_written(source: str, line: int, text: str) -> None:
    with pytest.raises(SyntaxError) as caught:
        CellCompiler().compile(source, "<cell 1>")
    assert (caught.value.filename, caught.value.lineno, caught.value.text.strip()) == ("<cell 1>", line, text)
    assert caught.value.__context__ is None


def test_a_mistake_without_magics_is_told_as_it_is() -> None:
    with pytest.raises(SyntaxError, match="never closed"):
        CellCompiler().compile("x = (1 +\n  % 2", "<cell 1>")


@pytest.mark.parametrize(
    ("source", "dedented"),
    [
        ("  x\n  y", "x\ny"),
        ("\n\n    # c\n    x\n      y\n", "\n\n# c\nx\n  y\n"),
        ("\tif x:\n\t\ty", "if x:\n\ty"),
        ("x\n  y", "x\n  y"),
        ("   ", "   "),
        ("# c\nx", "# c\nx"),
        ("  x\ny", "x\ny"),
    ],
)
def test_dedent(source: str, dedented: str) -> None:
    assert dedent(source) == dedented
