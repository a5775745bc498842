"""What our esbuild makes of TypeScript is what the `esbuild` package from npm, run by Node, makes of it.

The package is fetched with npm into a temporary folder; without node, npm or a registry the comparison is skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from wasm_interp._core.languages import esbuild
from wasm_interp._core.languages.base import Patience
from wasm_interp._core.languages.esbuild import Refusal, Script

NODE, NPM = shutil.which("node"), shutil.which("npm")
PROGRAMS = [
    "const x: number = 1; x as any; x!; <unknown>x",
    "enum A { B = 1, C = B << 2, D = 'd'.length }; const enum E { F }; declare enum G { H }; A.B + E.F",
    "namespace N.M { export const a = 1; export function f() { return a }; namespace inner {} }",
    "class P<T> { constructor(private readonly x: T, public y?: number) { } z!: string; declare w: 1; static #s = 1 }",
    "abstract class Q { abstract m(): void; protected n?(): void; get v(): number { return 1 } }",
    "function f(this: Window, a: number, b?: string, ...c: any[]): asserts a is 5 { } f",
    "function o(a: string): void; function o(a: number): void; function o(a: any) { return a }",
    "type X<T> = T extends (infer U)[] ? U : never; interface I extends Array<number> { (a: string): void; new (): I }",
    "import a, { type B, c } from 'm'; import type D from 'n'; import * as e from 'o'; export type { B }; export { c }",
    "import fs = require('fs'); import Alias = N.M; export = fs",
    "@dec class R { @dec() m(@p a: number) {} }",
    "@dec class S { @dec accessor x = 1; @dec static y = 2; @dec #z() {} }",
    "let v = a satisfies B; let w = <T,>(x: T) => x; let g = f<string>; let n = new Map<string, number>()",
    "for (const [k, v] of Object.entries(o as Record<string, number>)) console.log(k!, v!)",
    "label: { 1; 'a'; /* c */ (2); null; void 0; a?.b!.c; a! += 1 }",
    "async function* ag<T>(this: void): AsyncGenerator<T> { yield* await (x as any) } await 1",
    "using u = f(); await using w = g(); u",
    "export default abstract class { } export const enum Y { Z }",
    "declare global { interface Window { a: 1 } } declare module 'x' { } declare const q: number; q",
    "let tuple: [a: string, b?: number, ...rest: boolean[]] = ['a']; const asserted = {a: 1} as const",
    "try { } catch (e: unknown) { throw e as Error } finally { }",
    "let x: = 1",
    "class {",
    "const y: number = 'é' + ;",
    "enum 5 {}",
    "function f(a?: number, b: string) { } type = 5",
]
DRIVER = """
const esbuild = require('esbuild');
const { programs, options } = JSON.parse(require('fs').readFileSync(0));
Promise.all(programs.map((code) => esbuild.transform(code, options).then(
  ({ code, map }) => ({ code, mappings: JSON.parse(map).mappings }),
  ({ errors: [{ text, location }] }) => ({ text, line: location.line }))))
  .then((made) => console.log(JSON.stringify(made)));
"""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    if NODE is None or NPM is None:
        pytest.skip("there is no node here")
    folder: Path = tmp_path_factory.mktemp("esbuild")
    (folder / "package.json").write_text("{}")
    install = [NPM, "install", "--no-audit", "--no-fund", f"esbuild@{esbuild._VERSION}"]
    if subprocess.run(install, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip("esbuild could not be fetched")
    options = {
        "loader": "ts",
        "sourcemap": "external",
        "sourcesContent": False,
        "logLevel": "silent",
        "target": "esnext",
        "supported": {"decorators": False, "using": False},
        "charset": "utf8",
        "tsconfigRaw": esbuild._OPTIONS,
    }
    given = json.dumps({"programs": PROGRAMS, "options": options})
    made = subprocess.run([NODE, "-e", DRIVER], cwd=folder, input=given.encode(), capture_output=True, check=True)
    found: list[dict[str, object]] = json.loads(made.stdout)
    return found


@pytest.mark.parametrize("index", range(len(PROGRAMS)))
def test_the_javascript_is_the_same(index: int, expected: list[dict[str, object]]) -> None:
    match esbuild.transpile(PROGRAMS[index], "ts", Patience()):
        case Script(code, mappings):
            assert {"code": code, "mappings": mappings} == expected[index]
        case Refusal(text, line):
            assert {"text": text, "line": line} == expected[index]
