"""Much use in little time: what the process took for it is back at the end."""

from __future__ import annotations

import random
import sys

import pytest

from tests.hostile.footprint import MIB, expect_back, footprint, settled
from wasm_interp import Limits, Sandbox
from wasm_interp._core.images.mapping import mapping_budget

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell what a process takes")
CELLS = [
    "x = [i for i in range(2_000)]; len(x)",
    "import numpy as np; a = np.random.rand(300, 300); float((a @ a).sum()) > 0",
    "import pandas as pd; pd.DataFrame({'a': range(200)}).describe()",
    "open(f'/workspace/f{len(x) % 7}', 'w').write('x' * 100_000)",
    "print('y' * 10_000)",
    "1 / 0",
    "big = bytearray(20_000_000); big[::4096] = b'z' * len(big[::4096]); del big",
    "import json; json.loads(json.dumps({str(i): i for i in range(1_000)})); None",
    "files = [open(f'/tmp/{i}', 'w') for i in range(20)]; [f.close() for f in files]; None",
    "display({'a': 1})",
]


def use(chance: random.Random, cells: int) -> None:
    """Contexts come and go, cells run, are stopped in both ways, and crash."""
    with Sandbox(limits=Limits(file_bytes=20 * MIB)) as sandbox:
        contexts = [sandbox.create_code_context() for _ in range(4)]
        for number in range(cells):
            place = chance.randrange(len(contexts))
            match chance.randrange(60):
                case 0:
                    contexts[place].close()
                    contexts[place] = sandbox.create_code_context()
                case 1:
                    contexts[place].run("while True: pass", timeout=0.005)
                case 2:
                    contexts[place].run("sum(range(10**12))", timeout=0.005)
                case 3:
                    contexts[place].run("import os; os._exit(1)")
                case _:
                    contexts[place].run(CELLS[(number + place) % len(CELLS)])


def test_thousands_of_cells_leave_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.01)
    use(random.Random(0), 200)  # what is made once for all is made here
    start = settled(footprint())
    left = mapping_budget()._left
    for round_ in range(3):
        use(random.Random(round_ + 1), 400)
    expect_back(start, 25 * MIB, 40)
    assert mapping_budget()._left == left


def test_a_long_session_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at twice, each time 49 cells after it was ended by force.

    Right after such an end it has touched next to nothing. In 49 cells it reads 30 MiB of the template's pages again,
    and writes as much, which is kept and mapped in pieces: that is what it takes, and no growth.
    """
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.01)
    start = None
    with Sandbox() as sandbox, sandbox.create_code_context() as context:
        for number in range(1_000):
            if number % 50 == 0:
                context.run("sum(range(10**12))", timeout=0.005)
            context.run(CELLS[number % len(CELLS)])
            if number == 299:
                start = footprint()
        assert start is not None
        expect_back(start, 25 * MIB, 300)


def test_closing_300_contexts_gives_their_memory_back() -> None:
    with Sandbox() as sandbox:
        sandbox.run_code("1 + 1")
        start = settled(footprint())
        contexts = [sandbox.create_code_context() for _ in range(300)]
        for context in contexts:
            assert context.run("x = bytearray(b'x') * 100_000; len(x)").text == "100000"
        full = footprint()
        assert full.pss_bytes > start.pss_bytes + 30 * MIB
        assert full.fds <= start.fds + 1
        for context in contexts:
            context.close()
        del contexts, context
        expect_back(start, 25 * MIB, 40)
        assert sandbox.run_code("1 + 1").text == "2"


def test_a_context_that_held_much_gives_it_back() -> None:
    with Sandbox() as sandbox:
        sandbox.run_code("1 + 1")
        start = settled(footprint())
        with sandbox.create_code_context() as context:
            for _ in range(3):
                assert context.run("big = bytearray(b'x') * (150 << 20); len(big)").error is None
            assert footprint().pss_bytes > start.pss_bytes + 150 * MIB
        expect_back(start, 15 * MIB, 40)
