from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
from wasm_interp_kernel import entropy


@pytest.fixture
def module() -> Iterator[ModuleType]:
    made = ModuleType("kernel_test_module")
    made.generator = random.Random(1)  # type: ignore[attr-defined]
    made.system = random.SystemRandom()  # type: ignore[attr-defined]
    sys.modules[made.__name__] = made
    entropy.collect()
    yield made
    del sys.modules[made.__name__]
    entropy.collect()


def draws(module: ModuleType) -> list[float]:
    return [random.random(), module.generator.random()]


def test_generators_of_modules_draw_anew(module: ModuleType) -> None:
    state = [random.getstate(), module.generator.getstate()]
    first = draws(module)
    random.setstate(state[0])
    module.generator.setstate(state[1])
    entropy.reseed()
    assert set(draws(module)).isdisjoint(first)


def test_a_seed_gives_the_same_draws_again(module: ModuleType) -> None:
    entropy.reseed("00ff")
    first = draws(module)
    entropy.reseed("00ff")
    assert draws(module) == first
    entropy.reseed("00fe")
    assert draws(module) != first


def test_generators_do_not_share_a_stream(module: ModuleType) -> None:
    entropy.reseed("00ff")
    here, there = draws(module)
    assert here != there


def test_names_drawn_from_the_image_are_forgotten(module: ModuleType) -> None:
    import tempfile

    tempfile._name_sequence = object()  # type: ignore[attr-defined]
    entropy.reseed()
    assert tempfile._name_sequence is None  # type: ignore[attr-defined]
