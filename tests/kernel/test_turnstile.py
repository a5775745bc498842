"""Threads are brought into place by looking at what waits, never by sleeping."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from wasm_interp._core.kernel import turnstile as turnstile_module
from wasm_interp._core.kernel.turnstile import Turnstile

PATIENCE_SECONDS = 30.0


class Visitor(threading.Thread):
    """Goes through a turnstile, notes its name there, and stays until it is let out."""

    def __init__(self, turnstile: Turnstile, name: str, order: list[str]) -> None:
        super().__init__(name=name, daemon=True)
        self._turnstile = turnstile
        self._order = order
        self.entered = threading.Event()
        self.may_leave = threading.Event()

    def run(self) -> None:
        with self._turnstile:
            self._order.append(self.name)
            self.entered.set()
            assert self.may_leave.wait(PATIENCE_SECONDS)


def until(condition: Callable[[], bool]) -> None:
    turn = threading.Event()
    for _ in range(int(PATIENCE_SECONDS / 0.001)):
        if condition():
            return
        turn.wait(0.001)
    raise AssertionError("waited in vain")


def queued(turnstile: Turnstile, count: int, order: list[str]) -> list[Visitor]:
    """One visitor inside and the rest waiting, in the order of their names."""
    visitors = []
    for index in range(count):
        visitor = Visitor(turnstile, str(index), order)
        visitor.start()
        visitors.append(visitor)
        if index == 0:
            assert visitor.entered.wait(PATIENCE_SECONDS)
        else:
            until(lambda expected=index: len(turnstile._waiting) == expected)
    return visitors


def test_one_at_a_time_in_the_order_they_came() -> None:
    turnstile, order = Turnstile(), []
    visitors = queued(turnstile, 8, order)
    for index, visitor in enumerate(visitors):
        assert visitor.entered.wait(PATIENCE_SECONDS)
        assert order == [str(n) for n in range(index + 1)]
        visitor.may_leave.set()
    for visitor in visitors:
        visitor.join(PATIENCE_SECONDS)
    with turnstile:
        assert len(order) == 8


def test_an_error_inside_lets_the_next_one_in() -> None:
    turnstile = Turnstile()
    with pytest.raises(ValueError, match=r"^inside$"), turnstile:
        raise ValueError("inside")
    with turnstile:
        pass


class InterruptedLock:
    """A lock whose second ``acquire``, the one that waits, is ended by Ctrl-C: at once, or as the turn comes."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self) -> None:
        self._taken = False

    def acquire(self) -> bool:
        if self._taken:
            self.meanwhile()
            raise KeyboardInterrupt
        self._taken = True
        return True

    def release(self) -> None:
        self._taken = False


@pytest.fixture
def interrupted_wait(monkeypatch: pytest.MonkeyPatch) -> type[InterruptedLock]:
    monkeypatch.setattr(InterruptedLock, "meanwhile", staticmethod(lambda: None))
    return InterruptedLock


def test_a_waiter_that_gives_up_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, interrupted_wait: type[InterruptedLock]
) -> None:
    turnstile, order = Turnstile(), []
    first, second = queued(turnstile, 2, order)
    monkeypatch.setattr(turnstile_module, "Lock", interrupted_wait)
    with pytest.raises(KeyboardInterrupt), turnstile:
        order.append("never")
    assert len(turnstile._waiting) == 1
    for visitor in (first, second):
        visitor.may_leave.set()
        visitor.join(PATIENCE_SECONDS)
    assert order == ["0", "1"]
    assert not turnstile._held


def test_a_waiter_that_gives_up_as_its_turn_comes_hands_it_on(
    monkeypatch: pytest.MonkeyPatch, interrupted_wait: type[InterruptedLock]
) -> None:
    turnstile, order = Turnstile(), []
    (first,) = queued(turnstile, 1, order)
    last = Visitor(turnstile, "last", order)
    real_lock = turnstile_module.Lock

    def turn_comes() -> None:
        monkeypatch.setattr(turnstile_module, "Lock", real_lock)
        last.start()
        until(lambda: len(turnstile._waiting) == 2)
        first.may_leave.set()
        first.join(PATIENCE_SECONDS)
        assert len(turnstile._waiting) == 1  # the turn is ours now

    monkeypatch.setattr(interrupted_wait, "meanwhile", staticmethod(turn_comes))
    monkeypatch.setattr(turnstile_module, "Lock", interrupted_wait)
    with pytest.raises(KeyboardInterrupt), turnstile:
        order.append("never")
    last.may_leave.set()
    last.join(PATIENCE_SECONDS)
    assert order == ["0", "last"]
    assert not turnstile._held
