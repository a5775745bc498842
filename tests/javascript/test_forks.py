"""Forks, checkpoints and snapshots of JavaScript contexts: the same as of Python's."""

from __future__ import annotations

from wasm_interp import CodeContext, Sandbox


def test_a_fork_goes_on_from_the_same_state(context: CodeContext) -> None:
    context.run("let n = 1; const add = k => n += k; process.chdir('/tmp')")
    with context.fork() as fork:
        assert fork.run("add(10); [n, process.cwd()]").text == "[ 11, '/tmp' ]"
        assert fork.run("Math.random()").text != context.run("Math.random()").text
    assert context.run("n").text == "1"


def test_a_rollback_undoes_cells(context: CodeContext) -> None:
    context.run("let n = 1")
    checkpoint = context.checkpoint()
    context.run("n = 2; let later = 3")
    context.rollback(checkpoint)
    assert context.run("[n, typeof later]").text == "[ 1, 'undefined' ]"


def test_a_snapshot_holds_a_context() -> None:
    with Sandbox() as sandbox:
        context = sandbox.create_code_context("javascript")
        context.run("class P { #v = 7; get v() { return this.#v } }; const p = new P()")
        snapshot = sandbox.snapshot()
    with Sandbox.from_snapshot(snapshot) as resumed:
        assert resumed.run_code("p.v", context=context.id).text == "7"
