"""How soon a run that has to end has ended, and what it takes to go on afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Target
from benchmarks.sampling import OURS, figure
from wasm_interp import CodeContext, ExecutionResult, Limits, Sandbox, StateAfterStop

_DEADLINE_SECONDS = 0.1
_MEGABYTE = 1_000_000
# Code that looks up now and then, and so can be asked to stop.
_LISTENING = {
    "a loop": "while True: pass",
    "building dictionaries": "while True: {str(n): [n] for n in range(500)}",
    "numpy calls": "import numpy\nwhile True: numpy.linalg.inv(numpy.eye(40) + 1)",
    "a regular expression that explodes": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
}
_DEAF = "sum(range(10**12))"


def measure(bench: Bench) -> Iterator[Figure]:
    """Latencies, from the moment the run should end to the moment its result is here."""
    count = bench.either(2, 30)
    with Sandbox(limits=Limits(rollback="always")) as sandbox:
        context = sandbox.create_code_context()
        context.run("kept = 1")
        for name, code in _LISTENING.items():
            samples = [_late_by(context, code, StateAfterStop.KEPT) for _ in range(count)]
            yield figure(f"deadline to result, {name}", "ms", {OURS: list(samples)}, target=Target(30))
        samples = [_after_interrupt(context) for _ in range(count)]
        yield figure("interrupt() to result, a loop", "ms", {OURS: list(samples)}, target=Target(30))
        samples = [_late_by(context, _DEAF, StateAfterStop.ROLLED_BACK) for _ in range(bench.either(1, 10))]
        yield figure(
            "deadline to result, code that does not listen",
            "ms",
            {OURS: list(samples)},
            note="It is given a while to listen first; then its memory is taken away.",
        )
        assert context.run("kept").text == "1"
    yield _rollback(bench.either(1, 10))


def _late_by(context: CodeContext, code: str, expected: StateAfterStop) -> float:
    start = time.perf_counter()
    result = context.run(code, timeout=_DEADLINE_SECONDS)
    late = time.perf_counter() - start - _DEADLINE_SECONDS
    _check_stop(result, expected)
    return late


def _after_interrupt(context: CodeContext) -> float:
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.perf_counter())
        context.interrupt()

    timer = threading.Timer(_DEADLINE_SECONDS, ask)
    timer.start()
    result = context.run(_LISTENING["a loop"])
    taken = time.perf_counter() - asked[0]
    _check_stop(result, StateAfterStop.KEPT)
    return taken


def _rollback(count: int) -> Figure:
    """Each stop loses the instance; the next run brings the context back, so its time is what the user waits."""
    samples = []
    with Sandbox(limits=Limits(rollback="always")) as sandbox:
        context = sandbox.create_code_context()
        context.run(f"data = bytes(range(250)) * {10 * _MEGABYTE // 250}")
        context.run("len(data)")
        for _ in range(count):
            _late_by(context, _DEAF, StateAfterStop.ROLLED_BACK)
            start = time.perf_counter()
            result = context.run("len(data), data[1234]")
            samples.append(time.perf_counter() - start)
            if result.text != f"({10 * _MEGABYTE}, {1234 % 250})":
                raise AssertionError(f"rolled back to {result.text}, {result.error}")
    return figure(
        "rollback of a context with 10 MB written",
        "ms",
        {OURS: list(samples)},
        target=Target(10),
        note="The whole first run after a stop by force: a new instance, the state before the stop, and 1+1's worth.",
    )


def _check_stop(result: ExecutionResult, expected: StateAfterStop) -> None:
    if result.stopped is None or result.stopped.state is not expected:
        raise AssertionError(f"{result.code!r} was not stopped as expected: {result.stopped}, {result.error}")
