"""The same guest does the same things over wasmtime's WASI and over ours; what it can see must be the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.differences import DIFFERENCES, Row
from tests.conformance.machines import Ours, Reference
from tests.conformance.scenarios import SCENARIOS
from tests.conformance.steps import Scenario, play
from wasm_interp._core.wasi.abi import SIGNATURES

ROWS = {f"{reason} {index}": row for reason, rows in DIFFERENCES.items() for index, row in enumerate(rows)}


class Recorder(Ours):
    """Notes which calls are made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: set[str] = set()

    def call(self, name: str, *arguments: int) -> int:
        self.made.add(name)
        return super().call(name, *arguments)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[tuple[Ours, Reference]]:
    (tmp_path / "folder").mkdir()
    ours, reference = Ours(), Reference(tmp_path / "folder", tmp_path)
    yield ours, reference
    ours.close()
    reference.close()


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_guest_sees_the_same(machines: tuple[Ours, Reference], scenario: Scenario) -> None:
    ours, reference = machines
    assert play(ours, scenario) == play(reference, scenario)


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_known_difference_is_as_it_was(machines: tuple[Ours, Reference], row: Row) -> None:
    ours, reference = machines
    *before, seen_here = play(ours, [*row.setup, row.step])
    *before_there, seen_there = play(reference, [*row.setup, row.step])
    assert before == before_there
    assert (seen_here, seen_there) == (row.ours, row.reference)


def test_a_known_difference_is_one() -> None:
    assert [name for name, row in ROWS.items() if row.ours == row.reference] == []


def test_every_call_is_compared() -> None:
    made: set[str] = set()
    for scenario in [*SCENARIOS.values(), *([*row.setup, row.step] for row in ROWS.values())]:
        recorder = Recorder()
        play(recorder, scenario)
        recorder.close()
        made |= recorder.made
    assert made == SIGNATURES.keys()
