"""A function of untrusted code is called like one's own, and no call leaves anything for the next."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.snapshots.arena_use import bytes_in_use, mappings_left
from wasm_interp import ContextClosed, Function, FunctionError, Image, Limits, StopKind, UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks need memfd_create and pagemap")

SOURCE = """
import os, random
calls = 0
def handler(event):
    global calls
    calls += 1
    match event:
        case {"do": "count"}:
            return calls
        case {"do": "file"}:
            known = os.path.exists("left")
            open("left", "w").write("x")
            return known
        case {"do": "raise"}:
            raise ValueError("what a pity")
        case {"do": "print"}:
            print("said")
            return None
        case {"do": "forever"}:
            while True: pass
        case {"do": "crash"}:
            os.abort()
        case {"do": "random"}:
            return random.random()
        case {"do": "tuple"}:
            return (1, {2: None})
        case {"do": "set"}:
            return {1}
        case {"do": "nan"}:
            return float("nan")
        case {"do": "memory"}:
            return len(bytearray(1 << 30))
        case {"do": "exit"}:
            raise SystemExit(3)
        case {"do": "huge"}:
            return "x" * (20 << 20)
        case {"do": "large"}:
            return "é" * (1 << 20)
    return event
"""


@pytest.fixture(scope="module")
def function() -> Iterator[Function]:
    with Function(SOURCE, limits=Limits(memory_bytes=512 << 20)) as made:
        yield made


@pytest.mark.parametrize(
    "event",
    [None, True, 0, -1.5, 10**30, "", "é\n'\"\\\u2028\0", [], {}, {"a": [1, {"b": None}]}, "{event!r}", "x" * 10**6],
)
def test_json_goes_in_and_out(function: Function, event: Any) -> None:
    assert function(event) == event


def test_what_python_makes_json_of_comes_out_as_that(function: Function) -> None:
    assert function({"do": "tuple"}) == [1, {"2": None}]
    assert function({"do": "large"}) == "é" * (1 << 20)


def test_an_answer_that_is_too_large_is_an_error(function: Function) -> None:
    with pytest.raises(FunctionError, match=r"^ValueError: the answer takes \d+ bytes; 16777216 are allowed$"):
        function({"do": "huge"})


def test_half_a_surrogate_pair_is_kept(function: Function) -> None:
    assert function("\ud800é") == "\ud800é"


def test_no_state_is_left_for_the_next_call(function: Function) -> None:
    assert [function({"do": "count"}) for _ in range(3)] == [1, 1, 1]
    assert [function({"do": "file"}) for _ in range(2)] == [False, False]


def test_entropy_is_fresh_in_each_call(function: Function) -> None:
    assert len({function({"do": "random"}) for _ in range(5)}) == 5


def test_an_error_carries_the_guests_traceback(function: Function) -> None:
    with pytest.raises(FunctionError) as caught:
        function({"do": "raise"})
    error = caught.value
    assert (error.name, error.value) == ("ValueError", "what a pity")
    assert error.traceback == [
        "Traceback (most recent call last):",
        '  File "<cell 1>", line 15, in handler',
        '    raise ValueError("what a pity")',
        "ValueError: what a pity",
    ]
    assert str(error) == "ValueError: what a pity\n" + "\n".join(error.traceback[:-1])


@pytest.mark.parametrize(
    ("do", "name", "value"),
    [
        ("set", "TypeError", "Object of type set is not JSON serializable"),
        ("nan", "ValueError", "Out of range float values are not JSON compliant"),
        ("memory", "MemoryError", ""),
        ("exit", "SystemExit", "3"),
    ],
)
def test_other_errors(function: Function, do: str, name: str, value: str) -> None:
    with pytest.raises(FunctionError) as caught:
        function({"do": do})
    assert (caught.value.name, caught.value.value.partition(":")[0]) == (name, value)
    assert function(1) == 1


def test_a_timeout_and_a_crash_are_errors_with_their_reason(function: Function) -> None:
    with pytest.raises(FunctionError) as caught:
        function({"do": "forever"}, timeout=0.1)
    assert caught.value.name == "TimeoutError"
    assert caught.value.result is not None
    assert caught.value.result.stopped is not None
    assert caught.value.result.stopped.kind is StopKind.TIMEOUT
    with pytest.raises(FunctionError) as caught:
        function({"do": "crash"})
    assert caught.value.name == "SystemExit"
    assert function(1) == 1


def test_an_invocation_has_the_output_and_usage(function: Function) -> None:
    invocation = function.invoke({"do": "print"})
    assert invocation.value is None
    assert invocation.result.stdout == "said\n"
    assert invocation.result.memory_bytes > 200 << 20


def test_fuel_is_counted_for_each_call() -> None:
    with Function("def handler(n): return sum(range(n))", limits=Limits(fuel=200_000_000)) as function:
        used = [function.invoke(1000).result.fuel_used for _ in range(2)]
        assert used[0] is not None
        assert used[0] > 0
        with pytest.raises(FunctionError) as caught:
            function(10**9)
        assert caught.value.name == "OutOfFuel"
        assert function(10) == 45


def test_map_keeps_the_order_and_works_in_parallel(function: Function) -> None:
    assert list(function.map(range(50), workers=4)) == list(range(50))
    assert list(function.map([])) == []


def test_map_takes_events_as_they_are_needed(function: Function) -> None:
    taken = []

    def events() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    outcomes = function.map(events(), workers=2)
    assert next(outcomes) == 0
    assert len(taken) <= 8
    del outcomes


def test_map_raises_an_error_in_its_turn_or_returns_it(function: Function) -> None:
    events = [1, {"do": "raise"}, 3]
    outcomes = function.map(events, workers=2)
    assert next(outcomes) == 1
    with pytest.raises(FunctionError, match="what a pity"):
        next(outcomes)
    first, error, last = function.map(events, return_errors=True)
    assert (first, error.value, last) == (1, "what a pity", 3)


@pytest.mark.parametrize("workers", [0, -1, True, 1.5])
def test_map_refuses_what_is_no_number_of_workers(function: Function, workers: Any) -> None:
    with pytest.raises(UsageError, match=r"^workers must be a whole number of at least 1"):
        function.map([1], workers=workers)


def test_acall_runs_calls_at_once(function: Function) -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(*(function.acall(n) for n in range(6)), function.acall({"do": "count"}))

    assert asyncio.run(main()) == [*range(6), 1]


def test_cancelling_acall_stops_the_call(function: Function) -> None:
    async def main() -> None:
        call = asyncio.create_task(function.acall({"do": "forever"}, timeout=math.inf))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await function.acall(2) == 2

    asyncio.run(main())


def test_an_async_handler_and_one_that_starts_a_loop() -> None:
    with Function(
        "import asyncio\nasync def main(n):\n    await asyncio.sleep(0)\n    return n + 1", "main"
    ) as function:
        assert (function(1), function(2)) == (2, 3)
    source = "import asyncio\nasync def f(n): return n * 2\ndef handler(n): return asyncio.run(f(n))"
    with Function(source) as function:
        assert function(4) == 8


def test_what_is_open_when_the_source_is_loaded_is_open_in_each_call() -> None:
    source = (
        "f = open('data', 'w+'); f.write('abc'); f.flush()\n"
        "def handler(e):\n    f.write(e); f.flush(); f.seek(0); return f.read()"
    )
    with Function(source) as function:
        assert [function("d"), function("e")] == ["abcd", "abce"]


def test_a_source_that_fails_is_an_error_with_its_traceback() -> None:
    with pytest.raises(FunctionError) as caught:
        Function("x = 1\n1 / 0")
    assert caught.value.value == "the source of handler could not be loaded: division by zero"
    assert caught.value.traceback[1] == '  File "<cell 1>", line 2, in <module>'


@pytest.mark.parametrize(
    ("source", "entrypoint", "message"),
    [
        ("x = 1", "handler", "^the source defines no function 'handler'$"),
        ("handler = 1", "handler", "^the source defines no function 'handler'$"),
        ("def f(e): pass", "f()", "^entrypoint must be the name of a function, not 'f\\(\\)'$"),
        (b"def handler(e): pass", "handler", "^code must be str, not bytes$"),
    ],
)
def test_misuse(source: Any, entrypoint: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Function(source, entrypoint)


@pytest.mark.parametrize("event", [{1, 2}, float("nan"), object()])
def test_an_event_that_is_not_json_is_misuse(function: Function, event: Any) -> None:
    with pytest.raises(UsageError, match=r"^the event is not JSON: "):
        function(event)


def test_a_program_that_forges_its_answer_harms_itself_alone() -> None:
    source = "def handler(e): return e\n__wasm_interp_forged__ = 1"
    with Function(source) as function:
        assert function(1) == 1
    forged = "def handler(e):\n    globals()['_'] = 1\n    raise BaseException('x' * 100)"
    with Function(forged) as function, pytest.raises(FunctionError, match=r"^BaseException: xxx"):
        function(1)


def test_calls_after_close_are_refused_and_all_is_given_back() -> None:
    before = bytes_in_use(), mappings_left()
    function = Function("big = bytearray(b'x') * (5 << 20)\ndef handler(e): return len(big)")
    assert list(function.map(range(4))) == [5 << 20] * 4
    assert repr(function) == "<Function handler python>"
    function.close()
    function.close()
    assert repr(function) == "<Function handler python, closed>"
    with pytest.raises(ContextClosed, match=r"^the function handler is closed$"):
        function(1)
    with pytest.raises(ContextClosed):
        function.map([1])
    assert (bytes_in_use(), mappings_left()) == before


def test_a_call_under_way_outlives_close() -> None:
    function = Function("import time\ndef handler(e):\n    time.sleep(0.1)\n    return e")
    values: list[Any] = []
    call = threading.Thread(target=lambda: values.append(function(5)))
    call.start()
    threading.Event().wait(0.03)
    function.close()
    call.join()
    assert values in ([5], [])  # it had begun, or was refused


def test_from_an_image() -> None:
    with (
        Image.build(setup="model = [n * n for n in range(10)]", files={"names": "ada"}) as image,
        Function("def handler(n): return [model[n], open('names').read()]", image=image) as function,
    ):
        assert function(3) == [9, "ada"]


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("javascript", "let calls = 0\nfunction handler(event) { calls++; return {calls, event} }"),
        ("javascript", "let calls = 0\nasync function handler(event) { await null; calls++; return {calls, event} }"),
        ("typescript", "let calls: number = 0\nconst handler = (event: object) => ({calls: ++calls, event})"),
    ],
)
def test_javascript_and_typescript(language: str, source: str) -> None:
    with Function(source, language=language) as function:
        for event in ({"a": ["é'\u2028", None]}, 5):
            assert function(event) == {"calls": 1, "event": event}
    with Function("function handler(e) { return undefined }", language="javascript") as function:
        assert function(1) is None
    with Function("function handler(e) { throw new TypeError('no') }", language="javascript") as function:
        with pytest.raises(FunctionError) as caught:
            function(1)
        assert (caught.value.name, caught.value.value) == ("TypeError", "no")


def test_calls_of_javascript_map_what_the_source_has_written_and_copy_nothing() -> None:
    """Pages that are copied into each call's interpreter cost it a page fault each, touched or not."""
    source = "const kept = [...Array(5000).keys()]; function handler(e) { return kept.reduce((a, b) => a + b) + e }"
    with Function(source, language="javascript") as function:
        memory = function._calls._savepoint.memory
        assert memory.scattered.runs == []
        assert [function(n) for n in range(3)] == [12_497_500 + n for n in range(3)]


def test_answers_may_be_what_numpy_and_pandas_give() -> None:
    source = """
import numpy as np, pandas as pd
def handler(event):
    frame = pd.DataFrame({"a": [1, 2]})
    return {"sum": frame.a.sum(), "mean": np.float32(1.5), "all": frame.a.to_numpy(), "day": pd.Timestamp("2026-01-02")}
"""
    with Function(source) as function:
        assert function(0) == {"sum": 3, "mean": 1.5, "all": [1, 2], "day": "2026-01-02T00:00:00"}
