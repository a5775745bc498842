"""Cells as Node's REPL has them: what persists, what may be declared anew, what the result is."""

from __future__ import annotations

import pytest

from wasm_interp import CodeContext


def texts(context: CodeContext, *cells: str) -> list[str | None]:
    """The text of each cell's result; a cell's error as "Name: message"."""
    return [
        result.text if result.error is None else str(result.error.traceback[-1]) for result in map(context.run, cells)
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("1 + 1", "2"),
        ("'text'", "text"),
        ("undefined", None),
        ("null", "null"),
        ("let x = 1", None),
        ("x = 5", "5"),
        ("{a: 1}", "{ a: 1 }"),
        ("{a: 1};", "1"),
        ("({a: 1})", "{ a: 1 }"),
        ("{}", "{}"),
        ("if (true) { 42 } else { 1 }", "42"),
        ("for (var i = 0; i < 3; i++) i * 10", "20"),
        ("try { 1 } finally { 2 }", "1"),
        ("switch (1) { case 1: 'one' }", "one"),
        ("function f() { return 1 }", None),
        ("class A {}", None),
        ("1;", "1"),
        ("1 // comment", "1"),
        ("", None),
        ("#!shebang\n3", "3"),
        ("[1, , 'a']", "[ 1, <1 empty item>, 'a' ]"),
        ("new Map([[{a: 1}, new Set([1])]])", "Map(1) { { a: 1 } => Set(1) { 1 } }"),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("10n ** 20n", "100000000000000000000n"),
        ("Symbol('s')", "Symbol(s)"),
        ("new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
        ("new (class Point { constructor() { this.x = 1 } })", "Point { x: 1 }"),
        ("const o = {}; o.self = o; o", "<ref *1> { self: [Circular *1] }"),
        ("({a: {b: {c: {d: 1}}}})", "{ a: { b: { c: [Object] } } }"),
        ("Promise.resolve([1])", "[ 1 ]"),
        ("new Promise(() => {})", "Promise { <pending> }"),
        ("await Promise.resolve(7)", "7"),
        ("await Promise.all([1, Promise.resolve(2)])", "[ 1, 2 ]"),
        ("'a\\0b'", "a\0b"),
        ("'\\ud800x'", "�x"),
    ],
)
def test_the_result_is_the_value_of_the_last_statement(context: CodeContext, cell: str, text: str | None) -> None:
    result = context.run(cell)
    assert result.error is None
    assert result.text == text


@pytest.mark.parametrize(
    ("cell", "json"),
    [
        ("({a: [1, {b: null}], c: 'x'})", {"a": [1, {"b": None}], "c": "x"}),
        ("[]", []),
        ("JSON.parse('[1.5, true]')", [1.5, True]),
        ("Object.create(null)", {}),
        ("1", None),
        ("({d: new Date(0)})", None),
        ("({n: NaN})", None),
        ("({f() {}})", None),
        ("new (class P { x = 1 })", None),
        ("const c = []; c.push(c); c", None),
    ],
)
def test_what_is_json_has_json(context: CodeContext, cell: str, json: object) -> None:
    (result,) = context.run(cell).results
    assert result.json == json


def test_bindings_persist(context: CodeContext) -> None:
    context.run("let a = 1; const b = 2; var c = 3; class D { m() { return a } } function e() { return b }")
    assert texts(context, "[a, b, c, new D().m(), e()]") == ["[ 1, 2, 3, 1, 2 ]"]


def test_destructured_bindings_persist(context: CodeContext) -> None:
    context.run("const {x, y: {z = 5}, ...rest} = {x: 1, y: {}, q: 2}; let [first, ...others] = [1, 2, 3]")
    assert texts(context, "[x, z, rest, first, others]") == ["[ 1, 5, { q: 2 }, 1, [ 2, 3 ] ]"]


@pytest.mark.parametrize("kind", ["const x = 2", "let x = 2", "var x = 2", "const {x} = {x: 2}", "const x = await 2"])
@pytest.mark.parametrize("former", ["const x = 1", "let x = 1", "var x = 1", "function x() {}", "class x {}", "x = 1"])
def test_a_name_may_be_declared_anew_in_a_later_cell(context: CodeContext, former: str, kind: str) -> None:
    assert texts(context, former + "; undefined", kind + "; undefined", "x") == [None, None, "2"]


