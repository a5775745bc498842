"""The benchmark programs do what they say they time; nothing here looks at a time."""

import ast
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import (
    checkpoints,
    contexts,
    displays,
    forks,
    functions,
    javascript,
    parallel,
    stops,
    system_calls,
    throughput,
)
from benchmarks.bench import Bench
from benchmarks.figures import Figure, Missing, Target, Value
from benchmarks.peers.environments import own_environment
from benchmarks.peers.runner import Runner, RunnerFailed
from benchmarks.report import Report
from benchmarks.sampling import JAVASCRIPT, OURS, figure, geometric_mean, interleaved


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench(quick=True, has_peers=False) as made:
        yield made


@pytest.mark.parametrize(
    "group", [contexts, throughput, system_calls, parallel, stops, checkpoints, forks, functions, displays, javascript]
)
def test_a_group_in_its_quick_mode(group, bench: Bench) -> None:
    figures = list(group.measure(bench))
    assert len({each.name for each in figures}) == len(figures) > 0
    assert all(each.value.count > 0 for each in figures)
    assert all(each.peers.keys() <= {"rollback off", "wasmtime's WASI"} for each in figures)


def test_every_pure_program_returns_here_what_it_returns_inside(bench: Bench) -> None:
    programs = throughput.PROGRAMS_FILE.read_text("utf-8")
    ours = bench.ours()
    ours.run(programs)
    with bench.new_bare_cpython() as native:
        native.run(programs)
        names = ast.literal_eval(native.run("list(PURE)"))
        assert len(names) == 12
        for name in names:
            inside, here = (json.loads(runner.run(f"measure({name!r}, 1)")) for runner in (ours, native))
            assert inside["returned"] == here["returned"], name


def test_every_javascript_program_is_measured(bench: Bench) -> None:
    runner = bench.runner(JAVASCRIPT)
    assert isinstance(runner, Runner)
    runner.run(javascript.PROGRAMS_FILE.read_text("utf-8"))
    assert json.loads(runner.run("JSON.stringify(Object.keys(PROGRAMS))")) == javascript.programs()
    assert len(javascript.programs()) == 14


def test_a_contender_that_fails_says_why(bench: Bench) -> None:
    with pytest.raises(RunnerFailed, match="ZeroDivisionError"):
        bench.ours().run("1/0")
    assert bench.ours().run("1+1") == "2"


@pytest.mark.skipif(importlib.util.find_spec("eryx") is not None, reason="eryx is here")
def test_a_contender_that_cannot_start_says_why() -> None:
    with pytest.raises(RunnerFailed, match=r"^ModuleNotFoundError: No module named 'eryx'$"):
        Runner(own_environment("eryx"))


class TestSampling:
    def test_contenders_take_turns(self) -> None:
        turns: list[str] = []
        samples = interleaved(
            2,
            {
                OURS: lambda: [float(turns.append("ours") or 1)],
                "other": lambda: [float(turns.append("other") or 2), 3.0],
            },
        )
        assert turns == ["ours", "other", "ours", "other"]
        assert samples == {OURS: [1.0, 1.0], "other": [2.0, 3.0, 2.0, 3.0]}

    def test_a_peer_that_fails_is_missing_and_the_others_go_on(self) -> None:
        def fail() -> list[float]:
            raise RunnerFailed("no room")

        samplers = {OURS: lambda: [1.0], "failing": fail, "absent": Missing("not installed")}
        samples = interleaved(2, samplers)
        assert samples == {OURS: [1.0, 1.0], "failing": Missing("no room"), "absent": Missing("not installed")}

    def test_a_failure_of_ours_is_raised(self) -> None:
        def fail() -> list[float]:
            raise RunnerFailed("no room")

        with pytest.raises(RunnerFailed, match=r"^no room$"):
            interleaved(1, {OURS: fail})

    def test_figures_are_in_the_unit_they_name(self) -> None:
        made = figure("delay", "ms", {OURS: [0.001, 0.002, 0.003], "other": [0.5]})
        assert (made.value.median, made.value.count) == (pytest.approx(2), 3)
        assert made.peers == {"other": Value(500, 500, 500, 1)}

    def test_geometric_mean(self) -> None:
        assert geometric_mean([1, 4, 2]) == pytest.approx(2)


class TestTarget:
    @pytest.mark.parametrize(("median", "met"), [(0.7, True), (0.71, False)])
    def test_a_ceiling(self, median: float, met: bool) -> None:
        assert Target(0.7).is_met(Value.of([median])) is met

    @pytest.mark.parametrize(("median", "met"), [(1.6, True), (1.5, False)])
    def test_a_floor(self, median: float, met: bool) -> None:
        assert Target(1.6, is_floor=True).is_met(Value.of([median])) is met


def test_the_report_is_readable_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peers = {"other": Value.of([3.0]), "absent": Missing("it needs [Python] 3.12")}
    report = Report()
    report.group("delays", [Figure("delay", Value.of([1.0, 2.0, 3.0]), "ms", Target(1.5), peers, "a note")])
    report.contenders({"other": {"other": "1.0"}, "absent": Missing("it needs [Python] 3.12")})
    report.write(tmp_path / "figures.json", {"cores": "2"}, {"absent": Missing("no")})

    printed = capsys.readouterr().out
    for expected in (
        "2 ms (1.5 to 2.5)",
        "≤ 1.5 ms",
        "no",
        "3 1.5×",
        "delay: a note",
        "no value for absent (delay): it needs [Python] 3.12",
        "absent: it needs [Python] 3.12",
    ):
        assert expected in printed
    written = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    assert written["machine"] == {"cores": "2"}
    assert written["contenders"] == {"absent": {"reason": "no"}}
    assert written["groups"]["delays"][0]["target"] == {"limit": 1.5, "is_floor": False, "met": False}
    assert written["groups"]["delays"][0]["peers"]["absent"] == {"reason": "it needs [Python] 3.12"}
