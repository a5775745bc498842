from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from wasm_interp import (
    AsyncSandbox,
    CodeContext,
    ContextClosed,
    ContextNotFound,
    ExecutionResult,
    Files,
    LimitExceeded,
    Limits,
    Result,
    Sandbox,
    StateAfterStop,
    StopKind,
    UnknownLanguage,
    UsageError,
)
from wasm_interp.aio import AsyncFiles

PATIENCE_SECONDS = 30.0
WAIT_FOR = """
import os, time
def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.001)
"""


def in_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A coroutine as a test."""

    @functools.wraps(test)
    def run(*arguments: Any, **options: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(2 * PATIENCE_SECONDS):
                await test(*arguments, **options)

        asyncio.run(bounded())

    return run


async def until(condition: Callable[[], Any]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@asynccontextmanager
async def running(sandbox: AsyncSandbox, code: str, **options: Any) -> AsyncIterator[asyncio.Task[ExecutionResult]]:
    """A task of a cell that has printed, and goes on."""
    printed = asyncio.Event()
    task = asyncio.create_task(sandbox.run_code(code, on_stdout=lambda text: printed.set(), timeout=None, **options))
    await printed.wait()
    yield task
    assert task.done()


# The same as the Sandbox


def public(kind: type) -> dict[str, Any]:
    functions = {name: getattr(value, "__func__", value) for name, value in vars(kind).items()}
    return {name: value for name, value in functions.items() if not name.startswith("_") and callable(value)}


@pytest.mark.parametrize(
    ("asynchronous", "plain", "missing"), [(AsyncSandbox, Sandbox, {"context_for"}), (AsyncFiles, Files, set())]
)
def test_every_method_is_there_with_the_same_parameters(asynchronous: type, plain: type, missing: set[str]) -> None:
    assert public(plain).keys() - public(asynchronous).keys() == missing
    for name, method in public(asynchronous).items():
        assert inspect.iscoroutinefunction(method), name
        assert describe(method) == describe(public(plain)[name]), name
    if plain is Sandbox:
        assert describe(asynchronous.__init__) == describe(plain.__init__)


def describe(function: Any) -> list[tuple[str, Any, Any]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


@in_loop
async def test_the_public_methods_work() -> None:
    async with AsyncSandbox(limits=Limits(output_bytes=150), max_contexts=2, env_vars={"A": "a"}) as sandbox:
        context = await sandbox.create_code_context(cwd="/tmp", env_vars={"B": "b"}, timeout=7)
        assert (context.cwd, context.timeout) == ("/tmp", 7.0)
        await sandbox.run_code("x = 1", context=context)
        read = "import os; ' '.join([str(x), os.environ['A'], os.environ['B'], os.getcwd()])"
        assert (await sandbox.run_code(read, context=context.id)).text == "'1 a b /tmp'"
        assert (await sandbox.run_code("print('x' * 200)", context=context)).stdout == "x" * 150
        assert (await sandbox.run_code("6 * 7", language="py")).text == "42"
        first, _ = await sandbox.list_code_contexts()
        assert first is context
        with pytest.raises(LimitExceeded, match=r"^the sandbox has 2 contexts; its limit max_contexts is 2$"):
            await sandbox.create_code_context()
        await sandbox.delete_code_context(context)
        with pytest.raises(ContextNotFound, match=context.id):
            await sandbox.run_code("1", context=context)


@in_loop
async def test_files_work(tmp_path: Path) -> None:
    async with AsyncSandbox() as sandbox:
        files = sandbox.files
        await files.write("a/f", "text")
        assert await files.read("a/f") == b"text"
        assert await files.read("a/f", encoding="ascii") == await files.read_text("a/f") == "text"
        assert (await files.stat("a/f")).size == 4
        await files.mkdir("b")
        await files.rename("a/f", "b/g")
        assert [info.path for info in await files.list(recursive=True)] == [
            "/workspace/a",
            "/workspace/b",
            "/workspace/b/g",
        ]
        await files.download("b", tmp_path / "out")
        assert (tmp_path / "out" / "g").read_bytes() == b"text"
        await files.upload(tmp_path / "out", "c")
        await files.remove("b", recursive=True)
        assert (await files.exists("b"), await files.exists("c/g")) == (False, True)
        with pytest.raises(FileNotFoundError):
            await files.read("no")


@in_loop
async def test_a_sandbox_can_be_forked_and_kept() -> None:
    async with AsyncSandbox() as sandbox:
        await sandbox.run_code("x = 1")
        snapshot = await sandbox.snapshot()
        async with await sandbox.fork() as twin:
            assert isinstance(twin, AsyncSandbox)
            assert (await twin.run_code("x += 1; x")).text == "2"
        async with await AsyncSandbox.from_snapshot(snapshot) as later:
            assert isinstance(later, AsyncSandbox)
            assert (await later.run_code("x")).text == "1"
        assert (await sandbox.run_code("x")).text == "1"


@in_loop
async def test_misuse_raises_as_it_does_without_await() -> None:
    async with AsyncSandbox() as sandbox:
        for error, call in [
            (UsageError, sandbox.run_code(5)),  # type: ignore[arg-type]
            (UsageError, sandbox.run_code("1", timeout=-1)),
            (UsageError, sandbox.run_code("1", context=5)),  # type: ignore[arg-type]
            (UsageError, sandbox.delete_code_context(5)),  # type: ignore[arg-type]
            (UnknownLanguage, sandbox.create_code_context("ruby")),
            (ContextNotFound, sandbox.delete_code_context("ctx-no")),
            (LimitExceeded, sandbox.files.write("f", bytes((512 << 20) + 1))),
        ]:
            with pytest.raises(error):
                await call
    with pytest.raises(ContextClosed, match=r"^the sandbox is closed$"):
        await sandbox.run_code("1")
    with pytest.raises(ContextClosed, match=r"^the sandbox is closed$"):
        await sandbox.create_code_context()
    await sandbox.close()


def test_limits_are_checked_at_once() -> None:
    with pytest.raises(UsageError, match=r"^limits must be Limits, not int$"):
        AsyncSandbox(limits=5)  # type: ignore[arg-type]


# Order and parallel runs


@in_loop
async def test_runs_of_a_context_keep_the_order_in_which_they_were_asked_for() -> None:
    async with AsyncSandbox() as sandbox:
        own = await sandbox.create_code_context()
        for context in (own, own.id, None):
            await sandbox.run_code("order = []", context=context)
            tasks = [sandbox.run_code(f"order.append({n}); {n}", context=context) for n in range(30)]
            results = await asyncio.gather(*tasks)
            assert [result.text for result in results] == [str(n) for n in range(30)]
            order = await sandbox.run_code("order", context=context)
            assert order.results[0].json == list(range(30))


@in_loop
async def test_first_runs_in_the_default_context_keep_their_order() -> None:
    async with AsyncSandbox() as sandbox:
        results = await asyncio.gather(*[sandbox.run_code(str(n)) for n in range(20)])
        assert [(result.text, result.execution_count) for result in results] == [(str(n), n + 1) for n in range(20)]
        assert len(await sandbox.list_code_contexts()) == 1


@in_loop
async def test_contexts_run_in_parallel() -> None:
    async with AsyncSandbox() as sandbox:
        contexts = [await sandbox.create_code_context() for _ in range(3)]
        cells = [
            f"{WAIT_FOR}\nopen('{n}', 'w').close()\nfor name in '012': wait_for(name)\n'met'"
            for n in range(len(contexts))
        ]
        runs = [
            sandbox.run_code(cell, context=context, timeout=PATIENCE_SECONDS)
            for cell, context in zip(cells, contexts, strict=True)
        ]
        assert [result.text for result in await asyncio.gather(*runs)] == ["'met'"] * 3


@in_loop
async def test_the_loop_goes_on_while_a_cell_runs() -> None:
    async with AsyncSandbox() as sandbox:
        async with running(sandbox, f"{WAIT_FOR}\nprint()\nwait_for('go')\n'went'") as task:
            await sandbox.files.write("go", "")
            result = await task
        assert result.text == "'went'"


# Callbacks


@in_loop
async def test_callbacks_come_in_the_loops_thread_in_order_and_before_the_result() -> None:
    told: list[Any] = []
    here = threading.get_ident()

    def note(value: Any) -> None:
        assert threading.get_ident() == here
        assert asyncio.get_running_loop()
        told.append(value)

    async with AsyncSandbox() as sandbox:
        result = await sandbox.run_code(
            "import sys\nfor n in range(50): print(n)\nprint('e', file=sys.stderr)\ndisplay('shown')\n1 / 0",
            on_stdout=note,
            on_stderr=note,
            on_result=note,
            on_error=note,
        )
    assert told == [*[f"{n}\n" for n in range(50)], "e\n", Result(text="'shown'"), result.error]


@in_loop
async def test_callbacks_come_as_output_is_produced() -> None:
    async with AsyncSandbox() as sandbox:
        loop = asyncio.get_running_loop()
        written: list[asyncio.Task[None]] = []

        def answer(text: str) -> None:
            written.append(loop.create_task(sandbox.files.write(text.strip(), "")))

        cell = f"{WAIT_FOR}\nfor name in 'abc':\n    print(name)\n    wait_for(name)\n'answered'"
        result = await sandbox.run_code(cell, on_stdout=answer, timeout=PATIENCE_SECONDS)
        await asyncio.gather(*written)
        assert (result.text, len(written)) == ("'answered'", 3)


@in_loop
async def test_a_callbacks_error_comes_out_of_run_code() -> None:
    told: list[str] = []

    def on_stdout(text: str) -> None:
        told.append(text)
        raise LookupError("own")

    async with AsyncSandbox() as sandbox:
        with pytest.raises(LookupError, match="own"):
            await sandbox.run_code("print('a')\nprint('b')\nx = 1", on_stdout=on_stdout)
        assert told == ["a\n"]
        assert (await sandbox.run_code("x")).text == "1"


@in_loop
async def test_on_input_is_answered_while_the_guest_waits() -> None:
    async with AsyncSandbox() as sandbox:
        result = await sandbox.run_code("input('name? ')", on_input=lambda prompt: prompt.upper())
        assert result.text == "'NAME? '"


# Cancelling


@pytest.mark.parametrize("wait", ["while True: pass", "import time; time.sleep(1000)"])
@in_loop
async def test_cancelling_a_task_stops_its_cell_and_keeps_the_state(wait: str) -> None:
    async with AsyncSandbox() as sandbox:
        await sandbox.run_code("kept = 1")
        async with running(sandbox, f"now = 2; print()\ntry:\n    {wait}\nfinally: cleaned = 3") as task:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await sandbox.run_code("kept, now, cleaned")).text == "(1, 2, 3)"


@in_loop
async def test_a_timeout_of_asyncio_stops_the_cell() -> None:
    async with AsyncSandbox() as sandbox:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await sandbox.run_code("while True: pass", timeout=None)
        assert (await sandbox.run_code("1 + 1")).text == "2"


@in_loop
async def test_a_cancelled_run_that_waits_never_begins_and_stops_nobody() -> None:
    async with AsyncSandbox() as sandbox:
        context = await sandbox.create_code_context()
        async with running(sandbox, f"{WAIT_FOR}\nprint()\nwait_for('go')\n'whole'", context=context) as first:
            second = asyncio.create_task(sandbox.run_code("began = True", context=context))
            third = asyncio.create_task(sandbox.run_code("'began' in globals()", context=context))
            await until(lambda: sandbox._threads[context.id]._work_queue.qsize() == 2)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert not first.done()
            await sandbox.files.write("go", "")
            assert (await first).text == "'whole'"
            assert (await third).text == "False"


@in_loop
async def test_cancelling_one_context_leaves_the_others_alone() -> None:
    async with AsyncSandbox() as sandbox:
        one, other = await sandbox.create_code_context(), await sandbox.create_code_context()
        async with (
            running(sandbox, f"{WAIT_FOR}\nprint()\nwait_for('go')\n'whole'", context=other) as survivor,
            running(sandbox, "print()\nwhile True: pass", context=one) as task,
        ):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await sandbox.files.write("go", "")
            assert (await survivor).text == "'whole'"


# The end


@in_loop
async def test_closing_interrupts_what_runs() -> None:
    async with AsyncSandbox() as sandbox:
        context = await sandbox.create_code_context()
        async with running(sandbox, "print('in')\nwhile True: pass", context=context) as task:
            await sandbox.close()
            result = await task
        assert result.stopped is not None
        assert (result.stopped.kind, result.stopped.state) == (StopKind.INTERRUPT, StateAfterStop.KEPT)
        assert result.stdout == "in\n"
        assert context.is_closed


@in_loop
async def test_no_threads_are_left_of_a_closed_sandbox() -> None:
    def workers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if context.id in thread.name]

    async with AsyncSandbox() as sandbox:
        context: CodeContext = await sandbox.create_code_context()
        await sandbox.run_code("1", context=context)
        await sandbox.run_code("1")
        assert len(workers()) == 1
    await until(lambda: not workers())
    assert sandbox._threads == {}
