"""A plot and a table as results, beside the same cells on the host's CPython with the same versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Missing, Target
from benchmarks.peers.runner import Runner, RunnerFailed
from benchmarks.sampling import OURS, Sampler, Samples, figure, for_each, interleaved

_IMPORTS = "import numpy, pandas, matplotlib.pyplot"
_PLOT = """
import matplotlib.pyplot as plt
import numpy as np
x = np.linspace(0, 10, 200)
plt.figure(figsize=(6.4, 4.8))
plt.plot(x, np.sin(x), label="sine")
plt.plot(x, np.cos(x), label="cosine")
plt.title("Waves")
plt.xlabel("time (s)")
plt.ylabel("height (m)")
plt.legend()
plt.show()
"""
_FRAME = """
import numpy as np
import pandas as pd
frame = pd.DataFrame({
    "city": ["Oslo", "Rome", "Lima", "Bern"] * 25,
    "when": pd.date_range("2024-01-01", periods=100),
    "units": np.arange(100),
    "price": np.linspace(1, 9, 100),
})
"""


def measure(bench: Bench) -> Iterator[Figure]:
    """The first plot and later ones, and a table; each against CPython too."""
    plots = bench.either(1, 5)
    first: dict[str, Sampler | Missing] = {OURS: lambda: bench.ours().time_first_runs(_PLOT, 1)}
    for name in bench.wanted("CPython"):
        first[name] = lambda: _first_plot_of_process(bench)
    yield from _with_ratio("first plot of a context", interleaved(bench.either(1, 10), first), Target(2.2))

    everyone = bench.everyone("CPython")
    for runner in everyone.values():
        if isinstance(runner, Runner):
            _prepare(runner)
    yield from _with_ratio(
        "later plots",
        interleaved(bench.either(1, 7), for_each(everyone, lambda runner: runner.time_runs(_PLOT, plots))),
        Target(2.2),
    )
    yield figure(
        "display of a DataFrame of 100 rows and 4 columns",
        "ms",
        interleaved(bench.either(1, 7), for_each(everyone, lambda runner: runner.time_runs("frame", 2 * plots))),
        target=Target(12),
        note="Text and HTML; here the columns as data, too.",
    )


def _prepare(runner: Runner) -> None:
    runner.run(_FRAME)
    if "png" not in runner.run(_PLOT):
        raise AssertionError(f"{runner.environment.name} has drawn nothing")


def _first_plot_of_process(bench: Bench) -> Sequence[float]:
    runner = bench.new_runner("CPython")
    if isinstance(runner, Missing):
        raise RunnerFailed(runner.reason)
    with runner:
        runner.run(_IMPORTS)
        return runner.time_runs(_PLOT, 1)


def _with_ratio(name: str, samples: Samples, target: Target) -> Iterator[Figure]:
    yield figure(
        name, "ms", samples, note="Drawn and made a PNG. CPython's first: of a process that has done the imports."
    )
    for peer, theirs in samples.items():
        ours = samples[OURS]
        if peer == OURS or isinstance(theirs, Missing) or isinstance(ours, Missing):
            continue
        ratios = [here / there for here, there in zip(ours, theirs, strict=False)]
        yield figure(f"{name}, against {peer}", "×", {OURS: ratios}, target=target)
