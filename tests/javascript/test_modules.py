"""Modules: built-ins, files of the sandbox as ES modules and as CommonJS, JSON, packages, and what is not there."""

from __future__ import annotations

import pytest

from wasm_interp import CodeContext, Sandbox

FILES = {
    "/workspace/esm.mjs": "export const k = 1; export default function hi() { return k }",
    "/workspace/lib/plain.js": "export * from './other.js'; export const here = import.meta !== undefined;",
    "/workspace/lib/other.js": "import fs from 'node:fs'; export const there = typeof fs.readFileSync;",
    "/workspace/common.cjs": "module.exports = {z: 1, name: __filename}; exports.lost = 1",
    "/workspace/legacy.js": "exports.a = require('./common.cjs').z + 1",
    "/workspace/data.json": '{"n": [1, 2]}',
    "/workspace/bad.json": "{",
    "/workspace/a.js": "exports.early = 1; exports.b = require('./b.js').value; exports.late = 2",
    "/workspace/b.js": "const a = require('./a.js'); exports.value = [a.early, a.late]",
    "/workspace/ring1.mjs": "import { two } from './ring2.mjs'; export const sum = () => one() + two();\n"
    "export function one() { return 1 }",
    "/workspace/ring2.mjs": "import { one } from './ring1.mjs'; export function two() { return one() + 1 }",
    "/workspace/awaits.mjs": "export const v = await Promise.resolve('waited')",
    "/workspace/throws.mjs": "\nthrow new Error('at load')",
    "/workspace/syntax.mjs": "export const = 1",
    "/workspace/node_modules/pkg/package.json": '{"exports": {".": {"import": "./m.mjs", "default": "./main.js"}}}',
    "/workspace/node_modules/pkg/main.js": "module.exports = 'common'",
    "/workspace/node_modules/pkg/m.mjs": "export default 'module'",
}


@pytest.fixture(autouse=True)
def files(shared_sandbox: Sandbox) -> None:
    for path, text in FILES.items():
        shared_sandbox.files.mkdir(path.rpartition("/")[0])
        shared_sandbox.files.write(path, text)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("import hi, { k } from './esm.mjs'; hi() + k", "2"),
        ("import * as all from './esm.mjs'; Object.keys(all)", "[ 'default', 'k' ]"),
        ("import './esm.mjs'; 1", "1"),
        ("import { there, here } from './lib/plain.js'; [there, here]", "[ 'function', true ]"),
        ("(await import('./esm.mjs')).k", "1"),
        ("const { k: renamed } = await import('/workspace/esm.mjs'); renamed", "1"),
        ("import data from './data.json' with { type: 'json' }; data.n", "[ 1, 2 ]"),
        ("require('./data.json').n", "[ 1, 2 ]"),
        ("require('./common.cjs').name", "/workspace/common.cjs"),
        ("require('./legacy').a", "2"),
        ("import legacy, { a } from './legacy.js'; [legacy, a]", "[ { a: 2 }, 2 ]"),
        ("require('./a.js')", "{ early: 1, b: [ 1, undefined ], late: 2 }"),
        ("import { sum } from './ring1.mjs'; sum()", "3"),
        ("(await import('./awaits.mjs')).v", "waited"),
        ("import pkg from 'pkg'; pkg", "module"),
        ("require('pkg')", "common"),
        ("import fs, { readFileSync } from 'fs'; fs.readFileSync === readFileSync", "true"),
        ("import { readFile } from 'node:fs/promises'; typeof readFile", "function"),
        ("import { setTimeout as wait } from 'timers/promises'; await wait(1, 'v')", "v"),
        ("require('module').builtinModules.every(name => require(name))", "true"),
        ("module.exports.x = 1; exports.x", "1"),
        ("export const exported = 5; exported", "5"),
        ("import { EventEmitter } from 'events'; new EventEmitter() instanceof EventEmitter", "true"),
    ],
)
def test_modules_are_found(context: CodeContext, cell: str, text: str) -> None:
    result = context.run(cell)
    assert result.error is None
    assert result.text == text


def test_imported_names_persist(context: CodeContext) -> None:
    context.run("import path from 'path'")
    assert context.run("path.join('a', '..', 'b')").text == "b"


@pytest.mark.parametrize("cell", ["require('./nope')", "await import('./nope')", "import x from './nope'"])
def test_a_missing_file_is_an_error_that_lists_what_there_is(context: CodeContext, cell: str) -> None:
    error = context.run(cell).error
    assert error is not None
    assert error.value.startswith("Cannot find module './nope'; /workspace has ")
    assert "esm.mjs" in error.value


def test_a_missing_package_is_an_error_that_lists_the_built_ins(context: CodeContext) -> None:
    error = context.run("require('left-pad')").error
    assert error is not None
    assert error.value.startswith("Cannot find module 'left-pad'; the built-ins are assert, buffer, ")
    assert context.run("try { require('x') } catch (e) { e.code }").text == "MODULE_NOT_FOUND"


@pytest.mark.parametrize(
    ("cell", "name", "part"),
    [
        ("await import('./throws.mjs')", "Error", "/workspace/throws.mjs:2:"),
        ("await import('./syntax.mjs')", "SyntaxError", "/workspace/syntax.mjs:1:"),
        ("require('./bad.json')", "SyntaxError", "/workspace/bad.json"),
        ("require('./esm.mjs')", "Error", "import('/workspace/esm.mjs')"),
        ("require('')", "TypeError", "non-empty string"),
    ],
)
def test_a_bad_module_is_an_error_that_names_it(context: CodeContext, cell: str, name: str, part: str) -> None:
    error = context.run(cell).error
    assert error is not None
    assert error.name == name
    assert part in "\n".join(error.traceback)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("export default (1 + 2);", "3"),
        ("export default {a: 1}", "{ a: 1 }"),
        ("export default class {}", "[class (anonymous)]"),
        ("export default (class { })", "[class (anonymous)]"),
        ("export default function () { }", "[Function (anonymous)]"),
        ("export default function f() { return 4 }; f()", "4"),
        ("export /* default */ default /* of */ 5", "5"),
        ("export const a = 6; a", "6"),
        ("export * from 'fs'", None),
        ("export {join} from 'path'", None),
    ],
)
def test_a_cell_may_export_what_nobody_imports(context: CodeContext, cell: str, text: str | None) -> None:
    result = context.run(cell)
    assert (result.text, result.error) == (text, None)


def test_what_a_cell_exports_from_must_be_there(context: CodeContext) -> None:
    error = context.run("export * from './nope.mjs'").error
    assert error is not None
    assert error.value.startswith("Cannot find module './nope.mjs'")
