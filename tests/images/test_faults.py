"""That a thread's page faults tell whether it wrote to a page that it had not written before."""

from __future__ import annotations

import itertools
import random
import threading
from unittest import mock

import pytest

from tests.images.linear_memory import HOST_PAGE, NEEDS_LINUX, LinearMemory
from wasm_interp import CodeContext, Sandbox
from wasm_interp._core.images import faults
from wasm_interp._core.images.checkpoint import Checkpoint
from wasm_interp._core.images.dirty import PagemapRead, Runs

pytestmark = NEEDS_LINUX
PAGES = 64
CELLS = (
    "1 + 1",
    "x = [i for i in range(2_000)]; len(x)",
    "import numpy as np; a = np.random.rand(100, 100); float((a @ a).sum()) > 0",
    "big = bytearray(8_000_000); len(big)",
    "del big",
    "print('y' * 10_000)",
    "1 / 0",
    "while True: pass",
)


def test_a_first_write_to_a_page_is_a_fault_and_a_second_is_none() -> None:
    memory = LinearMemory(PAGES * HOST_PAGE, PAGES * HOST_PAGE)
    count = faults.fault_counter()
    assert count is not None
    for page in range(PAGES):
        before = count()
        memory.write(page * HOST_PAGE, b"x")
        assert count() > before
    unchanged = 0
    for page in range(PAGES):
        before = count()
        memory.write(page * HOST_PAGE, b"y")
        unchanged += count() == before
    assert unchanged > PAGES // 2  # the interpreter around it may take a fault of its own
    memory.close()


def test_each_thread_has_its_own_count() -> None:
    memory = LinearMemory(PAGES * HOST_PAGE, PAGES * HOST_PAGE)
    taken: list[int] = []

    def write() -> None:
        before = faults.thread_faults()
        memory.write(0, b"x" * PAGES * HOST_PAGE)
        taken.append(faults.thread_faults() - before)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert taken[0] >= PAGES
    memory.close()


def test_a_system_that_does_not_count_is_found_out() -> None:
    assert not faults._counts(lambda: 0)
    assert faults._counts(itertools.count().__next__)


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_what_is_taken_for_written_is_what_the_system_says(language: str) -> None:
    """In real contexts, with cells of all kinds: the pages asked for each time, against those remembered."""
    asked: list[bool] = []

    def checked(checkpoint: Checkpoint, address: int, length: int, *, may_have_more: bool) -> Runs:
        runs: Runs = original(checkpoint, address, length, may_have_more=may_have_more)
        assert pages(runs) == pages(PagemapRead().runs(address, length))
        asked.append(may_have_more)
        return runs

    original = Checkpoint._written
    with mock.patch.object(Checkpoint, "_written", checked), Sandbox() as sandbox:
        context = sandbox.create_code_context(language)
        use(context, CELLS if language == "python" else JAVASCRIPT_CELLS)
    assert {True, False} <= set(asked)


JAVASCRIPT_CELLS = (
    "1 + 1",
    "let x = [...Array(2000).keys()]; x.length",
    "let big = new Uint8Array(8e6); big.fill(7); big.length",
    "console.log('y'.repeat(10000))",
    "null.x",
    "while (true);",
)


def use(context: CodeContext, cells: tuple[str, ...]) -> None:
    chance = random.Random(7)
    for _ in range(40):
        context.run(chance.choice(cells), timeout=0.5)
        for _ in range(3):
            assert context.run("1 + 1").text == "2"


def pages(runs: Runs) -> set[int]:
    return {page for offset, length in runs for page in range(offset // HOST_PAGE, (offset + length) // HOST_PAGE)}
