"""Contexts that go on from where another is, and back to where they were."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks.bench import Bench
from benchmarks.cells import WRITE_TO_EVERY_PAGE, hold, run
from benchmarks.figures import Figure, Target
from benchmarks.sampling import OURS, figure, seconds
from wasm_interp import CodeContext, Sandbox

_FRAME = "import pandas as pd; frame = pd.DataFrame({'a': range(100), 'b': ['x', 'y'] * 50})"
_CHANGE_FRAME = "frame.loc[0, 'a'] += 1"


def measure(bench: Bench) -> Iterator[Figure]:
    """Forks, checkpoints and rollbacks, each after the context has changed what it holds."""
    count = bench.either(2, 30)
    with Sandbox() as sandbox, sandbox.create_code_context(timeout=600) as context:
        run(context, _FRAME)
        yield _timed("fork of a context with a small DataFrame", context, _CHANGE_FRAME, count, Target(2))
        yield from _there_and_back(context, count)
    with Sandbox() as sandbox, sandbox.create_code_context(timeout=600) as context:
        megabytes = bench.either(10, 100)
        hold(context, megabytes * 1_000_000)
        name = f"fork of a context with {megabytes} MB written since the last"
        yield _timed(name, context, WRITE_TO_EVERY_PAGE, bench.either(2, 10), Target(60))


def _timed(name: str, context: CodeContext, change: str, count: int, target: Target) -> Figure:
    samples = []
    for _ in range(count):
        run(context, change)
        start = time.perf_counter()
        fork = context.fork()
        samples.append(time.perf_counter() - start)
        fork.close()
    return figure(name, "ms", {OURS: list(samples)}, target=target)


def _there_and_back(context: CodeContext, count: int) -> Iterator[Figure]:
    checkpoint = context.checkpoint()
    back = [_changed_then(context, _CHANGE_FRAME, lambda: context.rollback(checkpoint)) for _ in range(count)]
    there = [_changed_then(context, _CHANGE_FRAME, context.checkpoint) for _ in range(count)]
    yield figure("checkpoint() of it", "ms", {OURS: list(there)})
    yield figure("rollback() of it", "ms", {OURS: list(back)})


def _changed_then(context: CodeContext, change: str, action: Callable[[], object]) -> float:
    run(context, change)
    return seconds(action)
