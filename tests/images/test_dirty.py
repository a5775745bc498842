"""Which pages were written, asked in both ways, which must agree."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.images.linear_memory import HOST_PAGE, NEEDS_LINUX, LinearMemory
from wasm_interp._core.images import dirty
from wasm_interp._core.images.dirty import PagemapRead, PagemapScan, Runs, Scanner
from wasm_interp._core.images.image import whole_file_image
from wasm_interp._core.images.mapping import CopyOnWriteMapper

pytestmark = NEEDS_LINUX
PAGES = 4096  # 16 MiB: over 1,000 runs, and two chunks of neither


def _scan() -> Scanner:
    try:
        return PagemapScan()
    except OSError:
        pytest.skip("this kernel has no PAGEMAP_SCAN")


@pytest.fixture(params=[_scan, PagemapRead], ids=["scan", "read"])
def scanner(request: pytest.FixtureRequest) -> Scanner:
    made: Scanner = request.param()
    return made


@pytest.fixture
def memory() -> Iterator[LinearMemory]:
    made = LinearMemory(PAGES * HOST_PAGE, PAGES * HOST_PAGE)
    yield made
    made.close()


def runs_of(pages: set[int]) -> Runs:
    """Neighbouring pages as runs of bytes."""
    runs: Runs = []
    for page in sorted(pages):
        if runs and sum(runs[-1]) == page * HOST_PAGE:
            runs[-1] = runs[-1][0], runs[-1][1] + HOST_PAGE
        else:
            runs.append((page * HOST_PAGE, HOST_PAGE))
    return runs


def found(scanner: Scanner, memory: LinearMemory) -> Runs:
    return scanner.runs(memory.address, memory.size)


def test_nothing_is_dirty_before_a_write(scanner: Scanner, memory: LinearMemory) -> None:
    assert found(scanner, memory) == []


def test_what_was_only_read_is_not_dirty(memory: LinearMemory) -> None:
    """The pagemap file does not tell the page of zeros from others: there such memory may count."""
    assert memory.content().count(0) == memory.size
    assert found(_scan(), memory) == []
    assert found(PagemapRead(), memory) in ([], [(0, memory.size)])


def test_neighbouring_pages_are_one_run(scanner: Scanner, memory: LinearMemory) -> None:
    memory.write(5 * HOST_PAGE - 1, b"ab")
    memory.write(9 * HOST_PAGE, b"c")
    assert found(scanner, memory) == [(4 * HOST_PAGE, 2 * HOST_PAGE), (9 * HOST_PAGE, HOST_PAGE)]


def test_the_first_and_the_last_page_count(scanner: Scanner, memory: LinearMemory) -> None:
    memory.write(0, b"a")
    memory.write(memory.size - 1, b"z")
    assert found(scanner, memory) == [(0, HOST_PAGE), (memory.size - HOST_PAGE, HOST_PAGE)]


@pytest.mark.parametrize("count", [1, 511, 512, 513, 1_023, 1_024, 1_025, PAGES // 2])
def test_all_of_many_runs_are_found(scanner: Scanner, memory: LinearMemory, count: int) -> None:
    """Linux 6.18 says that it walked less than it stored, by a batch of 512."""
    pages = set(range(0, 2 * count, 2))
    for page in pages:
        memory.write(page * HOST_PAGE, b"x")
    assert found(scanner, memory) == runs_of(pages)


def test_more_runs_than_one_call_can_tell_are_all_found(memory: LinearMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = _scan()
    pages = set(range(0, PAGES, 2))
    for page in pages:
        memory.write(page * HOST_PAGE, b"x")
    for most in (1, 7, 511, 512, 600, 1_024):
        monkeypatch.setattr(PagemapScan, "_MOST_REGIONS", most)
        monkeypatch.setattr(scanner, "_local", type(scanner._local)())  # type: ignore[attr-defined]
        assert found(scanner, memory) == runs_of(pages), most


def test_only_the_part_asked_about_is_told_of(scanner: Scanner, memory: LinearMemory) -> None:
    for page in (1, 2, 3, 4):
        memory.write(page * HOST_PAGE, b"x")
    part = scanner.runs(memory.address + 2 * HOST_PAGE, 2 * HOST_PAGE)
    assert part == [(0, 2 * HOST_PAGE)]


def test_pages_of_a_mapped_image_are_dirty_once_written(scanner: Scanner, memory: LinearMemory, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"i" * (16 * HOST_PAGE))
    with path.open("rb") as file:
        CopyOnWriteMapper().place(whole_file_image(file.fileno(), 16 * HOST_PAGE), memory.address)
        assert bytes(memory.view()[: 16 * HOST_PAGE]) == b"i" * (16 * HOST_PAGE)  # read, each of them
        assert found(scanner, memory) == []
        memory.write(3 * HOST_PAGE, b"x")
        memory.write(20 * HOST_PAGE, b"x")
        assert found(scanner, memory) == runs_of({3, 20})
        CopyOnWriteMapper().place(whole_file_image(file.fileno(), 16 * HOST_PAGE), memory.address)
        assert found(scanner, memory) == runs_of({20})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(1, 40)), max_size=200))
def test_both_ways_agree_with_a_model(writes: list[tuple[int, int]]) -> None:
    memory = LinearMemory(PAGES * HOST_PAGE, PAGES * HOST_PAGE)
    pages: set[int] = set()
    for first, count in writes:
        for page in range(first, min(first + count, PAGES)):
            memory.write(page * HOST_PAGE + 7, b"x")
            pages.add(page)
    assert found(_scan(), memory) == found(PagemapRead(), memory) == runs_of(pages)
    memory.close()


@pytest.fixture
def fresh_choice() -> Iterator[None]:
    """The process's scanner is chosen again in the test, and after it."""
    chosen = _choice()
    chosen.cache_clear()
    yield
    chosen.cache_clear()


def _choice() -> Any:
    return next(each for each in vars(dirty).values() if hasattr(each, "cache_clear"))


@pytest.mark.usefixtures("fresh_choice")
def test_without_the_call_the_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> int:
        raise OSError(errno.ENOTTY, "no such call")

    monkeypatch.setattr(fcntl, "ioctl", refuse)
    before = len(os.listdir("/proc/self/fd"))
    chosen = dirty.scanner()
    assert isinstance(chosen, PagemapRead)
    assert len(os.listdir("/proc/self/fd")) == before + 1


@pytest.mark.usefixtures("fresh_choice")
def test_without_either_there_is_no_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> int:
        raise PermissionError(errno.EACCES, "hidden from you")

    monkeypatch.setattr(os, "open", refuse)
    assert dirty.scanner() is None


@pytest.mark.usefixtures("fresh_choice")
def test_other_systems_have_no_scanner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert dirty.scanner() is None
