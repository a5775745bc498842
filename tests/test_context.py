from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from wasm_interp import (
    CodeContext,
    ContextClosed,
    ExecutionError,
    ExecutionResult,
    Limits,
    Result,
    Sandbox,
    StateAfterStop,
    StopKind,
    UsageError,
)
from wasm_interp._core.engine.means import Asker

PATIENCE_SECONDS = 30.0


def interrupting(context: CodeContext) -> Callable[[str], None]:
    """An on_stdout that interrupts, from another thread, the cell that has just printed."""

    def on_stdout(text: str) -> None:
        thread = threading.Thread(target=context.interrupt)
        thread.start()
        thread.join()

    return on_stdout


def stop_of(result: ExecutionResult) -> tuple[StopKind, StateAfterStop]:
    assert result.stopped is not None, result
    return result.stopped.kind, result.stopped.state


def errors_of(result: ExecutionResult) -> tuple[str, str]:
    assert result.error is not None, result
    return result.error.name, result.error.value


# What a context is


def test_a_context_says_what_it_is(sandbox: Sandbox) -> None:
    before = datetime.now(UTC)
    context = sandbox.create_code_context("py", cwd="/tmp/here", timeout=5)
    assert (context.language, context.cwd, context.timeout) == ("python", "/tmp/here", 5.0)
    assert context.id
    assert before <= context.created_at <= datetime.now(UTC)
    assert context.created_at.utcoffset() == timedelta(0)
    assert context.last_used == context.created_at
    assert repr(context) == f"<CodeContext {context.id} python>"


def test_a_run_moves_last_used_on(context: CodeContext) -> None:
    created, before = context.created_at, datetime.now(UTC)
    context.run("1")
    assert before <= context.last_used <= datetime.now(UTC)
    assert context.created_at == created


def test_a_with_block_closes_the_context(sandbox: Sandbox) -> None:
    with sandbox.create_code_context() as context:
        assert context.run("1").text == "1"
        assert not context.is_closed
    assert context.is_closed
    assert repr(context) == f"<CodeContext {context.id} python, closed>"
    assert sandbox.list_code_contexts() == []
    context.close()
    with pytest.raises(ContextClosed, match=f"^context {context.id} is closed$"):
        context.run("1")


# What persists


def test_variables_imports_functions_and_classes_persist(context: CodeContext) -> None:
    context.run("import math\nradius = 5\ndef area(r): return math.pi * r ** 2\nclass Circle: pass")
    assert context.run("area(radius)").text == "78.53981633974483"
    assert context.run("Circle.__module__, type(Circle()).__name__").text == "('__main__', 'Circle')"


def test_cwd_and_environment_persist(context: CodeContext) -> None:
    context.run("import os; os.makedirs('/tmp/deep'); os.chdir('/tmp/deep'); os.environ['MINE'] = 'set'")
    assert context.run("os.getcwd(), os.environ['MINE'], open('here', 'w').name").text == "('/tmp/deep', 'set', 'here')"
    assert context.run("os.path.exists('/tmp/deep/here')").text == "True"
    assert context.cwd == "/workspace"


def test_an_error_changes_nothing_of_what_went_before(context: CodeContext) -> None:
    context.run("a = 1")
    assert errors_of(context.run("a = 2; b = 3; 1 / 0; c = 4")) == ("ZeroDivisionError", "division by zero")
    assert context.run("a, b, 'c' in globals()").text == "(2, 3, False)"


def test_open_files_persist(context: CodeContext) -> None:
    context.run("f = open('log', 'w'); f.write('a'); f.flush()")
    context.run("f.write('b'); f.close()")
    assert context.run("open('log').read()").text == "'ab'"


def test_runs_are_counted_from_1_errors_included(context: CodeContext) -> None:
    codes = ["1", "1 / 0", "not python", "", "1"]
    assert [context.run(code).execution_count for code in codes] == [1, 2, 3, 4, 5]


# Environment of one run


