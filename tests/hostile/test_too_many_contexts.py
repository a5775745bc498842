"""Contexts made until there is no room: a clear error, early, and all that is there goes on working."""

from __future__ import annotations

import gc
import sys

import pytest

from tests.hostile.footprint import footprint
from wasm_interp import CodeContext, LimitExceeded, Sandbox, StateAfterStop
from wasm_interp._core.engine import room
from wasm_interp._core.engine.room import MAPPINGS_OF_ONE

PLACES = 12


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    gc.collect()
    monkeypatch.setattr(room(), "_places", len(room()._taken) + PLACES)
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.01)


def fill(*sandboxes: Sandbox) -> list[CodeContext]:
    """Contexts in turn in each, until one is refused."""
    made: list[CodeContext] = []

    def make_for_ever() -> None:
        while True:
            made.extend(sandbox.create_code_context() for sandbox in sandboxes)

    with pytest.raises(LimitExceeded, match=rf"has {room()._places} live contexts; .* \(vm\.max_map_count\)"):
        make_for_ever()
    return made


def test_contexts_without_end_are_refused_and_those_that_are_there_work(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        made = fill(sandbox, other)
        assert len(made) == PLACES
        assert [context.run("1 + 1").text for context in made] == ["2"] * PLACES
        with pytest.raises(LimitExceeded):
            made[0].fork()
        with pytest.raises(LimitExceeded):
            other.run_code("1")
        made[0].close()
        assert other.run_code("1 + 1").text == "2"


def test_at_the_limit_a_context_that_crashes_still_comes_back(sandbox: Sandbox) -> None:
    made = fill(sandbox)
    made[0].run("kept = 1")
    for _ in range(3):
        stopped = made[0].run("sum(range(10**12))", timeout=0.05).stopped
        assert stopped is not None
        assert stopped.state is StateAfterStop.ROLLED_BACK
        assert made[0].run("kept").text == "1"


def test_sandboxes_that_are_closed_or_forgotten_leave_room(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        fill(other)
    forgotten = Sandbox()
    fill(forgotten)
    del forgotten
    gc.collect()
    assert sandbox.run_code("1 + 1").text == "2"


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell what a process takes")
@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_context_takes_no_more_mappings_than_it_is_counted_for(sandbox: Sandbox, language: str) -> None:
    sandbox.run_code("1", language=language)
    before = footprint().mappings
    made = [sandbox.create_code_context(language) for _ in range(PLACES - 1)]
    for _ in range(2):
        assert {context.run("1 + 1").text for context in made} == {"2"}
    assert footprint().mappings - before <= MAPPINGS_OF_ONE * len(made)
