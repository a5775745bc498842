"""TypeScript cells: nothing of a program lost on the way to JavaScript, and positions told in TypeScript."""

from __future__ import annotations

import pytest

from wasm_interp import CodeContext, Sandbox


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("const x: number = 1; x + 1", "2"),
        ("1 + 1;", "2"),
        ("'a' as string", "a"),
        ("({a: 1} satisfies {a: number})", "{ a: 1 }"),
        ("{a: 1 as number}", "{ a: 1 }"),
        ("interface P { a: number }; const p: P = {a: 1}; p", "{ a: 1 }"),
        ("type T = string | number; let t: T = 5; t", "5"),
        ("enum Color { Red, Green = 'g' }; [Color.Red, Color[0], Color.Green]", "[ 0, 'Red', 'g' ]"),
        ("const enum C { A = 5 }; C.A", "5"),
        ("namespace N { export const z = 3; export namespace M { export const y = 4 } }; N.z + N.M.y", "7"),
        ("class Pt { constructor(private x: number, public y = 2) {} }; new Pt(1)", "Pt { x: 1, y: 2 }"),
        ("abstract class S { abstract a(): number }; class Q extends S { a() { return 9 } }; new Q().a()", "9"),
        ("const id = <T,>(x: T): T => x; id<number>(3)", "3"),
        ("function f(this: any, a?: number, ...r: string[]): void {}; f.length", "1"),
        ("let u!: number; u = 1; u!", "1"),
        ("declare const z: number; typeof z", "undefined"),
        ("export const e = 1; export default 5", "5"),
        ("import type { A } from './nope'; import { type B } from 'fs'; 'kept'", "kept"),
        ("await Promise.resolve<number>(5)", "5"),
        ("for await (const v of [1] as const) { v }", "1"),
        ("if (true as boolean) { 42 }", "42"),
        ("function over(a: string): string; function over(a: any) { return a }; over('o')", "o"),
        ("let [a, b]: [number, string] = [1, 'x']; [a, b]", "[ 1, 'x' ]"),
        ("class G<T> { static #c = 1; accessor v: T | undefined; static c() { return G.#c } }; G.c()", "1"),
        ("/** @jsx h */ const h = (t: string, p: any, ...c: any[]) => ({t, p, c}); <b x={1}>hi</b>",
         "{ t: 'b', p: { x: 1 }, c: [ 'hi' ] }"),
        ("", None),
        ("type OnlyATypeHere = 1", None),
    ],
)  # fmt: skip
def test_the_value_of_the_last_statement_is_the_result(context: CodeContext, cell: str, text: str | None) -> None:
    result = context.run(cell)
    assert result.error is None
    assert result.text == text


def test_bindings_enums_and_namespaces_persist(context: CodeContext) -> None:
    context.run("enum E { A, B }; namespace N { export const n = 1 }; const c: number = 2; class K<T> { v?: T }")
    assert context.run("[E.B, N.n, c, new K<string>()]").text == "[ 1, 1, 2, K { v: undefined } ]"
    context.run("const c: string = 'anew'")
    assert context.run("c").text == "anew"


def test_imported_names_are_kept_for_later_cells(context: CodeContext) -> None:
    context.run("import path, { join } from 'path'")
    assert context.run("join('a', 'b') + path.sep").text == "a/b/"


def test_decorators(context: CodeContext) -> None:
    cell = "function d(v: any, c: any) { console.log(c.kind, c.name) }\n@d class Q { @d m() {} @d p = 1 }\nnew Q().p"
    result = context.run(cell)
    assert result.stdout == "method m\nfield p\nclass Q\n"
    assert result.text == "1"


def test_a_traceback_has_the_typescript_lines(context: CodeContext) -> None:
    types = "interface Long {\n  a: number;\n}\n\n"
    cell = types + "function f(x: Long | null): never {\n  throw new TypeError('t' as string);\n}\nf(null)"
    error = context.run(cell).error
    assert error is not None
    assert error.traceback == [
        "<cell 1>:6",
        "  throw new TypeError('t' as string);",
        "            ^",
        "",
        "    at f (<cell 1>:6:13)",
        "    at <cell 1>:8:3",
        "TypeError: t",
    ]


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("let x: = 1", "<cell 1>:1:8"),
        ("const a: number = 1;\nconst b: string = ;", "<cell 1>:2:19"),
        ("'é' + ;", "<cell 1>:1:7"),
        ("class {", "<cell 1>:1:7"),
        ("enum 5 {}", "<cell 1>:1:"),
    ],
)
def test_a_syntax_error_has_its_line_and_column(context: CodeContext, cell: str, place: str) -> None:
    error = context.run(cell).error
    assert error is not None
    assert error.name == "SyntaxError"
    assert place in error.value
    assert error.traceback[-1] == f"SyntaxError: {error.value}"
    assert context.run("1").text == "1"


def test_typescript_and_javascript_share_files(shared_sandbox: Sandbox) -> None:
    shared_sandbox.run_code("import fs from 'fs'; fs.writeFileSync('/tmp/shared', 'ts' as string)", language="ts")
    assert shared_sandbox.run_code("require('fs').readFileSync('/tmp/shared', 'utf8')", language="js").text == "ts"


def test_an_endless_cell_is_stopped(context: CodeContext) -> None:
    context.run("let kept: number = 1")
    result = context.run("while (true as boolean) {}", timeout=0.2)
    assert result.error is not None
    assert result.error.name == "TimeoutError"
    assert context.run("kept").text == "1"


def test_a_long_program_is_transpiled(context: CodeContext) -> None:
    assert context.run("\n".join(f"const v{i}: number = {i};" for i in range(5000)) + "\nv4999").text == "4999"