def test_env_vars_of_a_run_are_gone_after_it(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(env_vars={"BOTH": "context"})
    read = "import os; [os.environ.get('BOTH'), os.environ.get('RUN')]"
    assert context.run(read, env_vars={"BOTH": "run", "RUN": "run"}).results[0].json == ["run", "run"]
    assert context.run(read).results[0].json == ["context", None]


def test_env_vars_of_a_run_are_gone_after_an_error_too(context: CodeContext) -> None:
    context.run("1 / 0", env_vars={"RUN": "run"})
    context.run("while True: pass", env_vars={"RUN": "run"}, timeout=0.05)
    assert context.run("import os; 'RUN' in os.environ").text == "False"


def test_env_vars_of_the_first_run_are_gone_after_it(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(env_vars={"A": "context"})
    assert context.run("import os; os.environ['A']", env_vars={"A": "run"}).text == "'run'"
    assert context.run("os.environ['A']").text == "'context'"


# Result, and what it says of the run


def test_a_run_says_what_it_took(context: CodeContext) -> None:
    result = context.run("x = bytearray(50 << 20)")
    assert 0 < result.duration < PATIENCE_SECONDS
    assert result.memory_bytes > 250 << 20
    assert result.fuel_used is None
    assert result.truncated == ()


def test_output_streams_are_apart_and_in_order(context: CodeContext) -> None:
    result = context.run("import sys\nfor n in range(3):\n    print(n)\n    print(-n, file=sys.stderr)")
    assert (result.logs.stdout, result.logs.stderr) == (["0\n", "1\n", "2\n"], ["0\n", "-1\n", "-2\n"])


def test_sys_exit_is_an_error_and_the_context_lives_on(context: CodeContext) -> None:
    context.run("kept = 1")
    result = context.run("import sys; print('out'); sys.exit(3)")
    assert errors_of(result) == ("SystemExit", "3")
    assert (result.stdout, result.stopped) == ("out\n", None)
    assert context.run("kept").text == "1"


# Callbacks


def test_callbacks_run_as_output_is_produced(sandbox: Sandbox, context: CodeContext) -> None:
    """The cell goes on only when the callback has answered to what it printed, showed or wrote to stderr."""
    cell = """
import os, sys, time
from IPython.display import display
def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.001)
print("one"); wait_for("stdout one")
print("two", file=sys.stderr); wait_for("stderr two")
display("three"); wait_for("result 'three'")
sys.stdout.write("no newline"); sys.stdout.flush(); wait_for("stdout no newline")
"last"
"""

    def answer(kind: str) -> Callable[[Any], None]:
        return lambda value: sandbox.files.write(f"{kind} {value}".strip(), "")

    result = context.run(
        cell,
        timeout=PATIENCE_SECONDS,
        on_stdout=answer("stdout"),
        on_stderr=answer("stderr"),
        on_result=answer("result"),
        on_error=answer("error"),
    )
    assert (result.error, result.text) == (None, "'last'")
    assert [info.name for info in sandbox.files.list()] == [
        "result 'last'",
        "result 'three'",
        "stderr two",
        "stdout no newline",
        "stdout one",
    ]


def test_callbacks_get_what_the_result_holds(context: CodeContext) -> None:
    told: dict[str, list[Any]] = {"out": [], "err": [], "result": [], "error": []}
    result = context.run(
        "import sys; print('a'); print('b', file=sys.stderr); display(1); print('c'); 1 / 0",
        on_stdout=told["out"].append,
        on_stderr=told["err"].append,
        on_result=told["result"].append,
        on_error=told["error"].append,
    )
    assert told == {
        "out": result.logs.stdout,
        "err": result.logs.stderr,
        "result": result.results,
        "error": [result.error],
    }
    assert (told["out"], told["err"], [each.text for each in told["result"]]) == (["a\n", "c\n"], ["b\n"], ["1"])


@pytest.mark.parametrize("code", ["1 / 0", "while True: pass", "import os; os._exit(1)", "x ="])
def test_on_error_is_called_once_with_the_error_of_the_result(context: CodeContext, code: str) -> None:
    told: list[ExecutionError] = []
    result = context.run(code, timeout=0.05, on_error=told.append)
    assert told == [result.error]


def test_a_callbacks_error_comes_out_of_run_when_the_cell_is_over(sandbox: Sandbox, context: CodeContext) -> None:
    told: list[str] = []

    def on_stdout(text: str) -> None:
        told.append(text)
        raise LookupError("the caller's own")

    with pytest.raises(LookupError, match=r"^\"?the caller's own\"?$"):
        context.run("print('a'); print('b'); open('over', 'w').close()", on_stdout=on_stdout)
    assert told == ["a\n"]
    assert sandbox.files.exists("over")
    assert context.run("1 + 1").text == "2"


def test_a_keyboard_interrupt_in_a_callback_stops_the_cell(context: CodeContext) -> None:
    context.run("kept = 1")

    def on_stdout(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        context.run("print('a')\nwhile True: pass", timeout=math.inf, on_stdout=on_stdout)
    assert context.run("kept").text == "1"


def test_a_callback_cannot_run_code_in_its_own_context(context: CodeContext) -> None:
    complaint = f"^a callback cannot run code in its own context {context.id}, whose cell waits for it$"
    for callbacks in (
        {"on_stdout": lambda text: context.run("2")},
        {"on_result": lambda result: context.run("2")},
        {"on_error": lambda error: context.run("2")},
        {"on_input": lambda prompt: context.run("2").text},
    ):
        with pytest.raises(UsageError, match=complaint):
            context.run("print('a'); display(1); input(); 1 / 0", **callbacks)
    assert context.run("1 + 1").text == "2"


def test_a_callback_may_run_code_elsewhere(sandbox: Sandbox, context: CodeContext) -> None:
    answers: list[str | None] = []
    other = sandbox.create_code_context()

    def on_stdout(text: str) -> None:
        answers.append(other.run(f"int({text!r}) + 1").text)
        with Sandbox() as third:
            answers.append(third.run_code(f"int({text!r}) + 2").text)

    assert context.run("print(5)\nprint(7)\n'own'", on_stdout=on_stdout).text == "'own'"
    assert answers == ["6", "7", "8", "9"]


def test_a_callback_may_use_the_files(sandbox: Sandbox, context: CodeContext) -> None:
    seen: list[bytes] = []
    context.run(
        "with open('f', 'w') as f: f.write('text')\nprint()", on_stdout=lambda _: seen.append(sandbox.files.read("f"))
    )
    assert seen == [b"text"]


# Input


def test_input_is_answered_by_on_input(context: CodeContext) -> None:
    prompts: list[str] = []

    def on_input(prompt: str) -> str:
        prompts.append(prompt)
        return f"answer {len(prompts)} \N{SNOWMAN}"

    result = context.run("[input('name? '), input()]", on_input=on_input)
    assert result.results[0].json == ["answer 1 \N{SNOWMAN}", "answer 2 \N{SNOWMAN}"]
    assert prompts == ["name? ", ""]
    assert result.stdout == "name? "


def test_input_without_on_input_is_an_eof_error(context: CodeContext) -> None:
    assert errors_of(context.run("input('name? ')")) == (
        "EOFError",
        "this run has no input: give on_input= to answer input()",
    )


def test_on_input_may_end_the_input(context: CodeContext) -> None:
    def on_input(prompt: str) -> str:
        raise EOFError("no more")

    assert errors_of(context.run("input()", on_input=on_input)) == ("EOFError", "no more")
    assert context.run("1").text == "1"


def test_an_error_of_on_input_is_the_callers(context: CodeContext) -> None:
    def on_input(prompt: str) -> str:
        raise LookupError("own")

    with pytest.raises(LookupError, match="own"):
        context.run("input()", on_input=on_input)
    with pytest.raises(UsageError, match=r"^on_input must return str, not NoneType$"):
        context.run("input()", on_input=lambda prompt: None)  # type: ignore[arg-type, return-value]
    assert context.run("1").text == "1"


# Order


def test_runs_are_serialised_in_the_order_they_came(context: CodeContext) -> None:
    """The first cell holds the context until all others wait, which they do one after the other."""
    context.run("order = []")
    waiting = context._turnstile._waiting
    inside, go_on = threading.Event(), threading.Event()

    def hold(text: str) -> None:
        inside.set()
        assert go_on.wait(PATIENCE_SECONDS)

    threads = [threading.Thread(target=context.run, args=("print()\norder.append(0)",), kwargs={"on_stdout": hold})]
    threads[0].start()
    assert inside.wait(PATIENCE_SECONDS)
    for number in range(1, 10):
        thread = threading.Thread(target=context.run, args=(f"order.append({number})",))
        thread.start()
        threads.append(thread)
        while len(waiting) < number and thread.is_alive():
            go_on.wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert context.run("order").results[0].json == list(range(10))


def test_runs_of_many_threads_never_mix(context: CodeContext) -> None:
    context.run("inside = 0")
    results: list[ExecutionResult] = []
    cell = "inside += 1\nassert inside == 1\nprint({n}, flush=True)\nprint({n})\ninside -= 1"

    def run(number: int) -> None:
        results.extend([context.run(cell.format(n=number)) for _ in range(10)])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert [result.error for result in results] == [None] * 40
    assert sorted(result.execution_count for result in results) == list(range(2, 42))
    assert sorted(result.stdout for result in results) == sorted(f"{n}\n{n}\n" for n in range(4) for _ in range(10))


# Timeouts


@pytest.mark.parametrize("timeout", [0, 0.3])
def test_a_timeout_ends_the_cell_and_keeps_the_state(context: CodeContext, timeout: float) -> None:
    context.run("kept = 1")
    result = context.run("print('before')\nnow = 2\nwhile True: pass", timeout=timeout)
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert errors_of(result) == ("TimeoutError", f"the run took longer than its timeout of {timeout:g} s")
    assert result.error is not None
    assert result.error.traceback[-1] == f"TimeoutError: the run took longer than its timeout of {timeout:g} s"
    if timeout:
        assert result.stdout == "before\n"
        assert result.error.traceback[:3] == [
            "Traceback (most recent call last):",
            '  File "<cell 2>", line 3, in <module>',
            "    while True: pass",
        ]
        assert context.run("kept + now").text == "3"
    assert context.run("kept").text == "1"


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(1000)",
        "import asyncio; await asyncio.sleep(1000)",
        "import asyncio; asyncio.run(asyncio.sleep(1000))",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        "[n for n in iter(int, 1)]",
        "import threading; threading.Event().wait(1000)",
    ],
)
def test_whatever_the_cell_waits_for_or_does_its_state_is_kept(context: CodeContext, code: str) -> None:
    context.run("kept = 1")
    result = context.run(code, timeout=0.05)
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert errors_of(result)[0] == "TimeoutError"
    assert context.run("kept").text == "1"


def test_a_cell_that_never_notices_is_ended_by_force(context: CodeContext) -> None:
    context.run("kept = 1")
    endless = "sum(range(10**13))"  # in an `except` too, in case the time was over before the cell began
    result = context.run(f"try: {endless}\nexcept KeyboardInterrupt: {endless}", timeout=0.05)
    kind, state = stop_of(result)
    assert kind is StopKind.TIMEOUT
    assert state in (StateAfterStop.LOST, StateAfterStop.ROLLED_BACK)
    assert errors_of(result)[0] == "TimeoutError"
    assert errors_of(result)[1].startswith("the run took longer than its timeout of 0.05 s; the context ")
    assert context.run("'kept' in globals()").text == str(state is StateAfterStop.ROLLED_BACK)


def test_a_contexts_own_timeout_counts_where_a_run_names_none(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(timeout=0.05)
    endless = "while True: pass"
    for result, seconds in [
        (context.run(endless), "0.05"),
        (context.run(endless, timeout=0.03), "0.03"),
        (sandbox.run_code(endless, context=context, timeout=0.04), "0.04"),
    ]:
        assert errors_of(result)[1] == f"the run took longer than its timeout of {seconds} s"


def test_clean_up_runs_after_a_timeout(context: CodeContext) -> None:
    result = context.run(
        "try:\n    while True: pass\nfinally:\n    for n in range(10**5): pass\n    print('cleaned')", timeout=0.3
    )
    assert result.stdout == "cleaned\n"
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)


@pytest.mark.parametrize("wait", ["while True: pass", "time.sleep(1000)"])
def test_clean_up_may_sleep(context: CodeContext, wait: str) -> None:
    result = context.run(
        f"import time\ntry:\n    {wait}\nfinally:\n    time.sleep(0.03)\n    print('cleaned')", timeout=0.3
    )
    assert result.stdout == "cleaned\n"
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)


