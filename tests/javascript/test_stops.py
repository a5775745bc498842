"""Endless code, bombs of memory and of stack: a clear error in time, and a context that goes on as it was."""

from __future__ import annotations

import time

import pytest

from wasm_interp import CodeContext, Limits, Sandbox
from wasm_interp.results import StateAfterStop, StopKind

ENDLESS = [
    "while (true);",
    "try { while (true); } catch { } finally { }",
    "for (;;) { try { throw 1 } catch { } }",
    "(async () => { while (true) await null })()",
    "Promise.resolve().then(function f() { return Promise.resolve().then(f) })",
    "(function f() { queueMicrotask(f) })()",
    "(function f() { process.nextTick(f) })()",
    "(function f() { setTimeout(f, 0) })()",
    "setInterval(() => {}, 1)",
    "setTimeout(() => { while (true); }, 1)",
    "await new Promise(done => setTimeout(done, 1e6))",
    "({get x() { while (true); }}).x",
    "new Proxy({}, {get() { while (true); }}).x",
    "JSON.stringify({toJSON() { while (true); }})",
    "[3, 2, 1].sort(() => { while (true); })",
    "/(a+)+b/.test('a'.repeat(50))",
    "({[Symbol.for('nodejs.util.inspect.custom')]() { while (true); }})",
    "({get x() { return 1 }, toString() { while (true); }}) + ''",
    "process.on('exit', () => { while (true); }); process.exit(1)",
    "class L { static { while (true); } }",
    "const {d = (() => { while (true); })()} = {}",
]


@pytest.mark.parametrize("cell", ENDLESS)
def test_an_endless_cell_is_stopped_and_state_is_kept(context: CodeContext, cell: str) -> None:
    context.run("let kept = 'as before'")
    started = time.monotonic()
    result = context.run(cell, timeout=0.2)
    assert time.monotonic() - started < 2
    assert result.error is not None
    assert result.error.name == "TimeoutError"
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    after = context.run("console.log('alive'); kept")
    assert (after.text, after.stdout, after.error) == ("as before", "alive\n", None)


def test_a_stop_shows_where_the_program_was(context: CodeContext) -> None:
    error = context.run("function spin() {\n  while (true);\n}\nspin()", timeout=0.1).error
    assert error is not None
    assert any("spin (<cell 1>:" in line for line in error.traceback)


@pytest.mark.parametrize(
    "cell",
    [
        "const a = []; while (true) a.push(new Array(100000).fill(a))",
        "let s = 'x'; while (true) s += s",
        "new ArrayBuffer(2 ** 31 - 1); new ArrayBuffer(2 ** 31 - 1)",
        "const parts = []; while (true) parts.push(new Uint8Array(1 << 20))",
        "'x'.repeat(2 ** 30 - 30)",
        "new Array(2 ** 32 - 1).join('abc')",
    ],
)
def test_a_memory_bomb_is_the_cells_own_error(shared_sandbox: Sandbox, cell: str) -> None:
    limits = Limits(memory_bytes=64 << 20)
    with shared_sandbox.create_code_context("javascript", limits=limits) as context:
        context.run("let kept = 1")
        assert context.run(cell, timeout=5).error is not None
        assert context.run("kept").text == "1"


@pytest.mark.parametrize(
    "cell",
    [
        "(function f() { f() })()",
        "const deep = n => n ? [deep(n - 1)] : 0; deep(1e6)",
        "class R { get x() { return this.x } }; new R().x",
        "JSON.parse('['.repeat(1e6))",
        "eval('('.repeat(1e6))",
        "let nest = []; for (let i = 0; i < 1e5; i++) nest = [nest]; JSON.stringify(nest)",
        "let list = {}; for (let i = 0; i < 1e5; i++) list = {list}; structuredClone(list)",
        "const p = new Proxy({}, {}); Object.setPrototypeOf(p, p); p.x",
        "new RegExp('('.repeat(1e5))",
    ],
)
def test_a_stack_bomb_is_the_cells_own_error(context: CodeContext, cell: str) -> None:
    context.run("let kept = 1")
    assert context.run(cell, timeout=10).error is not None
    assert context.run("kept").text == "1"


def test_a_deep_value_is_shown(context: CodeContext) -> None:
    assert context.run("let n = []; for (let i = 0; i < 1e4; i++) n = [n]; n").text == "[ [ [ [Array] ] ] ]"


def test_output_past_its_limit_is_cut(shared_sandbox: Sandbox) -> None:
    with shared_sandbox.create_code_context("javascript", limits=Limits(output_bytes=1000)) as context:
        result = context.run("for (let i = 0; i < 1000; i++) console.log('x'.repeat(100))")
    assert len(result.stdout) <= 1000
    assert "stdout" in result.truncated
