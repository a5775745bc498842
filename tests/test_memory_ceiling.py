"""A bound on what all contexts of the process grow by together."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from wasm_interp import LimitExceeded, Limits, Sandbox, UsageError, set_memory_ceiling
from wasm_interp.limits import MemoryCeiling, memory_ceiling

MIB = 1 << 20


@pytest.fixture(autouse=True)
def _no_ceiling_after() -> Iterator[None]:
    gc.collect()
    yield
    set_memory_ceiling(None)


def grown() -> int:
    return sum(memory_ceiling._grown.values())


class Owner:
    """Stands for a context."""


def test_without_a_ceiling_there_is_room_without_end() -> None:
    ceiling = MemoryCeiling()
    owner = Owner()
    ceiling.count(owner, 1 << 60)
    assert ceiling.room() is None
    ceiling.check_room()


def test_room_is_what_the_contexts_have_left_of_it() -> None:
    ceiling = MemoryCeiling()
    first, second = Owner(), Owner()
    ceiling.set(100)
    ceiling.count(first, 30)
    ceiling.count(second, 50)
    ceiling.count(first, 40)
    assert ceiling.room() == 10
    ceiling.count(second, 90)
    assert ceiling.room() == 0
    with pytest.raises(
        LimitExceeded,
        match=r"^2 contexts have grown by 130 bytes; the ceiling of this process is 100\. Close contexts",
    ):
        ceiling.check_room()
    ceiling.count(second, 0)
    assert ceiling.room() == 60
    del first
    gc.collect()
    assert ceiling.room() == 100


@pytest.mark.parametrize("value", [-1, 1.5, "1", True])
def test_a_ceiling_is_a_whole_number(value: object) -> None:
    with pytest.raises(UsageError, match=r"^the memory ceiling must be a whole number of at least 0 or None, not "):
        set_memory_ceiling(value)  # type: ignore[arg-type]


def test_a_program_at_the_ceiling_gets_memoryerror_and_its_context_lives(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context()
    context.run("x = 1")
    set_memory_ceiling(grown() + 50 * MIB)
    result = context.run("big = bytearray(100 << 20)")
    assert result.error is not None
    assert (result.error.name, result.stopped) == ("MemoryError", None)
    assert context.run("big = bytearray(30 << 20); x").text == "1"
    set_memory_ceiling(None)
    assert context.run("bigger = bytearray(100 << 20); len(bigger)").error is None


def test_above_the_ceiling_no_context_can_be_made_until_one_is_closed(sandbox: Sandbox) -> None:
    large = sandbox.create_code_context()
    assert large.run("big = bytearray(60 << 20); len(big)").error is None
    set_memory_ceiling(50 * MIB)
    with pytest.raises(LimitExceeded, match="contexts have grown by"):
        sandbox.create_code_context()
    large.close()
    with sandbox.create_code_context() as other:
        assert other.run("1 + 1").text == "2"


def test_a_context_that_was_rolled_back_counts_as_what_it_is_now(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.01)
    context = sandbox.create_code_context(limits=Limits(rollback="always"))
    context.run("x = 1")
    before = grown()
    context.run("big = bytearray(60 << 20)\nimport os; os._exit(1)")
    context.run("x")
    assert grown() == before
