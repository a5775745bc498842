"""Runs of pages out of memory and back, through buffers that begin where a page does."""

from __future__ import annotations

import ctypes
import random

import pytest

from tests.images.linear_memory import HOST_PAGE, LinearMemory
from wasm_interp._core.images.copies import copy_runs, joined, page_aligned, write_runs

PAGES = 32
RUNS = [(HOST_PAGE, HOST_PAGE), (4 * HOST_PAGE, 3 * HOST_PAGE), (31 * HOST_PAGE, HOST_PAGE)]


@pytest.mark.parametrize("size", [1, 100, HOST_PAGE, 5 * HOST_PAGE + 1])
def test_a_buffer_begins_with_a_page_and_holds_zeros(size: int) -> None:
    buffer = page_aligned(size)
    assert ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % HOST_PAGE == 0
    assert bytes(buffer) == bytes(size)


def test_no_bytes_are_a_buffer_too() -> None:
    assert len(page_aligned(0)) == 0
    assert joined([]) == b""


def test_runs_come_back_where_they_were_and_nothing_else_changes() -> None:
    content = random.Random(3).randbytes(PAGES * HOST_PAGE)
    memory = LinearMemory(PAGES * HOST_PAGE, PAGES * HOST_PAGE)
    memory.write(0, content)
    buffer = page_aligned(sum(length for _, length in RUNS))
    copy_runs(memory.view(), RUNS, buffer)
    assert bytes(buffer) == b"".join(content[start : start + length] for start, length in RUNS)
    memory.write(0, bytes(PAGES * HOST_PAGE))
    write_runs(memory.address, RUNS, buffer)
    expected = bytearray(PAGES * HOST_PAGE)
    for start, length in RUNS:
        expected[start : start + length] = content[start : start + length]
    assert memory.content() == expected
    memory.close()


def test_joined_parts_stand_one_after_the_other() -> None:
    assert bytes(joined([b"ab", b"", b"c"])) == b"abc"
