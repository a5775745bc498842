"""Sandboxes for the tests. The template that all of them share is made once, and kept in the cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wasm_interp import CodeContext, Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own: one costs a few milliseconds."""
    with Sandbox() as made:
        yield made


@pytest.fixture
def context(sandbox: Sandbox) -> CodeContext:
    """A context of that sandbox."""
    return sandbox.create_code_context()
