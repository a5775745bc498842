"""Recursion to death, in Python and in C.

Whoever checks its own depth gives an error of the cell, and the state is kept. Where nobody checks, the native stack
ends: the run is stopped, says so, and the context is as it was before, or anew. The host lives in any case.
"""

from __future__ import annotations

import ctypes
import sys
import threading

import pytest

from wasm_interp import CodeContext, ExecutionResult, Sandbox, StateAfterStop, StopKind

GENEROUS_SECONDS = 60.0
DEEP = 100_000
LIST = f"deep = []\nfor n in range({DEEP}): deep = [deep]\n"
TUPLE = f"deep = ()\nfor n in range({DEEP}): deep = (deep,)\n"
DICT = f"deep = {{}}\nfor n in range({DEEP}): deep = {{'a': deep}}\n"
UNLIMITED = "import sys; sys.setrecursionlimit(10**9)\n"

CHECKED = {
    "a function": ("def f(): f()\nf()", "RecursionError"),
    "two functions": ("def f(): g()\ndef g(): f()\nf()", "RecursionError"),
    "a repr of its own": (
        f"{UNLIMITED}class A:\n    def __repr__(self): return repr(self)\nrepr(A())",
        "RecursionError",
    ),
    "a getattr of its own": (
        f"{UNLIMITED}class A:\n    def __getattr__(self, name): return getattr(self, name + 'x')\nA().a",
        "RecursionError",
    ),
    "a sort key": (f"{UNLIMITED}def key(n): return sorted([1, 2], key=key)\nkey(0)", "RecursionError"),
    "a generator": ("def g(): yield from g()\nnext(g())", "RecursionError"),
    "a coroutine": ("async def f(): await f()\nawait f()", "RecursionError"),
    "a class body": ("def f(): type('A', (), {'__set_name__': f}); f()\nf()", "RecursionError"),
    "exec": ("code = 'exec(code)'\nexec(code)", "MemoryError"),
    "repr": (f"{LIST}repr(deep)", "RecursionError"),
    "repr of a dict": (f"{DICT}repr(deep)", "RecursionError"),
    "str": (f"{TUPLE}str(deep)", "RecursionError"),
    "comparing": (f"{TUPLE}other = deep\n{TUPLE}deep == other", "RecursionError"),
    "json.dumps": (f"import json\n{LIST}json.dumps(deep)", "RecursionError"),
    "json.dumps of a dict": (f"import json\n{DICT}json.dumps(deep)", "RecursionError"),
    "json.loads of lists": ("import json; json.loads('[' * 10**6)", "RecursionError"),
    "json.loads of objects": ("import json; json.loads('{\"a\":' * 10**6)", "RecursionError"),
    "pickle.dumps": (f"import pickle\n{LIST}pickle.dumps(deep)", "RecursionError"),
    "copy.deepcopy": (f"import copy\n{LIST}copy.deepcopy(deep)", "RecursionError"),
    "marshal.dumps": (f"import marshal\n{LIST}marshal.dumps(deep)", "ValueError"),
    "marshal.loads": ("import marshal; marshal.loads(b'[\\x01\\0\\0\\0' * 10**6)", "ValueError"),
    "the parser": ("eval('(' * 10**6)", "MemoryError"),
    "the parser on signs": ("eval('-' * 10**6 + '1')", "MemoryError"),
    "the parser on a cell": ("[" * 10**5, "MemoryError"),
    "ast.literal_eval": (f"import ast; ast.literal_eval('[' * {DEEP} + ']' * {DEEP})", "MemoryError"),
    "the compiler": ("compile('+'.join(['1'] * 5_000), '', 'eval')", "RecursionError"),
    "re.compile": (f"import re; re.compile('(' * {DEEP})", "RecursionError"),
    "pprint": (f"import pprint\n{LIST}pprint.pformat(deep)", "RecursionError"),
    "lxml": (f"import lxml.etree; lxml.etree.fromstring(b'<a>' * {DEEP})", "XMLSyntaxError"),
}
FINE = {
    "a chain of objects that is freed": (
        f"class Link: pass\nlast = None\nfor n in range({DEEP}):\n"
        "    link = Link(); link.last = last; last = link\ndel last, link\n'freed'",
        "'freed'",
    ),
    "a list that holds itself": ("loop = []; loop.append(loop); loop", "[[...]]"),
    "an exception that is its own cause": (
        "e = ValueError(); e.__cause__ = e\ntry: raise e\nexcept ValueError: 'caught'\n'fine'",
        "'fine'",
    ),
}
# Far deeper than any native stack that we might choose: some 250 bytes of it for each level.
DEEPER = 400_000
UNCHECKED = {
    "freeing lists": f"deep = []\nfor n in range({DEEPER}): deep = [deep]\ndel deep",
    "freeing tuples": f"deep = ()\nfor n in range({DEEPER}): deep = (deep,)\ndel deep",
    "freeing dicts": f"deep = {{}}\nfor n in range({DEEPER}): deep = {{1: deep}}\ndel deep",
    "hashing": f"deep = 1\nfor n in range({DEEPER}): deep = (deep,)\nhash(deep)",
    "map": f"deep = iter([1])\nfor n in range({DEEPER}): deep = map(int, deep)\nnext(deep)",
    "itertools.chain": (
        f"import itertools\ndeep = iter([1])\nfor n in range({DEEPER}): deep = itertools.chain(deep)\nnext(deep)"
    ),
    "isinstance": f"deep = int\nfor n in range({DEEPER}): deep = (deep,)\nisinstance('', deep)",
    "freeing an XML tree": (
        f"import xml.etree.ElementTree as tree; deep = tree.fromstring('<a>' * {DEEPER} + '</a>' * {DEEPER}); del deep"
    ),
    "a function without a limit": f"{UNLIMITED}def f(): f()\nf()",
}


