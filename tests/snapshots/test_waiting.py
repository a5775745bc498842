"""Cells that await the host: they end for now, and go on when, where and as often as they are resumed."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.images.linear_memory import NEEDS_LINUX
from wasm_interp import (
    AsyncSandbox,
    CodeContext,
    ContextClosed,
    ExecutionResult,
    Function,
    FunctionError,
    HostRequest,
    Image,
    Limits,
    Sandbox,
    Snapshot,
    StateAfterStop,
    StopKind,
    UsageError,
)

pytestmark = NEEDS_LINUX
ASK = "answer = await host.request('approval', {'amount': 5})\nanswer['ok']"


@pytest.fixture
def javascript(sandbox: Sandbox) -> CodeContext:
    return sandbox.create_code_context("javascript")


def error_of(result: ExecutionResult) -> tuple[str, str]:
    assert result.error is not None, result
    return result.error.name, result.error.value


def waits(result: ExecutionResult) -> list[str]:
    """The ids that the run waits for."""
    assert result.error is None, result.error.traceback
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.WAITING, StateAfterStop.KEPT)
    return [request.id for request in result.waiting]


def test_a_cell_says_what_it_waits_for_and_goes_on_with_the_answer(context: CodeContext) -> None:
    result = context.run(f"print('before')\n{ASK}")
    assert result.waiting == context.waiting == [HostRequest("req-1", "approval", {"amount": 5})]
    assert waits(result) == ["req-1"]
    assert (result.stdout, result.results, result.execution_count) == ("before\n", [], 1)
    resumed = context.resume({"req-1": {"ok": True}})
    assert (resumed.text, resumed.error, resumed.stopped, resumed.execution_count) == ("True", None, None, 1)
    assert resumed.code == result.code
    assert context.waiting == []
    assert context.run("answer, _").text == "({'ok': True}, True)"


def test_statements_that_wait_are_followed_by_the_expression_that_is_the_value(context: CodeContext) -> None:
    context.run("a = 1\na += await host.request('more')\nb = a * 2\nb + 1")
    assert context.resume({"req-1": 41}).text == "85"


def test_a_cell_may_wait_again_and_again(context: CodeContext) -> None:
    code = "total = 0\nwhile (n := await host.request('next', total)) is not None: total += n\ntotal"
    assert waits(context.run(code)) == ["req-1"]
    for number, value in enumerate([3, 4, 5], start=1):
        assert waits(context.resume({f"req-{number}": value})) == [f"req-{number + 1}"]
    assert [request.payload for request in context.waiting] == [12]
    assert context.resume({"req-4": None}).text == "12"


def test_several_requests_wait_at_once_and_may_be_answered_one_by_one(context: CodeContext) -> None:
    code = "import asyncio\nawait asyncio.gather(*(host.request('tool', n) for n in range(3)))"
    assert waits(context.run(code)) == ["req-1", "req-2", "req-3"]
    assert waits(context.resume({"req-2": "b"})) == ["req-1", "req-3"]
    assert context.resume({"req-1": "a", "req-3": "c"}).text == "['a', 'b', 'c']"


def test_an_exception_is_raised_at_the_await(context: CodeContext) -> None:
    context.run("try:\n    await host.request('x')\nexcept PermissionError as error:\n    caught = str(error)\ncaught")
    assert context.resume({"req-1": PermissionError("denied")}).text == "'denied'"


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (ValueError("no"), "ValueError", "no"),
        (KeyError("key"), "KeyError", "'key'"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), "RuntimeError", "UnicodeDecodeError: 'utf-8' codec can't dec"),
        (StopIteration("x"), "RuntimeError", "StopIteration: x"),
        (KeyboardInterrupt(), "RuntimeError", "KeyboardInterrupt"),
        (UsageError("ours"), "RuntimeError", "UsageError: ours"),
    ],
)
def test_exceptions_come_as_the_built_in_of_their_name(
    context: CodeContext, error: BaseException, name: str, value: str
) -> None:
    context.run("x = 1\nawait host.request('x')")
    failed = error_of(context.resume({"req-1": error}))
    assert (failed[0], failed[1][: len(value)]) == (name, value)
    assert context.run("x").text == "1"


def test_cancelled_inside_its_clean_up_runs(context: CodeContext) -> None:
    context.run("done = []\ntry:\n    await host.request('x')\nfinally:\n    done.append('cleaned')")
    assert error_of(context.resume({"req-1": asyncio.CancelledError("enough")}))[0] == "CancelledError"
    assert context.run("done").text == "['cleaned']"


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_cell_that_waits_can_be_given_up(sandbox: Sandbox, language: str) -> None:
    context = sandbox.create_code_context(language)
    context.abandon()  # nothing waits
    begin = "log = []" if language == "python" else "var log = []"
    context.run(begin)
    if language == "python":
        context.run("try:\n    await host.request('x')\nfinally:\n    log.append('cleaned')")
    else:
        context.run("await host.request('x'); log.push('never')")
    context.abandon()
    assert context.waiting == []
    assert context.run("log").results[0].json == (["cleaned"] if language == "python" else [])
    with pytest.raises(UsageError, match="waits for nothing"):
        context.resume({"req-1": 1})
    context.close()
    with pytest.raises(ContextClosed):
        context.abandon()


def test_payloads_are_what_pandas_gives_too(context: CodeContext) -> None:
    code = "import pandas as pd, datetime\ndf = pd.DataFrame({'a': [1, 2]})\n"
    ask = "await host.request('x', {'sum': df.a.sum(), 'all': df.a.to_numpy(), 'day': datetime.date(2026, 1, 2)})"
    assert context.run(code + ask).waiting[0].payload == {"sum": 3, "all": [1, 2], "day": "2026-01-02"}


@pytest.mark.parametrize(
    "how", ["import host\nawait host.request('x')", "from host import request\nawait request('x')"]
)
def test_host_can_be_imported(context: CodeContext, how: str) -> None:
    assert waits(context.run(how)) == ["req-1"]


def test_misuse_is_refused_and_changes_nothing(context: CodeContext) -> None:
    with pytest.raises(UsageError, match="waits for nothing"):
        context.resume({"req-1": 1})
    context.run(ASK)
    with pytest.raises(UsageError, match=r"does not wait for 'req-2'; it waits for req-1 \(approval\)$"):
        context.resume({"req-1": {"ok": 1}, "req-2": 2})
    with pytest.raises(UsageError, match="at least one"):
        context.resume({})
    with pytest.raises(UsageError, match="the value for 'req-1' is not JSON"):
        context.resume({"req-1": object()})
    with pytest.raises(UsageError, match="not JSON"):
        context.resume({"req-1": float("nan")})
    with pytest.raises(UsageError, match="mapping"):
        context.resume([1])  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"waits for req-1 \(approval\): resume it first$"):
        context.run("1")
    assert context.resume({"req-1": {"ok": 3}}).text == "3"
    context.close()
    with pytest.raises(ContextClosed):
        context.resume({"req-1": 1})


def test_timers_that_are_not_due_wait_with_it(context: CodeContext) -> None:
    started = time.monotonic()
    result = context.run("import asyncio\nawait asyncio.wait_for(host.request('x'), 3600)")
    assert time.monotonic() - started < 10
    assert context.resume({waits(result)[0]: "in time"}).text == "'in time'"


def test_a_timer_that_came_due_meanwhile_does_not_outrun_the_answer(context: CodeContext) -> None:
    result = context.run("import asyncio\nawait asyncio.wait_for(host.request('x'), 0.05)")
    time.sleep(0.1)
    assert context.resume({waits(result)[0]: "late"}).text == "'late'"


def test_what_runs_beside_goes_on_with_it(context: CodeContext) -> None:
    code = (
        "import asyncio\nlog = []\nasync def tick():\n    for n in range(3):\n        log.append(n)\n"
        "        await asyncio.sleep(0)\nt = asyncio.create_task(tick())\nlog.append(await host.request('x'))\nlog"
    )
    context.run(code)
    assert context.resume({"req-1": "answer"}).text == "[0, 1, 2, 'answer']"


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nasync def f(): return await host.request('x')\nasyncio.run(f())",
        "import asyncio\nasync def f(): return await host.request('x')\n"
        "asyncio.get_event_loop().run_until_complete(f())",
        "%time await host.request('x')",
    ],
)
def test_under_a_stack_that_is_not_empty_it_is_refused(context: CodeContext, code: str) -> None:
    result = context.run(code)
    assert error_of(result)[0] == "RuntimeError"
    assert "by a cell itself, not under asyncio.run()" in error_of(result)[1]
    assert context.waiting == []
    assert context.run("1 + 1").text == "2"


def test_requests_are_checked_inside(context: CodeContext) -> None:
    assert error_of(context.run("await host.request(5)"))[0] == "TypeError"
    assert error_of(context.run("await host.request('x', object())"))[0] == "TypeError"
    assert error_of(context.run("await host.request('x', float('nan'))"))[0] == "ValueError"
    assert error_of(context.run("await host.request('x', 'y' * 2**21)"))[0] == "ValueError"
    assert error_of(context.run("host.request('x')"))[1].startswith("await host.request(...) in a cell")
    deep = "x = []\nfor _ in range(150): x = [x]\nawait host.request('x', x)"
    assert error_of(context.run(deep)) == ("ValueError", "the payload is nested more than 100 levels deep")
    large = "import asyncio\nawait asyncio.gather(*(host.request('x', 'y' * 10**6) for _ in range(5)))"
    assert error_of(context.run(large))[0] == "ValueError"
    digits = "import sys; sys.set_int_max_str_digits(0)\nawait host.request('x', 10 ** 9999)"
    assert error_of(context.run(digits)) == ("ValueError", "the host does not take what the cell asks of it")
    many = "import asyncio\nawait asyncio.gather(*(host.request('x') for _ in range(1001)))"
    assert error_of(context.run(many)) == ("RuntimeError", "1000 requests wait for the host already")
    assert context.run("1 + 1").text == "2"


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_what_waits_is_bounded_by_the_output_limit(sandbox: Sandbox, language: str) -> None:
    small = sandbox.create_code_context(language, limits=Limits(output_bytes=1000))
    result = small.run(f"await host.request('x', '{'y' * 2000}')")
    assert (result.waiting, result.truncated, result.stopped) == ([], ("requests",), None)
    assert error_of(result)[0] == "LimitExceeded"
    assert small.run("1 + 1").text == "2"  # the cell that nobody knows of is cancelled


def test_variables_of_one_run_are_there_until_the_cell_ends(context: CodeContext) -> None:
    context.run("import os\nawait host.request('x')\nos.environ['A']", env_vars={"A": "set"})
    assert context.resume({"req-1": None}).text == "'set'"
    assert context.run("os.environ.get('A', 'gone')").text == "'gone'"


def test_figures_are_shown_when_the_cell_ends(context: CodeContext) -> None:
    result = context.run(
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nawait host.request('x')\nplt.title('t')\n0"
    )
    assert result.results == []
    shown = context.resume({"req-1": None}).results
    assert [one.png is not None for one in shown] == [True, False]
    assert shown[0].chart is not None
    assert shown[0].chart.title == "t"


def test_forks_and_checkpoints_wait_too_and_each_has_its_own_answer(context: CodeContext) -> None:
    context.run(ASK)
    with context.checkpoint() as before:
        fork = context.fork()
        assert fork.waiting == context.waiting
        assert context.resume({"req-1": {"ok": "one"}}).text == "'one'"
        assert fork.resume({"req-1": {"ok": "two"}}).text == "'two'"
        context.rollback(before)
        assert context.resume({"req-1": {"ok": "three"}}).text == "'three'"
        assert context.run("answer").text == "{'ok': 'three'}"


@pytest.mark.parametrize("language", ["python", "javascript", "typescript"])
def test_a_snapshot_of_one_that_waits_goes_on_elsewhere(sandbox: Sandbox, language: str) -> None:
    context = sandbox.create_code_context(language)
    declared = "" if language == "python" else "const "
    context.run(f"{declared}kept = ['as', 'before']")
    context.run(f"{declared}said = await host.request('question', [1, 2]);\n[kept, said]")
    data = sandbox.snapshot().to_bytes()
    sandbox.close()
    with Sandbox.from_snapshot(Snapshot.from_bytes(data)) as resumed:
        (again,) = resumed.list_code_contexts()
        assert again.waiting == [HostRequest("req-1", "question", [1, 2])]
        result = again.resume({"req-1": "héllo"})
        assert result.results[0].json == [["as", "before"], "héllo"]
        assert result.execution_count == 2


def test_code_that_is_no_unicode_waits_in_a_snapshot_too(sandbox: Sandbox, javascript: CodeContext) -> None:
    code = "const x = await host.request('x'); // \ud800\nx"
    assert waits(javascript.run(code)) == ["req-1"]
    with Sandbox.from_snapshot(Snapshot.from_bytes(sandbox.snapshot().to_bytes())) as resumed:
        result = resumed.list_code_contexts()[0].resume({"req-1": 1})
        assert (result.text, result.code) == ("1", code)


def test_a_fork_of_the_sandbox_waits(sandbox: Sandbox, context: CodeContext) -> None:
    context.run(ASK)
    with sandbox.fork() as twin:
        (again,) = twin.list_code_contexts()
        assert again.resume({"req-1": {"ok": 1}}).text == "1"
    assert context.resume({"req-1": {"ok": 2}}).text == "2"


def test_a_resumed_cell_that_is_stopped_by_force_waits_again(
    context: CodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.05)
    context.run("n = await host.request('how many')\nsum(range(n))")
    stopped = context.resume({"req-1": 10**12}, timeout=0.1).stopped
    assert stopped is not None
    assert (stopped.kind, stopped.state) == (StopKind.TIMEOUT, StateAfterStop.ROLLED_BACK)
    assert [request.name for request in context.waiting] == ["how many"]
    assert context.resume({"req-1": 4}).text == "6"


def test_a_resumed_cell_that_is_interrupted_has_ended(context: CodeContext) -> None:
    context.run("await host.request('x')\nwhile True: pass")
    assert error_of(context.resume({"req-1": 1}, timeout=0.1))[0] == "TimeoutError"
    assert context.waiting == []
    assert context.run("1 + 1").text == "2"


def test_callbacks_hear_of_what_the_resumed_part_does(context: CodeContext) -> None:
    context.run("await host.request('x')\nprint('printed')\ninput('name? ')")
    heard: list[str] = []
    result = context.resume({"req-1": 1}, on_stdout=heard.append, on_input=lambda prompt: "ada")
    assert (result.text, "".join(heard)) == ("'ada'", "printed\nname? ")


def test_a_program_that_makes_such_frames_itself_harms_only_its_own_context(context: CodeContext) -> None:
    forged = (
        "import _host, json, struct\n"
        "body = json.dumps({'requests': [{'id': 'req-9', 'name': 'forged'}]}).encode()\n"
        "_host.call(struct.pack('<4sBxI', b'\\xf7WI\\x01', 7, len(body)) + body)\n1"
    )
    assert context.run(forged).waiting == [HostRequest("req-9", "forged")]
    answered = context.resume({"req-9": 1})
    assert answered.error is not None
    assert context.run("1 + 1").text == "2"


def test_a_transaction_ends_where_the_cell_first_waits(context: CodeContext) -> None:
    context.run("x = 1")
    assert context.run("x = 2\nawait host.request('x')\n1 / 0", transaction=True).undone is False
    failed = context.resume({"req-1": None}, transaction=True)
    assert (error_of(failed)[0], failed.undone) == ("ZeroDivisionError", True)
    assert [request.id for request in context.waiting] == ["req-1"]  # as it was before it was resumed


def test_a_function_and_an_image_have_nobody_to_answer() -> None:
    with (
        Function("async def handler(event): return await host.request('x')") as function,
        pytest.raises(FunctionError, match=r"host\.request\('x'\): nobody answers"),
    ):
        function(1)
    with pytest.raises(FunctionError, match="nobody answers"):
        Function("await host.request('x')\ndef handler(event): return 1")
    with pytest.raises(UsageError, match="did not end"):
        Image.build(setup="await host.request('x')")


def test_it_is_awaitable_in_an_asyncio_application() -> None:
    async def use() -> tuple[str | None, list[str]]:
        async with AsyncSandbox() as sandbox:
            context = await sandbox.create_code_context()
            heard: list[str] = []
            await sandbox.run_code(ASK, context=context)
            assert [request.id for request in context.waiting] == ["req-1"]
            result = await sandbox.resume(context, {"req-1": {"ok": "yes"}}, on_stdout=heard.append)
            return result.text, heard

    assert asyncio.run(use()) == ("'yes'", [])


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_request_that_nobody_awaits_ends_with_its_cell(sandbox: Sandbox, language: str) -> None:
    context = sandbox.create_code_context(language)
    if language == "python":
        code = "import asyncio\nasync def ask(): await host.request('a')\nt = asyncio.create_task(ask())\n"
        context.run(f"{code}await asyncio.sleep(0)")
        assert context.run("await asyncio.sleep(0.01)\nt.cancelled()").text == "True"
    else:
        context.run("host.request('a'); 1")
        assert context.run("await new Promise(done => setTimeout(() => done('slept'), 10))").text == "slept"
    assert context.waiting == []


def test_an_answer_for_which_there_is_no_room_is_a_memory_error(sandbox: Sandbox) -> None:
    size = sandbox.create_code_context().run("1").memory_bytes
    small = sandbox.create_code_context(limits=Limits(memory_bytes=size + (24 << 20)))
    small.run("x = await host.request('x')")
    assert error_of(small.resume({"req-1": "y" * (40 << 20)}))[0] == "MemoryError"
    assert small.run("1 + 1").text == "2"


# JavaScript


def test_javascript_waits_and_goes_on(javascript: CodeContext) -> None:
    result = javascript.run("console.log('before'); const got = await host.request('ask', {a: [1]}); got.b + 1")
    assert result.waiting == [HostRequest("req-1", "ask", {"a": [1]})]
    assert (waits(result), result.stdout) == (["req-1"], "before\n")
    assert javascript.resume({"req-1": {"b": 41}}).text == "42"
    assert javascript.run("got instanceof Object && Object.getPrototypeOf(got) === Object.prototype").text == "true"


def test_javascript_waits_for_several_and_has_errors(javascript: CodeContext) -> None:
    result = javascript.run("await Promise.allSettled([host.request('a'), host.request('b'), host.request('c')])")
    assert waits(result) == ["req-1", "req-2", "req-3"]
    assert waits(javascript.resume({"req-2": TypeError("typed")})) == ["req-1", "req-3"]
    settled = javascript.resume({"req-1": None, "req-3": PermissionError("mine")})
    assert settled.text is not None
    assert "TypeError: typed" in settled.text
    assert "[PermissionError]: mine" in settled.text
    javascript.run("await host.request('x')")
    assert error_of(javascript.resume({"req-4": PermissionError("denied")})) == ("PermissionError", "denied")


def test_javascript_timers_wait_unless_they_are_due(javascript: CodeContext) -> None:
    started = time.monotonic()
    code = "const seen = []; setTimeout(() => seen.push('late'), 3e6); setTimeout(() => seen.push('now'), 0);"
    javascript.run(f"{code} await new Promise(done => setTimeout(done, 5)); seen.push(await host.request('x')); seen")
    assert time.monotonic() - started < 10
    assert javascript.resume({"req-1": "answer"}, timeout=0.3).error is not None  # the late timer keeps the cell
    assert javascript.run("seen").results[0].json == ["now", "answer"]


def test_javascript_requests_are_checked_inside(javascript: CodeContext) -> None:
    assert error_of(javascript.run("await host.request(5)"))[0] == "TypeError"
    assert error_of(javascript.run("await host.request('x', () => 1)"))[0] == "TypeError"
    assert error_of(javascript.run("await host.request('x', 'y'.repeat(2 ** 21))"))[0] == "RangeError"
    deep = "let deep = []; for (let n = 0; n < 300; n++) deep = [deep]; await host.request('x', deep)"
    assert error_of(javascript.run(deep))[0] == "RangeError"
    large = "await Promise.all(Array.from({length: 5}, () => host.request('x', 'y'.repeat(1e6))))"
    assert error_of(javascript.run(large))[0] == "RangeError"
    many = "await Promise.all(Array.from({length: 1001}, () => host.request('x')))"
    assert error_of(javascript.run(many))[0] == "RangeError"
    assert javascript.run("1 + 1").text == "2"


def test_javascript_that_breaks_its_builtins_can_still_wait(javascript: CodeContext) -> None:
    javascript.run(
        "JSON.parse = JSON.stringify = () => 'forged'; Promise.prototype.then = null; Map.prototype.get = null"
    )
    javascript.run("globalThis.Promise = null; Object.prototype.error = {name: 'forged', message: ''}")
    waits(javascript.run("host.request('x', {a: 1}).constructor; await host.request('y')"))
    result = javascript.resume({"req-2": 5})
    assert javascript.run("1 + 1").text == "2", result


def test_javascript_variables_of_one_run_are_there_until_the_cell_ends(javascript: CodeContext) -> None:
    javascript.run("await host.request('x'); process.env.A", env_vars={"A": "set"})
    assert javascript.resume({"req-1": None}).text == "set"
    assert javascript.run("process.env.A ?? 'gone'").text == "gone"
