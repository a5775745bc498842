"""Asking a guest, and taking its memory away: who may touch what, and when."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from wasm_interp._core.engine import means
from wasm_interp._core.engine.means import Asker, ByEpochs, ByProtection, MemoryGate

BASE = 0x7000_0000_0000


@pytest.fixture
def memory() -> bytearray:
    return bytearray(b"\xff\0\0\0" + b"\0\0\0\x80" + b"untouched...")


@pytest.fixture
def gate() -> MemoryGate:
    return MemoryGate()


@pytest.fixture
def asker(gate: MemoryGate, memory: bytearray) -> Asker:
    made = Asker(gate, lambda: memoryview(memory))
    made.use(((0, 0x100), (4, 1)))
    return made


@contextmanager
def held(gate: MemoryGate) -> Iterator[None]:
    """A host function at work on another thread."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with gate.lock:
            taken.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    yield
    done.set()
    thread.join()


def test_asking_sets_bits_and_nothing_else(asker: Asker, memory: bytearray) -> None:
    assert asker.ask() is True
    assert memory == b"\xff\x01\0\0" + b"\x01\0\0\x80" + b"untouched..."


def test_a_guest_that_has_not_noticed_is_asked_again(asker: Asker, memory: bytearray) -> None:
    """Its own write to one of the words, begun before ours, undid a bit."""
    asker.ask()
    memory[1] = 0
    asker.ask()
    assert memory[:8] == b"\xff\x01\0\0\x01\0\0\x80"


def test_a_guest_that_has_noticed_is_left_alone_until_its_next_run(asker: Asker, memory: bytearray) -> None:
    asker.ask()
    memory[1] = memory[4] = 0
    assert asker.ask() is True
    assert memory[:8] == b"\xff\0\0\0\0\0\0\x80"
    asker.begin()
    asker.ask()
    assert memory[:8] == b"\xff\x01\0\0\x01\0\0\x80"


def test_a_guest_in_a_host_function_is_asked_later(asker: Asker, gate: MemoryGate, memory: bytearray) -> None:
    before = bytes(memory)
    with held(gate):
        assert asker.ask() is True
        assert memory == before
    asker.ask()
    assert memory != before


def test_a_guest_whose_memory_was_taken_is_not_touched(asker: Asker, gate: MemoryGate, memory: bytearray) -> None:
    before = bytes(memory)
    gate.is_shut = True
    asker.ask()
    assert memory == before


def test_without_words_only_a_guest_that_polls_can_be_asked(gate: MemoryGate) -> None:
    asker = Asker(gate, lambda: memoryview(b""))
    assert asker.ask() is False
    asker.is_polled = True
    assert asker.ask() is True


@pytest.fixture
def protected(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], list[int]]:
    """Stands in for mprotect: answers whether it worked, and notes what it was told to protect."""

    def install(works: bool) -> list[int]:
        bases: list[int] = []
        monkeypatch.setattr(means, "_protect", lambda base: bases.append(base) or works)
        return bases

    return install


def test_ending_takes_the_memory_and_shuts_the_gate_for_good(
    asker: Asker, gate: MemoryGate, protected: Callable[[bool], list[int]]
) -> None:
    """It is taken anew at each tick: the guest may have grown it in between."""
    way = ByProtection(asker, gate, BASE)
    first = protected(True)
    way.end()
    assert (first, gate.is_shut) == ([BASE], True)
    second = protected(False)
    way.end()
    assert (second, gate.is_shut) == ([BASE], True)


def test_a_guest_in_a_host_function_keeps_its_memory(
    asker: Asker, gate: MemoryGate, protected: Callable[[bool], list[int]]
) -> None:
    bases = protected(True)
    way = ByProtection(asker, gate, BASE)
    with held(gate):
        way.end()
        assert (bases, gate.is_shut) == ([], False)
    way.end()
    assert (bases, gate.is_shut) == ([BASE], True)


def test_a_system_that_refuses_is_asked_again(
    asker: Asker, gate: MemoryGate, protected: Callable[[bool], list[int]]
) -> None:
    bases = protected(False)
    way = ByProtection(asker, gate, BASE)
    way.end()
    assert gate.is_shut is False
    way.end()
    assert bases == [BASE, BASE]


def test_an_address_that_cannot_be_protected_is_a_refusal() -> None:
    assert means._protect(BASE + 1) is False


def test_with_epochs_the_guest_ends_itself(asker: Asker, gate: MemoryGate, memory: bytearray) -> None:
    way = ByEpochs(asker)
    assert way.ask() is True
    way.end()
    assert gate.is_shut is False
    assert memory[1] == 1
