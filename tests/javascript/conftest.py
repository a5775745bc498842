"""One sandbox for these tests, and a context of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wasm_interp import CodeContext, Sandbox


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def context(shared_sandbox: Sandbox) -> Iterator[CodeContext]:
    with shared_sandbox.create_code_context("javascript") as made:
        yield made
