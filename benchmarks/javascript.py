"""JavaScript and TypeScript contexts, and how fast programs run there: against QuickJS itself, and a peer around it.

The package ``quickjs`` is the same interpreter's forebear as native code, with no isolation at all; ``quickjs-rs``
has QuickJS-ng in WebAssembly as this package has.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Missing, Target
from benchmarks.peers.runner import Runner, RunnerFailed
from benchmarks.sampling import JAVASCRIPT, OURS, TYPESCRIPT, Samples, figure, for_each, geometric_mean, interleaved

PROGRAMS_FILE = Path(__file__).with_name("guest") / "programs.js"
_NATIVE, _PEER = "quickjs", "quickjs-rs"
_TYPED = "const x{0}: number = {0}; x{0} + 1"
_UNTYPED = "const y{0} = {0}; y{0} + 1"
_TARGETS = {_NATIVE: Target(3.5)}


def measure(bench: Bench) -> Iterator[Figure]:
    """Contexts, then each program, then the geometric means."""
    everyone = _everyone(bench)
    rounds, batch = bench.either(2, 10), bench.either(3, 20)
    yield figure(
        "JavaScript: new context",
        "ms",
        interleaved(rounds, for_each(everyone, lambda runner: runner.time_openings(batch))),
        target=Target(0.5),
        note="Opening only. quickjs-rs opens its contexts in one runtime.",
    )
    yield figure(
        "JavaScript: 1+1 in a warm context",
        "ms",
        interleaved(rounds, for_each(everyone, lambda runner: runner.time_additions(bench.either(20, 100)))),
        target=Target(0.15),
    )
    yield _typescript(bench)
    yield _memory(bench)
    yield from _programs(bench, everyone)


def _everyone(bench: Bench) -> dict[str, Runner | Missing]:
    ours = bench.runner(JAVASCRIPT)
    if isinstance(ours, Missing):
        raise RunnerFailed(ours.reason)
    return {OURS: ours} | {name: bench.runner(name) for name in bench.wanted(_NATIVE, _PEER)}


def _typescript(bench: Bench) -> Figure:
    """The same cell with types and without, in turns; each declares a name of its own."""
    typed, untyped = bench.runner(TYPESCRIPT), bench.runner(JAVASCRIPT)
    if isinstance(typed, Missing) or isinstance(untyped, Missing):
        raise RunnerFailed("there is no TypeScript")
    more = []
    for number in range(bench.either(3, 100)):
        [with_types] = typed.time_runs(_TYPED.format(number), 1)
        [without] = untyped.time_runs(_UNTYPED.format(number), 1)
        more.append(with_types - without)
    note = "A declaration with a type and its use; what the transpiler takes."
    return figure("TypeScript cell, less the same in JavaScript", "ms", {OURS: more}, target=Target(2), note=note)


def _memory(bench: Bench) -> Figure:
    count = bench.either(10, 100)

    def of_one(name: str) -> Sequence[float]:
        runner = bench.new_runner(name)
        if isinstance(runner, Missing):
            raise RunnerFailed(runner.reason)
        with runner:
            before, alive, _ = runner.proportional_memory(count)
        return [(alive - before) / count]

    contenders = {OURS: JAVASCRIPT} | {name: name for name in bench.wanted(_NATIVE, _PEER)}
    samplers = {shown: functools.partial(of_one, name) for shown, name in contenders.items()}
    return figure(
        "JavaScript: memory of a context",
        "MB",
        interleaved(bench.either(1, 3), samplers),
        target=Target(0.5),
        note=f"PSS of a process with {count} contexts, after one run in each, less that before, by {count}.",
    )


def _programs(bench: Bench, everyone: Mapping[str, Runner | Missing]) -> Iterator[Figure]:
    ready = {name: _loaded(name, runner) for name, runner in everyone.items()}
    samples: dict[str, Samples] = {}
    returned: dict[str, str] = {}
    for program in programs():
        best = functools.partial(_best, program, bench.either(1, 3), returned)
        samples[program] = interleaved(bench.either(1, 7), for_each(ready, best))
        yield figure(f"JavaScript: {program}", "ms", samples[program])
    for peer in ready:
        if peer != OURS:
            yield from _mean(peer, samples)


def programs() -> list[str]:
    """The names of those in the file, in its order."""
    listed = PROGRAMS_FILE.read_text("utf-8").rpartition("const PROGRAMS = {")[2].partition("}")[0]
    return [quoted or plain for quoted, plain in re.findall(r'(?:"([^"]+)": )?(\w+),', listed)]


def _loaded(name: str, runner: Runner | Missing) -> Runner | Missing:
    if isinstance(runner, Missing):
        return runner
    try:
        runner.run(PROGRAMS_FILE.read_text("utf-8"))
    except RunnerFailed as error:
        if name == OURS:
            raise
        return Missing(str(error))
    return runner


def _best(program: str, count: int, returned: dict[str, str], runner: Runner) -> Sequence[float]:
    """Seconds. Raises RunnerFailed if it computes something else than the first contender did."""
    call = f"String(PROGRAMS[{program!r}]())"
    said = runner.run(call)
    if said != returned.setdefault(program, said):
        raise RunnerFailed(f"{program} gave {said} instead of {returned[program]}")
    return [min(runner.time_runs(call, count))]


def _mean(peer: str, samples: Mapping[str, Samples]) -> Iterator[Figure]:
    """One geometric mean per round, of the programs that both could run; nothing if there are none."""
    pairs = []
    for each in samples.values():
        above, below = each[OURS], each[peer]
        if not isinstance(above, Missing) and not isinstance(below, Missing):
            pairs.append((above, below))
    if not pairs:
        return
    rounds = min(len(times) for pair in pairs for times in pair)
    ratios = [geometric_mean(above[turn] / below[turn] for above, below in pairs) for turn in range(rounds)]
    note = f"Geometric mean of {len(pairs)} programs."
    yield figure(f"JavaScript, time against {peer}", "×", {OURS: ratios}, target=_TARGETS.get(peer), note=note)
