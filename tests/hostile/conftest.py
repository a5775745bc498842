"""A context to attack, and what must hold afterwards whatever was done to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.hostile.cells import GENEROUS_SECONDS, keeps_its_state
from tests.hostile.footprint import MIB, expect_back, footprint, settled
from wasm_interp import CodeContext, Limits, Sandbox
from wasm_interp._core.images.mapping import mapping_budget


@pytest.fixture(scope="session")
def _warm() -> None:
    """What is made once for all contexts is made before anything is counted."""
    with Sandbox() as sandbox:
        for code in ("1 + 1", "import os; os._exit(1)", "1 + 1"):
            sandbox.run_code(code)


@pytest.fixture
def attacked(_warm: None) -> Iterator[CodeContext]:
    """A context that holds ``kept = 1``.

    Afterwards it answers and has kept that, and so does its neighbour; when both are closed, the process has back its
    memory, descriptors, threads and mappings.
    """
    start = settled(footprint()) if sys.platform == "linux" else None
    mappings_left = mapping_budget()._left
    with Sandbox(limits=Limits(file_bytes=20 * MIB, file_count=500, output_bytes=4 * MIB)) as sandbox:
        neighbour, context = sandbox.create_code_context(), sandbox.create_code_context()
        for each in (neighbour, context):
            assert each.run("kept = 1").error is None
        yield context
        for each in (neighbour, context):
            assert each.run("1 + 1", timeout=GENEROUS_SECONDS).text == "2"
            assert keeps_its_state(each)
    assert mapping_budget()._left == mappings_left
    if start is not None:
        expect_back(start, 60 * MIB, 40)
