"""Samples of several contenders, taken in turn: what disturbs the machine for a while disturbs all of them."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from benchmarks.figures import Figure, Missing, Target, Value
from benchmarks.peers.runner import Runner, RunnerFailed

OURS = "wasm_interp"
METERED = "wasm_interp with fuel"
JAVASCRIPT, TYPESCRIPT = "wasm_interp's JavaScript", "wasm_interp's TypeScript"

Sampler = Callable[[], Sequence[float]]
Samples = dict[str, list[float] | Missing]


def for_each(
    runners: Mapping[str, Runner | Missing], measure: Callable[[Runner], Sequence[float]]
) -> dict[str, Sampler | Missing]:
    """The same measurement in every runner."""
    return {
        name: runner if isinstance(runner, Missing) else functools.partial(measure, runner)
        for name, runner in runners.items()
    }


def interleaved(rounds: int, samplers: Mapping[str, Sampler | Missing]) -> Samples:
    """All contenders' samples of ``rounds`` rounds, each round one turn of every contender.

    A peer that fails is missing, with the reason. Raises RunnerFailed if this package itself does.
    """
    samples: Samples = {name: sampler if isinstance(sampler, Missing) else [] for name, sampler in samplers.items()}
    for _ in range(rounds):
        for name, sampler in samplers.items():
            gathered = samples[name]
            if isinstance(sampler, Missing) or isinstance(gathered, Missing):
                continue
            try:
                gathered.extend(sampler())
            except RunnerFailed as error:
                if name == OURS:
                    raise
                samples[name] = Missing(str(error))
    return samples


def figure(name: str, unit: str, samples: Samples, *, target: Target | None = None, note: str = "") -> Figure:
    """A figure of samples in seconds or bytes, or of plain ratios and rates."""
    scale = {"s": 1.0, "ms": 1e3, "µs": 1e6, "MB": 1e-6, "MB/s": 1e-6, "×": 1.0, "/s": 1.0}[unit]
    values = {
        contender: gathered if isinstance(gathered, Missing) else Value.of(gathered, scale)
        for contender, gathered in samples.items()
    }
    ours = values.pop(OURS)
    assert isinstance(ours, Value)
    return Figure(name, ours, unit, target, values, note)


def seconds(action: Callable[[], object]) -> float:
    """How long ``action`` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def geometric_mean(ratios: Iterable[float]) -> float:
    """Raises ValueError for a ratio that is not above zero."""
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / len(logarithms))
