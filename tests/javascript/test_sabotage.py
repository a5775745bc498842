"""A program that breaks its own built-ins breaks nothing of ours: not the next cell, not another context."""

from __future__ import annotations

import pytest

from wasm_interp import CodeContext

SABOTAGE = [
    "JSON.stringify = () => 'forged'; JSON.parse = null",
    "Array.prototype.map = Array.prototype.push = Array.prototype.join = () => { throw 1 }",
    "Array.prototype[Symbol.iterator] = null; Object.keys = Object.entries = null",
    "globalThis.Promise = null; Promise",
    "globalThis.console = null",
    "RegExp.prototype.exec = RegExp.prototype.test = () => { throw 1 }",
    "String.prototype.split = String.prototype.replace = String.prototype.toWellFormed = null",
    "Function.prototype.call = Function.prototype.apply = Function.prototype.toString = null",
    "globalThis.Map = globalThis.Set = globalThis.Error = globalThis.Symbol = undefined",
    "Object.prototype.toJSON = () => 'forged'; Object.prototype.then = 1",
    "Object.defineProperty(Object.prototype, 'get', {get() { throw 1 }, set() { throw 2 }})",
    "Object.defineProperty(Object.prototype, 'code', {get() { return 'forged' }, set() { throw 2 }})",
    "Error.prepareStackTrace = () => { throw 1 }; Object.defineProperty(Error.prototype, 'stack', {get() { throw 1 }})",
    "Error.stackTraceLimit = -1; delete globalThis.process; setTimeout = 1",
    "Object.setPrototypeOf(globalThis, null)",
    "for (const name of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[name] } catch {}",
    "Object.freeze(globalThis); Object.freeze(Object.prototype)",
]


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_the_next_cells_work(context: CodeContext, sabotage: str) -> None:
    context.run(sabotage)
    assert context.run("({a: [1, 'x'], b: 2})").results[0].json == {"a": [1, "x"], "b": 2}
    assert context.run("[1, {c: 3}]").text == "[ 1, { c: 3 } ]"
    assert context.run("let fresh = 1; const {q} = {q: 2}; fresh + q").text == "3"
    assert context.run("await 5").text == "5"
    failed = context.run("null.x").error
    assert failed is not None
    assert (failed.name, failed.traceback[-1]) == ("TypeError", "TypeError: cannot read property 'x' of null")
