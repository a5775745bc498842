from __future__ import annotations

import copy
import dataclasses
import math
import pickle
import re

import pytest

from wasm_interp import Limits, UsageError

NUMBERS = ["memory_bytes", "fuel", "output_bytes", "file_bytes", "file_count", "open_files"]


def test_the_defaults_are_documented() -> None:
    assert dataclasses.asdict(Limits()) == {
        "memory_bytes": 1 << 30,
        "fuel": None,
        "output_bytes": 32 << 20,
        "file_bytes": 512 << 20,
        "file_count": 100_000,
        "open_files": 256,
        "rollback": "auto",
    }
    for name in [*NUMBERS, "rollback"]:
        assert re.search(rf"^ +{name}: .+", Limits.__doc__ or "", re.MULTILINE), name


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, 1.5, math.nan, "1", True, b"1"])
def test_a_limit_is_a_whole_number_of_at_least_0(name: str, value: object) -> None:
    complaint = rf"^Limits\.{name} must be a whole number of at least 0, not {re.escape(repr(value))}$"
    with pytest.raises(UsageError, match=complaint):
        Limits(**{name: value})


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "fuel"])
def test_only_fuel_may_be_none(name: str) -> None:
    with pytest.raises(UsageError, match=rf"^Limits\.{name} must be a whole number of at least 0, not None$"):
        Limits(**{name: None})
    assert Limits(fuel=None).fuel is None


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "memory_bytes"])
def test_nothing_and_very_much_are_limits_too(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) == 0
    assert getattr(Limits(**{name: 10**15}), name) == 10**15


def test_memory_ends_with_its_addresses() -> None:
    assert Limits(memory_bytes=4 << 30).memory_bytes == 4 << 30
    with pytest.raises(
        UsageError, match=r"^Limits\.memory_bytes is 4294967297; 32-bit WebAssembly ends at 4294967296$"
    ):
        Limits(memory_bytes=(4 << 30) + 1)


@pytest.mark.parametrize("value", ["never", "", None, True, "AUTO"])
def test_rollback_is_one_of_three_words(value: object) -> None:
    with pytest.raises(
        UsageError, match=rf"^Limits\.rollback must be one of auto, always, off, not {re.escape(repr(value))}$"
    ):
        Limits(rollback=value)
    assert [Limits(rollback=word).rollback for word in ("auto", "always", "off")] == ["auto", "always", "off"]


def test_limits_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().fuel = 5  # type: ignore[misc]


def test_limits_are_values() -> None:
    limits = Limits(fuel=7, open_files=3)
    assert pickle.loads(pickle.dumps(limits)) == copy.deepcopy(limits) == dataclasses.replace(limits) == limits
    assert hash(limits) == hash(Limits(fuel=7, open_files=3))
    assert dataclasses.replace(limits, fuel=None) == Limits(open_files=3)
    with pytest.raises(UsageError):
        dataclasses.replace(limits, fuel=-7)
