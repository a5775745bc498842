from __future__ import annotations

import linecache
from collections.abc import Iterator

import pytest
from wasm_interp_kernel import sources


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    sources.forget_all()
    yield
    sources.forget_all()


def test_lines_of_a_cell() -> None:
    sources.remember("<cell 1>", "a\nb")
    linecache.checkcache()
    assert linecache.getline("<cell 1>", 2) == "b"
    assert sources.newest() == "<cell 1>"


def test_the_oldest_cells_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_CELLS", 2)
    for number in range(3):
        sources.remember(f"<cell {number}>", "x")
    assert [linecache.getline(f"<cell {number}>", 1) for number in range(3)] == ["", "x", "x"]


def test_long_cells_count_by_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_CHARACTERS", 10)
    sources.remember("<cell 1>", "x" * 6)
    sources.remember("<cell 2>", "y" * 6)
    sources.remember("<cell 3>", "z" * 20)
    assert [linecache.getline(f"<cell {number}>", 1)[:1] for number in (1, 2, 3)] == ["", "", "z"]


def test_the_same_name_again_replaces_the_text() -> None:
    sources.remember("<cell 1>", "old")
    sources.remember("<cell 1>", "new")
    sources.remember("<cell 2>", "x")
    assert linecache.getline("<cell 1>", 1) == "new"


def test_a_cleared_cache_is_restored() -> None:
    sources.remember("<cell 1>", "x")
    linecache.clearcache()
    sources.restore_cache()
    assert linecache.getline("<cell 1>", 1) == "x"