@pytest.mark.parametrize("former", ["const f = 1", "let f = 1", "var f = 1", "class f {}"])
def test_a_function_or_class_may_take_a_name_over(context: CodeContext, former: str) -> None:
    assert texts(context, former, "function f() { return 5 }", "f()", "class f {}", "f") == [
        None,
        None,
        "5",
        None,
        "[class f]",
    ]


def test_a_constant_is_constant(context: CodeContext) -> None:
    assert texts(context, "const k = 1", "k = 2", "k") == [None, "TypeError: 'k' is read-only", "1"]


def test_functions_see_a_binding_that_was_declared_anew(context: CodeContext) -> None:
    assert texts(context, "let v = 1; const get = () => v; get()", "let v = 2; get()") == ["1", "2"]


def test_a_declaration_that_was_not_reached_changes_nothing(context: CodeContext) -> None:
    cells = ["let a = 1", "let a = (() => { throw new Error('no') })()", "a", "let b = missing", "b", "let b = 3; b"]
    last = "ReferenceError: b is not defined"
    assert texts(context, *cells) == [None, "Error: no", "1", "ReferenceError: missing is not defined", last, "3"]


def test_two_declarations_in_one_cell_are_an_error(context: CodeContext) -> None:
    assert context.run("let twice = 1; let twice = 2").error.name == "SyntaxError"  # type: ignore[union-attr]


def test_top_level_await_keeps_bindings(context: CodeContext) -> None:
    context.run("const late = await new Promise(done => setTimeout(done, 5, 'late')); let n = 0")
    context.run("for await (const v of [Promise.resolve(1), 2]) n += v")
    assert texts(context, "[late, n]") == ["[ 'late', 3 ]"]


def test_strict_mode_is_asked_for(context: CodeContext) -> None:
    assert texts(context, "sloppy = 1", "'use strict'; strict = 1") == ["1", "ReferenceError: strict is not defined"]


def test_underscore_is_the_last_result(context: CodeContext) -> None:
    assert texts(context, "6 * 7", "_ + 1", "undefined", "_") == ["42", "43", None, "43"]


def test_contexts_share_nothing_of_memory(context: CodeContext, shared_sandbox) -> None:  # type: ignore[no-untyped-def]
    context.run("globalThis.secret = 1; Array.prototype.evil = 1")
    with shared_sandbox.create_code_context("js") as other:
        assert texts(other, "typeof secret", "typeof [].evil") == ["undefined", "undefined"]


def test_each_context_has_its_own_randomness(shared_sandbox) -> None:  # type: ignore[no-untyped-def]
    drawn = set()
    for _ in range(5):
        with shared_sandbox.create_code_context("js") as other:
            drawn.add(other.run("Math.random()").text)
    assert len(drawn) == 5


@pytest.mark.parametrize("name", ["f", "a", "b", "A", "_", "__host", "__kernel", "internal", "wasmInterpProbe"])
def test_a_new_context_has_no_variable_of_ours(context: CodeContext, name: str) -> None:
    assert texts(context, f"typeof {name}") == ["undefined"]


def test_the_environment_of_one_run_is_gone_after_it(context: CodeContext) -> None:
    assert context.run("process.env.ONCE", env_vars={"ONCE": "1"}).text == "1"
    assert texts(context, "process.env.ONCE", "process.env.HOME") == [None, "/home/user"]


def test_the_folder_persists(context: CodeContext) -> None:
    assert texts(context, "process.chdir('/tmp'); process.cwd()", "process.cwd()") == ["/tmp", "/tmp"]


def test_display_shows_in_order_and_the_value_last(context: CodeContext) -> None:
    result = context.run(
        "display({a: 1}); display.html('<b>x</b>'); display.markdown('# h'); display.png('aGk='); 'end'"
    )
    assert [each.formats() for each in result.results] == [["text", "json"], ["html"], ["markdown"], ["png"], ["text"]]
    assert [each.is_main_result for each in result.results] == [False, False, False, False, True]