def test_a_cell_that_swallows_the_timeout_and_ends_is_still_said_to_be_stopped(context: CodeContext) -> None:
    result = context.run(
        "try:\n    while True: pass\nexcept BaseException as error:\n    got = type(error).__name__", timeout=0.3
    )
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert errors_of(result)[0] == "TimeoutError"
    assert context.run("got").text == "'KeyboardInterrupt'"


def test_a_timeout_of_one_run_does_not_reach_the_next(context: CodeContext) -> None:
    for _ in range(5):
        assert context.run("while True: pass", timeout=0.02).stopped is not None
        for _ in range(20):
            result = context.run("sum(n for n in range(1000))")
            assert (result.text, result.error) == ("499500", None)


# Interrupts


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(1000)"])
def test_an_interrupt_from_another_thread_keeps_the_state(context: CodeContext, code: str) -> None:
    context.run("kept = 1")
    result = context.run(f"now = 2; print('in')\n{code}", timeout=math.inf, on_stdout=interrupting(context))
    assert stop_of(result) == (StopKind.INTERRUPT, StateAfterStop.KEPT)
    assert errors_of(result) == ("KeyboardInterrupt", "the run was interrupted")
    assert result.stdout == "in\n"
    assert context.run("kept + now").text == "3"


@pytest.mark.parametrize("rollback", ["auto", "off"])
def test_an_interrupt_before_the_first_instruction_costs_the_context_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, rollback: Literal["auto", "off"]
) -> None:
    """On a busy machine a short timeout is over before the guest has begun: asked then, it is asked at once."""
    context = sandbox.create_code_context(cwd="/tmp/here", env_vars={"NAME": "value"}, limits=Limits(rollback=rollback))
    begin = Asker.begin

    def ask_at_once(asker: Asker) -> None:
        begin(asker)
        instance = context._kernel._instance
        assert instance is not None
        instance.stopper.request(StopKind.TIMEOUT)
        assert asker.ask()

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Asker, "begin", ask_at_once)
            result = context.run("print('never')")
        assert (stop_of(result), result.stdout) == ((StopKind.TIMEOUT, StateAfterStop.KEPT), "")
        assert context.run("import os; os.getcwd(), os.environ['NAME']").text == "('/tmp/here', 'value')"


