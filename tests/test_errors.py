from __future__ import annotations

import pickle
import re

import pytest

import wasm_interp
from wasm_interp import errors

TREE = {
    "LimitExceeded": "WasmInterpError",
    "GuestError": "WasmInterpError",
    "ProtocolError": "GuestError",
    "GuestTrapped": "GuestError",
    "FunctionError": "WasmInterpError",
    "SnapshotError": "WasmInterpError",
    "SnapshotFormatError": "SnapshotError",
    "SnapshotMismatch": "SnapshotError",
    "UsageError": "WasmInterpError",
    "ContextNotFound": "UsageError",
    "ContextClosed": "UsageError",
    "UnknownLanguage": "UsageError",
    "RuntimeMissing": "UsageError",
    "WasmInterpError": "Exception",
}


def test_the_tree_is_what_the_contract_says() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    found = {kind.__name__: kind.__base__.__name__ for kind in kinds}
    assert found == TREE


@pytest.mark.parametrize("name", sorted(TREE))
def test_each_error_is_public_documented_and_shows_its_public_name(name: str) -> None:
    error = getattr(wasm_interp, name)
    assert name in wasm_interp.__all__
    assert (error.__module__, error.__doc__ is None) == ("wasm_interp", False)
    assert re.search(rf"\b{name}\b", errors.__doc__ or "")
    assert repr(pickle.loads(pickle.dumps(error("what", 1)))) == repr(error("what", 1))
