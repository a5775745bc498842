"""Cells that are undone when they fail: variables, and files where that is asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.images.linear_memory import NEEDS_LINUX
from wasm_interp import AsyncSandbox, CodeContext, Limits, Sandbox, StateAfterStop, UsageError

pytestmark = NEEDS_LINUX


@pytest.fixture(params=["auto", "off"])
def context(sandbox: Sandbox, request: pytest.FixtureRequest) -> CodeContext:
    return sandbox.create_code_context(limits=Limits(rollback=request.param))


def test_a_failed_cell_is_undone_and_says_so(context: CodeContext) -> None:
    context.run("x = [1]; import sys")
    result = context.run("x.append(2); y = 3; print('said')\n1 / 0", transaction=True)
    assert (result.undone, result.stdout, result.error is not None) == (True, "said\n", True)
    assert context.run("x, 'y' in globals()").text == "([1], False)"


def test_a_cell_that_succeeds_stays(context: CodeContext) -> None:
    result = context.run("x = 1\nx", transaction=True)
    assert (result.undone, result.text) == (False, "1")
    assert context.run("x").text == "1"


def test_the_first_cell_of_a_context_can_be_undone(context: CodeContext) -> None:
    assert context.run("x = 1\n1 / 0", transaction=True).undone
    assert context.run("'x' in globals()").text == "False"
    assert context.run("import os; os.getcwd()").text == "'/workspace'"


@pytest.mark.parametrize("code", ["import sys; x = 2; sys.exit(3)", "x = 2; raise KeyboardInterrupt", "x = 2\nx ="])
def test_every_error_undoes(context: CodeContext, code: str) -> None:
    context.run("x = 1")
    assert context.run(code, transaction=True).undone
    assert context.run("x").text == "1"


def test_a_timeout_undoes_though_the_cell_was_asked_nicely(context: CodeContext) -> None:
    context.run("x = 1")
    result = context.run("x = 2\nwhile True: pass", timeout=0.1, transaction=True)
    assert result.undone
    assert result.stopped is not None
    assert result.stopped.state is StateAfterStop.KEPT  # the stop left it whole; the transaction undid it
    assert context.run("x").text == "1"


def test_what_was_ended_by_force_is_undone_by_that(context: CodeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.05)
    context.run("x = 1")
    result = context.run("x = 2\nsum(range(10**12))", timeout=0.1, transaction=True)
    assert result.undone
    assert result.stopped is not None
    assert result.stopped.state is StateAfterStop.ROLLED_BACK
    assert context.run("x").text == "1"


def test_a_callback_that_raises_undoes(context: CodeContext) -> None:
    class Own(Exception):
        pass

    def fail(text: str) -> None:
        raise Own

    context.run("x = 1")
    with pytest.raises(Own):
        context.run("x = 2\nprint('a')", on_stdout=fail, transaction=True)
    assert context.run("x").text == "1"


def test_files_stay_as_written_unless_they_are_part_of_it(sandbox: Sandbox, context: CodeContext) -> None:
    code = "open('a', 'w').write('new')\n1 / 0"
    assert context.run(code, transaction=True).undone
    assert sandbox.files.read_text("a") == "new"
    sandbox.files.remove("a")
    sandbox.files.write("b", "old")
    result = context.run("open('b', 'w').write('new')\n" + code, transaction="files")
    assert result.undone
    assert not sandbox.files.exists("a")
    assert sandbox.files.read_text("b") == "old"
    assert context.run("open('b').read()").text == "'old'"


def test_files_of_a_cell_that_succeeds_stay(sandbox: Sandbox, context: CodeContext) -> None:
    assert not context.run("open('a', 'w').write('new')", transaction="files").undone
    assert sandbox.files.read_text("a") == "new"


def test_open_files_are_as_they_were(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    other.run("g = open('other', 'w+'); g.write('other'); g.flush()")
    context.run("f = open('log', 'w+'); f.write('one'); f.flush()")
    code = "import os\nf.write('two'); f.flush(); os.unlink('log'); h = open('more', 'w'); os.unlink('other')\n1 / 0"
    assert context.run(code, transaction="files").undone
    assert context.run("f.write('three'); f.flush(); f.seek(0); f.read()").text == "'onethree'"
    assert other.run("g.write('!'); g.flush(); g.seek(0); g.read()").text == "'other!'"
    assert sorted(each.name for each in sandbox.files.list()) == ["log", "other"]
    usage = sandbox._fs.usage()
    assert usage.bytes == len("onethree") + len("other!")


def test_numbers_of_inodes_are_not_given_out_again(sandbox: Sandbox, context: CodeContext) -> None:
    seen = context.run("import os\nopen('a', 'w').close(); os.stat('a').st_ino").text
    failing = "open('b', 'w').close(); print(os.stat('b').st_ino)\n1 / 0"
    undone = context.run(failing, transaction="files").stdout.strip()
    assert seen != undone
    assert context.run("open('c', 'w').close(); os.stat('c').st_ino").text not in (seen, undone)


def test_nobody_else_writes_while_files_may_be_undone(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    order: list[str] = []
    begun = threading.Event()

    def write() -> None:
        begun.wait()
        other.run("open('mine', 'w').write('kept')")
        order.append("other")

    thread = threading.Thread(target=write)
    thread.start()

    def heard(text: str) -> None:
        begun.set()
        order.append("transaction")

    result = context.run(
        "import time; print('begun'); time.sleep(0.3); print('over')\n1 / 0", on_stdout=heard, transaction="files"
    )
    thread.join()
    assert result.undone
    assert order == ["transaction", "transaction", "other"]
    assert sandbox.files.read_text("mine") == "kept"


def test_a_callback_that_would_wait_for_ever_is_told(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    with pytest.raises(UsageError, match="waits for the transaction over files whose callback this is"):
        context.run("x = 1; print('a')", on_stdout=lambda text: other.run("1"), transaction="files")
    assert other.run("1 + 1").text == "2"
    assert context.run("'x' in globals()").text == "False"


def test_the_default_context_and_javascript_have_it_too(sandbox: Sandbox) -> None:
    sandbox.run_code("let x = 1", language="javascript")
    assert sandbox.run_code("x = 2; null.y", language="javascript", transaction=True).undone
    assert sandbox.run_code("x", language="javascript").text == "1"


@pytest.mark.parametrize("wrong", ["memory", 1, None])
def test_what_is_no_transaction_is_refused(context: CodeContext, wrong: Any) -> None:
    with pytest.raises(UsageError, match='True, False or "files"'):
        context.run("1", transaction=wrong)


def test_it_is_there_for_asyncio() -> None:
    async def use() -> tuple[bool, str | None]:
        async with AsyncSandbox() as sandbox:
            await sandbox.run_code("x = 1")
            failed = await sandbox.run_code("x = 2\n1 / 0", transaction=True)
            return failed.undone, (await sandbox.run_code("x")).text

    assert asyncio.run(use()) == (True, "1")


def test_a_large_state_is_kept_for_a_transaction_whatever_the_policy(context: CodeContext) -> None:
    context.run("big = bytearray(b'x') * (50 << 20)")
    assert context.run("big[::4096] = b'y' * len(big[::4096])\n1 / 0", transaction=True).undone
    assert context.run("big[0], big[4096], len(big)").text == f"(120, 120, {50 << 20})"


class Own(Exception):
    """What a callback of a test raises."""


def fail(text: str) -> None:
    raise Own


def test_a_callback_that_raises_undoes_a_cell_that_waits_too(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("x = 1")
    code = "x = 2; f = open('new', 'w'); print('a')\nawait host.request('q')"
    with pytest.raises(Own):
        context.run(code, on_stdout=fail, transaction="files")
    assert (context.waiting, sandbox.files.exists("new")) == ([], False)
    assert context.run("x, 'f' in globals()").text == "(1, False)"
    context.close()
    assert context._kernel._instance is None


def test_a_callback_that_raises_at_the_very_end_undoes_too(sandbox: Sandbox, context: CodeContext) -> None:
    """Half of a character comes out when the run is over."""
    context.run("x = 1")
    code = "x = 2; open('new', 'w').write('a'); import os; os.write(1, bytes([0xc3])); None"
    with pytest.raises(Own):
        context.run(code, on_stdout=fail, transaction="files")
    assert context.run("x").text == "1"
    assert not sandbox.files.exists("new")


def test_what_is_lost_is_not_undone(context: CodeContext) -> None:
    context.run("import _reactor; _reactor.turn.__code__ = (lambda source, environ: 1 / 0).__code__")
    result = context.run("x = 1", transaction=True)
    assert result.stopped is not None
    assert (result.stopped.state, result.undone) == (StateAfterStop.LOST, False)


@pytest.mark.parametrize(
    "act",
    [
        lambda sandbox, other: other.fork(),
        lambda sandbox, other: other.checkpoint(),
        lambda sandbox, other: sandbox.fork(),
        lambda sandbox, other: sandbox.snapshot(),
        lambda sandbox, other: sandbox.create_code_context(),
        lambda sandbox, other: sandbox.run_code("1", language="javascript"),
        lambda sandbox, other: other.run("1", transaction="files"),
    ],
)
def test_callbacks_of_a_transaction_over_files_are_refused_what_would_wait_for_it(sandbox: Sandbox, act: Any) -> None:
    other, context = sandbox.create_code_context(), sandbox.create_code_context()
    with pytest.raises(UsageError):
        context.run("print(1)", on_stdout=lambda text: act(sandbox, other), transaction="files")
    assert other.run("1 + 1").text == "2"


def test_a_context_closed_in_such_a_callback_is_freed_after_it(sandbox: Sandbox) -> None:
    other, context = sandbox.create_code_context(), sandbox.create_code_context()
    other.run("x = 1")
    assert context.run("print(1)", on_stdout=lambda text: other.close(), transaction="files").error is None
    assert other.is_closed
    assert other._kernel._instance is None


def test_a_context_of_another_thread_is_made_when_the_transaction_is_over(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context()
    order: list[str] = []
    begun = threading.Event()

    def make() -> None:
        begun.wait()
        made = sandbox.create_code_context()
        order.append("made")
        assert made.run("open('mine', 'w').write('kept')").error is None

    def heard(text: str) -> None:
        order.append("run")
        begun.set()

    thread = threading.Thread(target=make)
    thread.start()
    code = "import time; print('begun'); time.sleep(0.3); print('over')\n1 / 0"
    result = context.run(code, on_stdout=heard, transaction="files")
    thread.join()
    assert (result.undone, order) == (True, ["run", "run", "made"])
    assert sandbox.files.read_text("mine") == "kept"