def test_an_interrupt_while_nothing_runs_does_nothing(context: CodeContext) -> None:
    context.interrupt()
    context.run("x = 1")
    context.interrupt()
    result = context.run("for n in range(10**5): pass\nx")
    assert (result.text, result.stopped) == ("1", None)


def test_an_interrupt_reaches_one_context_alone(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    both_run = threading.Barrier(3)
    results: list[ExecutionResult] = []

    def run(own: CodeContext, code: str) -> None:
        results.append(own.run(code, timeout=PATIENCE_SECONDS, on_stdout=lambda _: both_run.wait(PATIENCE_SECONDS)))

    endless = threading.Thread(target=run, args=(context, "print()\nwhile True: pass"))
    bounded = threading.Thread(
        target=run, args=(other, "print()\nimport os, time\nwhile not os.path.exists('go'): time.sleep(0.001)\n'done'")
    )
    endless.start()
    bounded.start()
    both_run.wait(PATIENCE_SECONDS)
    context.interrupt()
    endless.join(PATIENCE_SECONDS)
    assert results[0].stopped is not None
    sandbox.files.write("go", "")
    bounded.join(PATIENCE_SECONDS)
    assert (results[1].text, results[1].stopped) == ("'done'", None)


CTRL_C_PROGRAM = """
import os, signal, sys
from wasm_interp import Sandbox

def press(text):
    print("pressed", flush=True)
    {press}

with Sandbox() as sandbox:
    sandbox.run_code("kept = 1")
    try:
        sandbox.run_code("print('in')\\nwhile True: pass", timeout=None, on_stdout=press)
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
    print(sandbox.run_code("kept").text)
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("as before")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals there are another matter")
@pytest.mark.parametrize("press", ["signal.raise_signal(signal.SIGINT)", "os.kill(os.getpid(), signal.SIGINT)"])
def test_ctrl_c_stops_the_cell_and_reaches_the_caller(press: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", CTRL_C_PROGRAM.format(press=press)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert finished.stdout.split("\n") == ["pressed", "KeyboardInterrupt", "1", "as before", ""], finished.stderr
    assert (finished.returncode, finished.stderr) == (0, "")


def test_the_callers_own_handler_of_sigint_is_called(context: CodeContext) -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        result = context.run(
            "print('in')\nwhile True: pass",
            timeout=PATIENCE_SECONDS,
            on_stdout=lambda _: signal.raise_signal(signal.SIGINT),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [signal.SIGINT]
    assert stop_of(result) == (StopKind.INTERRUPT, StateAfterStop.KEPT)


def test_ctrl_c_ends_the_wait_of_on_input(context: CodeContext) -> None:
    waited: list[str] = []

    def on_input(prompt: str) -> str:
        signal.raise_signal(signal.SIGINT)
        waited.append(prompt)
        return ""

    with pytest.raises(KeyboardInterrupt):
        context.run("input('name? ')", on_input=on_input)
    assert waited == []


# Entropy

DRAWS = """
import os, random, secrets, tempfile, uuid
import numpy, numpy.random
{
    "random": random.random(),
    "shuffle": random.sample(range(10**9), 3),
    "numpy": numpy.random.rand(),
    "default_rng": numpy.random.default_rng().random(),
    "uuid4": str(uuid.uuid4()),
    "uuid1": str(uuid.uuid1()),
    "temporary": tempfile.mktemp(),
    "secrets": secrets.token_hex(),
    "urandom": os.urandom(16).hex(),
    "system": random.SystemRandom().random(),
    "new": random.Random().random(),
}
"""


def draws_of(context: CodeContext) -> dict[str, Any]:
    draws = context.run(DRAWS).results[0].json
    assert len(draws) == 11
    return draws


def test_no_two_contexts_draw_the_same(sandbox: Sandbox) -> None:
    contexts = [sandbox.create_code_context() for _ in range(3)]
    with Sandbox() as other:
        contexts.append(other.create_code_context())
        draws = [draws_of(context) for context in contexts]
    draws.append(draws_of(contexts[0]))
    for name in draws[0]:
        assert len({str(each[name]) for each in draws}) == len(draws), name


def test_a_context_that_lost_its_state_draws_anew(context: CodeContext) -> None:
    before = draws_of(context)
    context.run("import os; os._exit(1)")
    state = context.run("'DRAWS' in globals()").text
    after = draws_of(context)
    assert state == "False"
    for name in before:
        assert str(before[name]) != str(after[name]), name


def test_seeding_is_the_programs_own_business(sandbox: Sandbox) -> None:
    cell = "import random, numpy; random.seed(1); numpy.random.seed(1); [random.random(), numpy.random.rand()]"
    drawn = {str(sandbox.create_code_context().run(cell).results[0].json) for _ in range(2)}
    assert len(drawn) == 1


def test_results_outlive_the_sandbox() -> None:
    with Sandbox() as sandbox:
        result = sandbox.run_code("print('text'); [1, 2]")
    assert (result.stdout, result.text, result.results) == ("text\n", "[1, 2]", [result.results[0]])
    assert isinstance(result.results[0], Result)
