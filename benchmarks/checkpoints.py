"""What it costs to be able to go back: the state that is kept before each run."""

from __future__ import annotations

import functools
import statistics
from collections.abc import Iterator, Sequence
from typing import Literal

from benchmarks.bench import Bench
from benchmarks.cells import WRITE_TO_EVERY_PAGE, hold, run
from benchmarks.figures import Figure, Missing, Target
from benchmarks.sampling import OURS, Sampler, figure, interleaved, seconds
from wasm_interp import CodeContext, Limits, Sandbox

_WITHOUT = "rollback off"
_ADD = "1+1"


def measure(bench: Bench) -> Iterator[Figure]:
    """The same runs with and without, in turn, in one process."""
    with Sandbox() as sandbox:
        batch = bench.either(20, 100)
        kept, unkept = _contexts(sandbox, Limits(), "auto")
        pairs = interleaved(
            bench.either(2, 20),
            {OURS: lambda: [_median(kept, batch)], _WITHOUT: lambda: [_median(unkept, batch)]},
        )
        ours, without = pairs[OURS], pairs[_WITHOUT]
        assert not isinstance(ours, Missing)
        assert not isinstance(without, Missing)
        yield figure(
            "what rollback adds to 1+1",
            "ms",
            {OURS: [with_it - without_it for with_it, without_it in zip(ours, without, strict=True)]},
            target=Target(0.3),
            note=f"Median of {batch} runs with rollback auto, less that with rollback off.",
        )
        yield from _with_data(bench, sandbox, "10 MB", 10_000_000)
        if not bench.is_quick:
            yield from _with_data(bench, sandbox, "1 GB", 1_000_000_000)


def _with_data(bench: Bench, sandbox: Sandbox, size: str, size_bytes: int) -> Iterator[Figure]:
    limits = Limits(memory_bytes=3 * size_bytes + (512 << 20))
    kept, unkept = contexts = _contexts(sandbox, limits, "always")
    for context in contexts:
        hold(context, size_bytes)
        run(context, _ADD)
    sizes = ((f"1+1 in a context that holds {size}", ""), (f"1+1 after writing to all of {size}", WRITE_TO_EVERY_PAGE))
    for name, before in sizes:
        samplers: dict[str, Sampler] = {
            OURS: functools.partial(_time_after, kept, before),
            _WITHOUT: functools.partial(_time_after, unkept, before),
        }
        rounds = bench.either(2, 20 if size_bytes < 100_000_000 else 5)
        yield figure(name, "ms", interleaved(rounds, samplers), note="Rollback always; what is written is copied once.")
    for context in contexts:
        context.close()


def _contexts(sandbox: Sandbox, limits: Limits, rollback: Literal["auto", "always"]) -> tuple[CodeContext, CodeContext]:
    """With and without rollback."""
    memory = limits.memory_bytes
    kept = sandbox.create_code_context(limits=Limits(memory_bytes=memory, rollback=rollback), timeout=600)
    unkept = sandbox.create_code_context(limits=Limits(memory_bytes=memory, rollback="off"), timeout=600)
    for context in (kept, unkept):
        run(context, _ADD)
        run(context, _ADD)
    return kept, unkept


def _time_after(context: CodeContext, before: str) -> Sequence[float]:
    if before:
        run(context, before)
    return [seconds(lambda: run(context, _ADD))]


def _median(context: CodeContext, count: int) -> float:
    return statistics.median(seconds(lambda: run(context, _ADD)) for _ in range(count))
