"""What a context was before each of its last runs, and going back there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.images.linear_memory import NEEDS_LINUX
from tests.snapshots.arena_use import bytes_in_use, mappings_left
from wasm_interp import AsyncSandbox, CodeContext, ContextClosed, Sandbox, UsageError

pytestmark = NEEDS_LINUX
MIB = 1 << 20


@pytest.fixture
def context(sandbox: Sandbox) -> CodeContext:
    return sandbox.create_code_context(history_bytes=256 * MIB)


def test_undo_goes_back_run_by_run(context: CodeContext) -> None:
    for number in range(5):
        context.run(f"x = {number}; g = iter(range(10)); next(g)")
    assert [state.execution_count for state in context.history] == [0, 1, 2, 3, 4]
    context.undo()
    assert len(context.history) == 4
    assert context.run("x, next(g)").text == "(3, 1)"
    context.undo(3)  # the question above is a run too
    assert context.run("x").text == "1"
    context.undo(3)
    assert context.run("'x' in globals()").text == "False"


def test_a_failed_run_is_a_run(context: CodeContext) -> None:
    context.run("x = 1")
    context.run("x = 2\n1 / 0")
    context.undo()
    assert context.run("x").text == "1"


def test_an_undone_transaction_is_none(context: CodeContext) -> None:
    context.run("x = 1")
    context.run("x = 2")
    assert context.run("x = 3\n1 / 0", transaction=True).undone
    context.undo()
    assert context.run("x").text == "1"


def test_what_was_refused_is_no_run(context: CodeContext) -> None:
    context.run("x = 1")
    context.run("x = await host.request('q')")
    for _ in range(3):
        with pytest.raises(UsageError):
            context.run("x")
        with pytest.raises(UsageError):
            context.resume({"req-9": 1})
    assert len(context.history) == 2


def test_a_transaction_that_a_callback_failed_is_none(context: CodeContext) -> None:
    def fail(text: str) -> None:
        raise LookupError

    context.run("x = 1")
    context.run("x = 2")
    with pytest.raises(LookupError):
        context.run("x = 3; print(x)", on_stdout=fail, transaction=True)
    context.undo()
    assert context.run("x").text == "1"


def test_any_state_of_it_can_be_gone_back_to(context: CodeContext) -> None:
    for number in range(4):
        context.run(f"x = {number}")
    context.rollback(context.history[2])
    assert context.run("x").text == "1"


def test_execution_counts_go_back_too(context: CodeContext) -> None:
    context.run("1")
    context.run("2")
    context.undo()
    assert context.run("3").execution_count == 2


def test_files_stay(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("open('a', 'w').write('kept')")
    context.undo()
    assert sandbox.files.read_text("a") == "kept"


def test_the_oldest_go_when_there_is_no_room(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(history_bytes=40 * MIB)
    for number in range(24):
        context.run(f"n = {number}; part = bytearray(b'{number % 10}') * (4 << 20)")
        assert len(context.history) <= 10
    known = context.history
    assert 3 <= len(known) < 10
    assert known[-1].execution_count == 23
    with pytest.raises(UsageError, match=f"holds {len(known)} runs, not {len(known) + 1}$"):
        context.undo(len(known) + 1)
    context.undo(3)
    assert context.run("n, part[0], part[-1], len(part)").text == f"(20, 48, 48, {4 << 20})"


def test_the_newest_is_kept_whatever_it_takes(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(history_bytes=0)
    context.run("x = bytearray(b'x') * (8 << 20)")
    context.run("y = 1")
    assert len(context.history) == 1
    context.undo()
    assert context.run("len(x), 'y' in globals()").text == f"({8 << 20}, False)"


def test_without_one_there_is_a_clear_error(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context()
    with pytest.raises(UsageError, match=r"keeps no history: create_code_context\(history_bytes=\.\.\.\)$"):
        context.undo()
    with pytest.raises(UsageError, match="keeps no history"):
        _ = context.history


@pytest.mark.parametrize("count", [0, -1, True, 1.0, "1"])
def test_counts_that_are_none_are_refused(context: CodeContext, count: Any) -> None:
    with pytest.raises(UsageError, match="whole number of at least 1"):
        context.undo(count)


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "1"])
def test_bounds_that_are_none_are_refused(sandbox: Sandbox, wrong: Any) -> None:
    with pytest.raises(UsageError, match="history_bytes must be"):
        sandbox.create_code_context(history_bytes=wrong)


def test_a_closed_context_has_none(context: CodeContext) -> None:
    context.run("x = 1")
    context.close()
    with pytest.raises(ContextClosed):
        context.undo()


def test_closing_gives_its_memory_back(sandbox: Sandbox) -> None:
    before = bytes_in_use(), mappings_left()
    context = sandbox.create_code_context(history_bytes=256 * MIB)
    for number in range(4):
        context.run(f"part{number} = bytearray(b'x') * (8 << 20)")
    states = context.history
    assert bytes_in_use() >= before[0] + 24 * MIB
    context.close()
    assert all(state.is_closed for state in states)
    assert (bytes_in_use(), mappings_left()) == before


def test_forks_and_snapshots_keep_one_of_their_own_from_there_on(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("x = 1")
    fork = context.fork()
    assert fork.history == []
    fork.run("x = 2")
    fork.undo()
    assert fork.run("x").text == "1"
    with Sandbox.from_snapshot(sandbox.snapshot()) as resumed:
        again = resumed.list_code_contexts()[0]
        again.run("x = 5")
        again.undo()
        assert again.run("x").text == "1"


def test_javascript_and_a_cell_that_waits_have_it_too(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context("javascript", history_bytes=64 * MIB)
    context.run("let x = 1")
    context.run("x = await host.request('number')")
    context.resume({"req-1": 7})
    assert context.run("x").text == "7"
    context.undo(2)  # to where it waits
    assert [request.name for request in context.waiting] == ["number"]
    context.undo()
    assert context.run("x").text == "1"


def test_it_is_there_for_asyncio() -> None:
    async def use() -> str | None:
        async with AsyncSandbox() as sandbox:
            context = await sandbox.create_code_context(history_bytes=64 * MIB)
            await sandbox.run_code("x = 1", context=context)
            await sandbox.run_code("x = 2", context=context)
            await asyncio.to_thread(context.undo)
            return (await sandbox.run_code("x", context=context)).text

    assert asyncio.run(use()) == "1"
