"""What is left of a context after a run that had to be ended by force: everything that was there before it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wasm_interp import CodeContext, ExecutionResult, Limits, Sandbox, StateAfterStop, StopKind

PREPARE = """
import itertools, random, sys, os, re
import numpy as np
def counting():
    total = 0
    while True:
        total += (yield total) or 1
generator = counting(); next(generator); generator.send(5)
iterator = iter(range(100)); next(iterator); next(iterator)
array = np.arange(1000.0)
table = {i: [i] * 3 for i in range(500)}
text = 'as it was'
file = open('/workspace/data.txt', 'w+')
file.write('one\\ntwo\\nthree\\n'); file.flush(); file.seek(4)
class Thing:
    def __init__(self): self.value = 1
thing = Thing()
random.seed(5); np.random.seed(6)
"""
LOOK = """(sorted(n for n in globals() if not n.startswith('_')), text, float(array.sum()), len(table), table[7],
 thing.value, file.tell(), file.closed, sys.getrecursionlimit(), os.getcwd(), 'wave' in sys.modules)"""
# What moves on by being looked at.
GO_ON = "generator.send(2), next(iterator), file.readline(), random.random(), float(np.random.rand())"
SPOIL = """
text = 'spoiled'; array[:] = -1; table.clear(); thing.value = 2; new_name = 1; del itertools
generator.send(100); next(iterator); file.seek(0); file.readline(); random.random(); np.random.rand(5)
sys.setrecursionlimit(500); os.chdir('/tmp'); import wave
"""
ENDS = {
    "timeout": ("sum(range(10**12))", StopKind.TIMEOUT),
    "copies": (
        "big = bytearray(10**7)\nsum(map(len, map(bytes, __import__('itertools').repeat(big))))",
        StopKind.TIMEOUT,
    ),
    "deaf": (
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        StopKind.TIMEOUT,
    ),
    "abort": ("os.abort()", StopKind.EXITED),
    "exit": ("os._exit(3)", StopKind.EXITED),
    "large part": ("big = [bytearray(b'x') * 10**6 for _ in range(60)]\nsum(range(10**12))", StopKind.TIMEOUT),
}


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.05)


@pytest.fixture(params=["auto", "always"])
def prepared(request: pytest.FixtureRequest, sandbox: Sandbox) -> CodeContext:
    context = sandbox.create_code_context(limits=Limits(rollback=request.param))
    assert context.run(PREPARE).error is None
    return context


def stopped(result: ExecutionResult) -> tuple[StopKind, StateAfterStop]:
    assert result.stopped is not None, result.error
    return result.stopped.kind, result.stopped.state


def undisturbed() -> list[str | None]:
    with Sandbox() as sandbox, sandbox.create_code_context() as context:
        context.run(PREPARE)
        return [context.run(code).text for code in (LOOK, GO_ON, GO_ON, LOOK)]


@pytest.mark.parametrize("how", ENDS)
def test_after_an_end_by_force_the_namespace_is_that_of_before_the_cell(how: str, prepared: CodeContext) -> None:
    end, kind = ENDS[how]
    result = prepared.run(SPOIL + end, timeout=0.3)
    assert stopped(result) == (kind, StateAfterStop.ROLLED_BACK)
    assert result.error is not None
    assert "; the context is as it was before the run" in result.error.value or kind is StopKind.EXITED
    assert [prepared.run(code).text for code in (LOOK, GO_ON, GO_ON, LOOK)] == undisturbed()


def test_exhausted_native_stack_is_rolled_back(prepared: CodeContext) -> None:
    code = SPOIL + "sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**6): x = [x]\nrepr(x) == repr(x)"
    result = prepared.run(code, timeout=20)
    assert result.error is not None
    if result.stopped is None:
        assert result.error.name in ("RecursionError", "MemoryError")  # the guest noticed by itself
        return
    assert result.stopped.state is StateAfterStop.ROLLED_BACK
    assert [prepared.run(code).text for code in (LOOK, GO_ON)] == undisturbed()[:2]


def test_a_run_that_yields_keeps_what_it_did(prepared: CodeContext) -> None:
    result = prepared.run("text = 'changed'\nwhile True: pass", timeout=0.2)
    assert stopped(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert prepared.run("text").text == "'changed'"


def test_files_stay_as_written_and_open_files_are_at_their_offsets(sandbox: Sandbox, prepared: CodeContext) -> None:
    code = "file.seek(0, 2); file.write('four\\n'); file.flush(); open('new', 'w').write('kept')\nos._exit(1)"
    assert stopped(prepared.run(code)) == (StopKind.EXITED, StateAfterStop.ROLLED_BACK)
    assert sandbox.files.read_text("/workspace/data.txt") == "one\ntwo\nthree\nfour\n"
    assert sandbox.files.read_text("/workspace/new") == "kept"
    assert prepared.run("file.tell(), file.read()").text == "(4, 'two\\nthree\\nfour\\n')"


def test_a_file_that_the_run_closed_and_deleted_is_open_again(prepared: CodeContext) -> None:
    prepared.run("file.close(); os.remove('/workspace/data.txt')\nos._exit(1)")
    assert prepared.run("os.path.exists('/workspace/data.txt'), file.read()").text == "(False, 'two\\nthree\\n')"
    assert prepared.run("file.seek(0); file.write('ONE'); file.flush(); file.seek(0); file.read()").text == (
        "'ONE\\ntwo\\nthree\\n'"
    )


def test_descriptors_that_the_run_opened_are_closed(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(limits=Limits(open_files=20))
    context.run("import os; kept = []")
    for _ in range(5):
        context.run("while len(kept) < 10: kept.append(open(f'f{len(kept)}', 'w'))\nos._exit(1)")
    assert context.run("while len(kept) < 10: kept.append(open(f'g{len(kept)}', 'w'))\nlen(kept)").text == "10"


def test_the_first_run_is_rolled_back_to_the_beginning(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(cwd="/workspace/here", env_vars={"NAME": "value"})
    assert stopped(context.run("x = 1\nsum(range(10**12))", timeout=0.1))[1] is StateAfterStop.ROLLED_BACK
    assert context.run("import os; 'x' in globals(), os.getcwd(), os.environ['NAME']").text == (
        "(False, '/workspace/here', 'value')"
    )


def test_without_rollback_the_context_begins_anew_and_says_so(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(limits=Limits(rollback="off"), env_vars={"NAME": "value"})
    context.run("x = 1; open('note', 'w').write('kept')")
    result = context.run("sum(range(10**12))", timeout=0.1)
    assert stopped(result) == (StopKind.TIMEOUT, StateAfterStop.LOST)
    assert result.error is not None
    assert result.error.value.endswith("; the context starts anew, its files are as written")
    assert context.run("import os; 'x' in globals(), os.environ['NAME'], open('note').read()").text == (
        "(False, 'value', 'kept')"
    )


def test_more_than_the_policy_keeps_is_lost_by_auto_and_kept_by_always(sandbox: Sandbox) -> None:
    states = []
    for choice in ("auto", "always"):
        context = sandbox.create_code_context(limits=Limits(rollback=choice))
        assert context.run("big = bytearray(b'x') * (300 << 20)").error is None
        states.append(stopped(context.run("sum(range(10**12))", timeout=0.1))[1])
        assert context.run("'big' in globals()").text == str(choice == "always")
        context.close()
    assert states == [StateAfterStop.LOST, StateAfterStop.ROLLED_BACK]


def test_ends_one_after_the_other_each_come_back_to_the_same(prepared: CodeContext) -> None:
    for end, _ in list(ENDS.values())[:5] * 2:
        assert stopped(prepared.run(SPOIL + end, timeout=0.1))[1] is StateAfterStop.ROLLED_BACK
    assert prepared.run(LOOK).text == undisturbed()[0]


# Sessions

CELLS = [
    "x = x + 1 if 'x' in globals() else 1\nx",
    "l = globals().get('l', []); l.append(len(l)); sum(l)",
    "import numpy as np\na = np.arange(globals().get('n', 10)); n = len(a) + 7; int(a.sum())",
    "big = bytearray(5_000_000); big[::4096] = b'z' * len(big[::4096]); len(big)",
    "f = open('log', 'a+'); f.write('line\\n'); f.flush(); f.tell()",
    "g = globals().get('g') or iter(range(10**6)); next(g)",
    "d = globals().setdefault('d', {}); d[len(d)] = str(d)[:50]; len(str(d))",
    "1 / 0",
    "import re; m = re.match('(.)(.)', 'ab'); m.groups()",
    "del x",
    "class A:\n  n = globals().get('A').n + 1 if 'A' in globals() else 0\nA.n",
    "print('said')",
]
DISTURBANCES = [
    "x = l = g = d = n = None\nsum(range(10**12))",
    "globals().clear(); big = bytearray(b'q') * 8_000_000\nsum(range(10**12))",
    "import os; os._exit(1)",
    "A = f = 5\nbytes(10**12 // 10**9) and sum(range(10**12))",
]


def outcome(result: ExecutionResult) -> tuple[object, ...]:
    return result.text, result.stdout, result.error and (result.error.name, result.error.value)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from(CELLS), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 6), st.sampled_from(DISTURBANCES)), min_size=1, max_size=2),
)
def test_a_session_goes_on_as_if_the_cells_that_were_ended_had_never_been(
    cells: list[str], disturbances: list[tuple[int, str]]
) -> None:
    with Sandbox() as sandbox, Sandbox() as other:
        calm, disturbed = sandbox.create_code_context(), other.create_code_context()
        for index, cell in enumerate(cells):
            for place, code in disturbances:
                if place == index:
                    assert stopped(disturbed.run(code, timeout=0.02))[1] is StateAfterStop.ROLLED_BACK
            assert outcome(disturbed.run(cell)) == outcome(calm.run(cell))
