"""Errors as Node would tell them: the real class, the message, and the user's own lines."""

from __future__ import annotations

import json

import pytest

from wasm_interp import CodeContext
from wasm_interp.results import ExecutionError


def error_of(context: CodeContext, cell: str) -> ExecutionError:
    error = context.run(cell).error
    assert error is not None
    return error


def test_a_traceback_has_the_source_line_and_the_frames(context: CodeContext) -> None:
    assert error_of(context, "function f() {\n  null.x;\n}\nf()").traceback == [
        "<cell 1>:2",
        "  null.x;",
        "  ^",
        "",
        "    at f (<cell 1>:2:3)",
        "    at <cell 1>:4:1",
        "TypeError: cannot read property 'x' of null",
    ]


@pytest.mark.parametrize(
    ("cell", "name", "value"),
    [
        ("throw new RangeError('r')", "RangeError", "r"),
        ("missing", "ReferenceError", "missing is not defined"),
        ("class Mine extends Error {}; throw new Mine('m')", "Mine", "m"),
        ("class E2 extends Error { name = 'Named' }; throw new E2('m')", "Named", "m"),
        ("await Promise.reject(new TypeError('t'))", "TypeError", "t"),
        ("Promise.reject(new TypeError('t'))", "TypeError", "t"),
        ("Promise.reject(new TypeError('t')); 5", "TypeError", "t"),
        ("setTimeout(() => { throw new Error('in a timer') }, 1)", "Error", "in a timer"),
        ("queueMicrotask(() => { throw new Error('micro') })", "Error", "micro"),
        ("new Promise((_, no) => setTimeout(no, 1, new Error('late')))", "Error", "late"),
        ("throw 5", "Uncaught", "5"),
        ("throw 'text'", "Uncaught", "'text'"),
        ("throw undefined", "Uncaught", "undefined"),
        ("throw {a: 1}", "Uncaught", "{ a: 1 }"),
        ("process.exit(3)", "ExitError", "3"),
        ("process.exit()", "ExitError", "0"),
        ("try { process.exit(1) } catch { } finally { 1 }", "ExitError", "1"),
        ("await null; process.exit(4)", "ExitError", "4"),
        ("setTimeout(() => process.exit(5), 1)", "ExitError", "5"),
    ],
)
def test_the_error_has_its_real_name(context: CodeContext, cell: str, name: str, value: str) -> None:
    error = error_of(context, cell)
    assert (error.name, error.value) == (name, value)
    assert context.run("1 + 1").text == "2"


@pytest.mark.parametrize(
    ("cell", "place"),
    [("let x = ;", "<cell 1>:1:9"), ("1;\n2 +* 3", "<cell 1>:2:4"), ("await 1; let y = (", "<cell 1>:1:")],
)
def test_a_syntax_error_has_its_place(context: CodeContext, cell: str, place: str) -> None:
    error = error_of(context, cell)
    assert error.name == "SyntaxError"
    assert place in "\n".join(error.traceback)


def test_a_cause_is_told(context: CodeContext) -> None:
    traceback = error_of(context, "throw new Error('outer', {cause: new TypeError('inner')})").traceback
    assert "  [cause]: TypeError: inner" in traceback
    assert traceback[-1] == "Error: outer"


def test_the_errors_of_an_aggregate_are_told(context: CodeContext) -> None:
    traceback = error_of(context, "throw new AggregateError([new RangeError('a'), 5], 'many')").traceback
    assert "  [errors][0]: RangeError: a" in traceback
    assert "  [errors][1]: 5" in traceback
    assert traceback[-1] == "AggregateError: many"


def test_a_rejection_that_is_handled_in_time_is_none(context: CodeContext) -> None:
    assert context.run("const p = Promise.reject(1); p.catch(() => {}); 'fine'").text == "fine"
    assert (
        context.run("process.on('unhandledRejection', r => console.log('seen', r)); Promise.reject(2); 3").stdout
        == "seen 2\n"
    )


def test_output_before_an_error_is_kept(context: CodeContext) -> None:
    result = context.run("console.log('before'); display(1); throw new Error('x')")
    assert result.stdout == "before\n"
    assert [each.text for each in result.results] == ["1"]


def test_a_stack_names_files_of_the_sandbox(context: CodeContext) -> None:
    source = "exports.f = function f() {\n  throw new Error('there')\n}"
    context.run(f"require('fs').writeFileSync('/workspace/thrower.js', {json.dumps(source)})")
    assert "    at f (/workspace/thrower.js:2:13)" in error_of(context, "require('./thrower.js').f()").traceback


@pytest.mark.parametrize(
    "cell",
    [
        "throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }})",
        "throw {toString() { throw 1 }}",
        "const e = Error(); Object.defineProperty(e, 'stack', {get() { throw 1 }}); throw e",
        "const e = Error(); Object.defineProperty(e, 'message', {get() { throw 1 }}); throw e",
        "const e = new Error('q'); e.cause = e; throw e",
        "throw Object.assign(new Error('x'), {name: Symbol('n'), message: {}})",
    ],
)
def test_a_hostile_error_is_still_an_error(context: CodeContext, cell: str) -> None:
    error_of(context, cell)
    assert context.run("2").text == "2"
