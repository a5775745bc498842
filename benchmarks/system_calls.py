"""Our WASI against wasmtime's own, under the same compiled Python guest in the same process."""

from __future__ import annotations

import functools
import json
import runpy
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.cells import run as run_cell
from benchmarks.figures import Figure, Missing, Target
from benchmarks.sampling import OURS, Samples, figure, geometric_mean, interleaved
from benchmarks.wasmtime_python import WasmtimePython
from wasm_interp import Sandbox

_THEIRS = "wasmtime's WASI"
_PROGRAMS_FILE = Path(__file__).with_name("guest") / "files.py"
_CSV_ROW = "{n},2024-{month:02}-{day:02},{city},{units},{price:.2f}\n"
_CITIES = ("Oslo", "Rome", "Lima", "Bern")

Run = Callable[[str], str]


def measure(bench: Bench) -> Iterator[Figure]:
    """Calls, throughput, a large CSV file, and an import of pandas, which is thousands of calls."""
    with tempfile.TemporaryDirectory() as scratch, Sandbox() as sandbox:
        folder, beside = Path(scratch) / "workspace", Path(scratch) / "beside"
        folder.mkdir()
        beside.mkdir()
        rows, csv = _make_csv(folder / "large.csv", bench.either(1_000_000, 100_000_000))
        sandbox.files.upload(str(csv), "/workspace/large.csv")
        context = sandbox.create_code_context(timeout=600)
        with WasmtimePython(folder, beside) as reference:
            runs: dict[str, Run] = {OURS: functools.partial(run_cell, context), _THEIRS: reference.run}
            for run in runs.values():
                run(_PROGRAMS_FILE.read_text("utf-8"))
            yield from _calls(bench, runs)
            yield from _throughput(bench, runs)
            yield from _csv(bench, runs, csv, rows)


def _calls(bench: Bench, runs: dict[str, Run]) -> Iterator[Figure]:
    count = bench.either(100, 3000)
    ratios: list[list[float]] = []
    for call in runpy.run_path(str(_PROGRAMS_FILE))["CALLS"]:
        samples = _each(bench.either(1, 9), runs, f"measure_call({call!r}, {count})", float)
        yield figure(call, "µs", samples)
        ratios.append(_ratios(samples))
    yield figure(
        "these calls, against wasmtime's WASI",
        "×",
        {OURS: [geometric_mean(max(ratio, 1e-3) for ratio in turn) for turn in zip(*ratios, strict=True)]},
        target=Target(2),
        note="Geometric mean of time here by time there. Each is one to three WASI calls and the interpreter's part.",
    )


def _throughput(bench: Bench, runs: dict[str, Run]) -> Iterator[Figure]:
    rounds, blocks = bench.either(1, 9), bench.either(2, 100)
    for name, code in (("writing a file", f"write_file({blocks})"), ("reading it", "read_file()")):
        samples = _each(rounds, runs, code, float)
        yield figure(f"{name} of {blocks} MiB, 1 MiB at a time", "MB/s", samples)
        yield figure(
            f"{name}, against wasmtime's WASI",
            "×",
            {OURS: [1 / ratio for ratio in _ratios(samples)]},
            target=Target(2),
            note="Time here by time there.",
        )


def _csv(bench: Bench, runs: dict[str, Run], csv: Path, rows: int) -> Iterator[Figure]:
    size = csv.stat().st_size

    def taken(said: str) -> float:
        found, count, _ = json.loads(said)
        if count != rows:
            raise AssertionError(f"pandas read {count} rows of {rows}")
        return float(found)

    for run in runs.values():
        run("import pandas")
    name = f"pandas.read_csv of {size / 1e6:.0f} MB"
    samples = _each(bench.either(1, 5), runs, "read_csv('/workspace/large.csv')", taken)
    others = dict(samples)
    for peer in bench.wanted("CPython"):
        others[peer] = _native_csv(bench, peer, csv, taken)
    yield figure(name, "s", others)
    yield figure(f"{name}, against wasmtime's WASI", "×", {OURS: _ratios(samples)}, target=Target(2))


def _native_csv(bench: Bench, name: str, csv: Path, taken: Callable[[str], float]) -> list[float] | Missing:
    runner = bench.everyone(name)[name]
    if isinstance(runner, Missing):
        return runner
    runner.run(_PROGRAMS_FILE.read_text("utf-8"))
    return [taken(runner.run(f"read_csv({str(csv)!r})")) for _ in range(bench.either(1, 3))]


def _each(rounds: int, runs: dict[str, Run], code: str, value: Callable[[Any], float]) -> Samples:
    return interleaved(rounds, {name: functools.partial(_one, run, code, value) for name, run in runs.items()})


def _one(run: Run, code: str, value: Callable[[Any], float]) -> list[float]:
    return [value(run(code))]


def _ratios(samples: Samples) -> list[float]:
    ours, theirs = samples[OURS], samples[_THEIRS]
    assert not isinstance(ours, Missing)
    assert not isinstance(theirs, Missing)
    return [here / there if there else 1.0 for here, there in zip(ours, theirs, strict=True)]


def _make_csv(path: Path, size: int) -> tuple[int, Path]:
    """A file of about ``size`` bytes; how many rows it has."""
    rows = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("id,date,city,units,price\n")
        while file.tell() < size:
            lines = [
                _CSV_ROW.format(
                    n=n, month=n % 12 + 1, day=n % 28 + 1, city=_CITIES[n % 4], units=n % 97, price=n % 1013 / 7
                )
                for n in range(rows, rows + 10_000)
            ]
            file.write("".join(lines))
            rows += len(lines)
    return rows, path
