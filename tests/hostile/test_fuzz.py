"""The fuzz targets for a few seconds, with other seeds each time, and every finding of the past."""

from __future__ import annotations

import time

import pytest

from tests.hostile.fuzz import FOUND, TARGETS, Finding, run, run_for

SECONDS = 1.5


@pytest.mark.parametrize("name", TARGETS)
def test_random_input_finds_nothing(name: str) -> None:
    assert run_for(name, SECONDS, time.time_ns() % 10**12) > 5


@pytest.mark.parametrize(("name", "seed"), FOUND)
def test_what_was_found_once_stays_fixed(name: str, seed: int) -> None:
    run(name, seed)


def test_a_finding_says_how_to_do_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(chance: object) -> None:
        raise ZeroDivisionError("found")

    monkeypatch.setitem(TARGETS, "broken", broken)
    with pytest.raises(Finding, match=r"^python -m tests\.hostile\.fuzz --target broken --seed 7: ZeroDivisionError"):
        run("broken", 7)