def run(context: CodeContext, code: str) -> ExecutionResult:
    return context.run(code, timeout=GENEROUS_SECONDS)


@pytest.mark.parametrize("name", CHECKED)
def test_recursion_that_is_checked_is_an_error_and_the_state_is_kept(context: CodeContext, name: str) -> None:
    code, error = CHECKED[name]
    run(context, "kept = 1")
    result = run(context, code)
    assert result.stopped is None
    assert result.error is not None
    assert result.error.name == error
    assert run(context, "1 + kept").text == "2"


@pytest.mark.parametrize("name", FINE)
def test_depth_that_is_no_recursion_is_fine(context: CodeContext, name: str) -> None:
    code, text = FINE[name]
    result = run(context, code)
    assert (result.error, result.stopped, result.text) == (None, None, text)


@pytest.mark.parametrize("name", UNCHECKED)
def test_recursion_that_nobody_checks_ends_with_the_native_stack(
    sandbox: Sandbox, context: CodeContext, name: str
) -> None:
    run(context, "kept = 1")
    result = run(context, UNCHECKED[name])
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.detail) == (StopKind.STACK, "the native stack is exhausted")
    assert result.stopped.state in (StateAfterStop.LOST, StateAfterStop.ROLLED_BACK)
    assert result.error is not None
    assert result.error.name == "RecursionError"
    assert result.error.value.startswith("the native stack is exhausted; the context ")
    kept = result.stopped.state is StateAfterStop.ROLLED_BACK
    assert run(context, "'kept' in globals(), 'deep' in globals()").text == f"({kept}, False)"
    assert sandbox.run_code("1 + 1").text == "2"


def test_the_stack_of_the_calling_thread_does_not_matter(context: CodeContext) -> None:
    """A thread with little stack: the guest has what it needs elsewhere."""
    results: list[ExecutionResult] = []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(
            target=lambda: results.extend([run(context, CHECKED["repr"][0]), run(context, UNCHECKED["hashing"])])
        )
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join(2 * GENEROUS_SECONDS)
    checked, unchecked = results
    assert checked.error is not None
    assert checked.error.name == "RecursionError"
    assert unchecked.stopped is not None
    assert unchecked.stopped.kind is StopKind.STACK
    assert run(context, "1 + 1").text == "2"


def test_the_depth_of_the_calling_stack_does_not_matter(context: CodeContext) -> None:
    def deeper(levels: int) -> ExecutionResult:
        return deeper(levels - 1) if levels else run(context, CHECKED["a repr of its own"][0])

    result = deeper(500)
    assert result.error is not None
    assert result.error.name == "RecursionError"
    assert run(context, "1 + 1").text == "2"


def test_at_no_depth_of_the_calling_stack_does_the_process_die(context: CodeContext) -> None:
    """It did where Python's limit was met in a host function. Now the guest runs elsewhere, or not at all."""

    def deeper(levels: int) -> ExecutionResult:
        return deeper(levels - 1) if levels else run(context, "for n in range(30): print(n)\n1")

    def outcome(levels: int) -> str | None:
        try:
            return deeper(levels).text
        except (RecursionError, ctypes.ArgumentError):
            return "refused"

    limit = sys.getrecursionlimit()
    outcomes = [outcome(levels) for levels in [*range(0, limit - 200, 100), *range(limit - 200, limit, 5)]]
    assert set(outcomes) == {"1", "refused"}
    assert outcomes == sorted(outcomes)
    assert run(context, "1 + 1").text == "2"


def test_a_callback_at_the_deepest_point_runs(context: CodeContext) -> None:
    told: list[str] = []
    code = "def f(n):\n    if n: f(n - 1)\n    else: print('deep', flush=True)\nf(900)"
    result = context.run(code, timeout=GENEROUS_SECONDS, on_stdout=told.append)
    assert (result.error, told) == (None, ["deep\n"])


def test_a_value_that_cannot_be_freed_spoils_one_cell(sandbox: Sandbox) -> None:
    """`___` lets go of it at the third cell after it; to roll that back would be to meet it again for ever."""
    levels = 200_000
    assert sandbox.run_code(f"import pickle; pickle.loads(b'(' * {levels} + b't' * {levels} + b'.')").error is None
    stops = [sandbox.run_code(str(number)).stopped for number in range(6)]
    assert [stop and stop.kind for stop in stops] == [None, None, StopKind.STACK, None, None, None]
    assert stops[2] is not None
    assert stops[2].state is StateAfterStop.LOST
