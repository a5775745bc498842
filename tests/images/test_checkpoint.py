"""Checkpoints of plain memory against a model: what it was, byte for byte."""

from __future__ import annotations

import errno
import os
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.images.linear_memory import HOST_PAGE, NEEDS_LINUX, LinearMemory
from wasm_interp._core.images import checkpoint as checkpoints
from wasm_interp._core.images.arena import Arena, Region
from wasm_interp._core.images.checkpoint import Checkpoint, Sealed
from wasm_interp._core.images.dirty import PagemapRead
from wasm_interp._core.images.image import PAGE_BYTES, Image, Run, whole_file_image
from wasm_interp._core.images.mapping import CopyOnWriteMapper, MappingBudget

pytestmark = NEEDS_LINUX
BASE_BYTES, MOST_BYTES = 8 * PAGE_BYTES, 24 * PAGE_BYTES
ASIDE = checkpoints.COPIED_ASIDE_BYTES


class BrittleMapper(CopyOnWriteMapper):
    """Maps so many runs, and then no more."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 10**9

    def _map(self, descriptor: int, run: Run, target: int) -> None:
        if self.left <= 0:
            raise OSError(errno.ENOMEM, "no more mappings")
        self.left -= 1
        super()._map(descriptor, run, target)


@dataclass
class Machine:
    """What all sessions of a test share."""

    arena: Arena
    base: Image
    base_content: bytes
    mapper: BrittleMapper
    budget: MappingBudget


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryFile() as file:
        yield new_machine(file)


def new_machine(file: object, mappings: int = 10_000) -> Machine:
    content = random.Random(5).randbytes(BASE_BYTES)
    file.write(content)  # type: ignore[attr-defined]
    file.flush()  # type: ignore[attr-defined]
    descriptor = file.fileno()  # type: ignore[attr-defined]
    return Machine(Arena(), whole_file_image(descriptor, BASE_BYTES), content, BrittleMapper(), MappingBudget(mappings))


class Session:
    """An instance's memory, the checkpoint that follows it, and what the memory was when that last succeeded."""

    def __init__(self, machine: Machine, base: Sealed | None = None, content: bytes | None = None) -> None:
        self.machine = machine
        sealed = base or Sealed(machine.base)
        self.checkpoint = Checkpoint(sealed, PagemapRead(), machine.arena, machine.mapper, machine.budget)
        self.base, self.base_content = sealed, content or machine.base_content
        self.saved: bytes | None = self.base_content
        self.memory = self._new_memory()

    def write(self, offset: int, data: bytes) -> None:
        self.memory.write(offset, data)

    def take(self, most_bytes: int | None = None, *, may_have_more: bool = True) -> bool:
        content = self.memory.content()
        memory = self.memory
        done = self.checkpoint.take(memory.view(), memory.address, most_bytes, may_have_more=may_have_more)
        assert self.memory.content() == content  # whether it could be remembered or not
        assert self.checkpoint.is_valid == done
        self.saved = content if done else None
        return done

    def seal(self) -> Sealed:
        content = self.memory.content()
        sealed = self.checkpoint.seal(self.memory.view(), self.memory.address)
        assert self.memory.content() == content
        self.saved = self.base_content = content
        self.base = sealed
        return sealed

    def lose(self) -> None:
        """The instance is gone, and another takes its place."""
        self.memory.close()
        if not self.checkpoint.is_valid:
            self.checkpoint.restart(Sealed(self.machine.base))
            self.saved = self.machine.base_content
        self.memory = self._new_memory()

    def _new_memory(self) -> LinearMemory:
        memory = LinearMemory(MOST_BYTES, self.checkpoint.size_bytes)
        self.checkpoint.place(memory.address)
        assert memory.content() == self.saved
        return memory

    def close(self) -> None:
        self.memory.close()
        self.checkpoint.close()


@pytest.fixture
def session(machine: Machine) -> Iterator[Session]:
    made = Session(machine)
    yield made
    made.close()


def used_bytes(machine: Machine) -> int:
    region = machine.arena.new_region()
    try:
        return os.fstat(region.descriptor).st_blocks * 512
    finally:
        region.release()


# Step by step


def test_before_any_take_the_base_comes_back(session: Session) -> None:
    session.write(100, b"written")
    session.lose()


def test_a_few_pages_are_copied_aside_and_cost_no_file(machine: Machine, session: Session) -> None:
    session.write(100, b"written")
    assert session.take()
    assert session.checkpoint.taken_bytes == 0
    assert used_bytes(machine) == 0
    session.write(100, b"changed")
    session.lose()


def test_many_pages_are_kept_and_met_only_once(machine: Machine) -> None:
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", 4 * HOST_PAGE):
        session = Session(machine)
        session.write(0, b"x" * 5 * PAGE_BYTES)
        assert session.take()
        assert session.checkpoint.taken_bytes == 5 * PAGE_BYTES
        assert used_bytes(machine) == 5 * PAGE_BYTES
        session.write(7 * PAGE_BYTES, b"y")
        assert session.take()
        assert session.checkpoint.taken_bytes == 0
        session.lose()
        session.lose()
        session.close()
        assert used_bytes(machine) == 0


def test_the_system_is_not_asked_again_while_no_page_was_added(session: Session) -> None:
    session.write(100, b"written")
    assert session.take()
    with mock.patch.object(PagemapRead, "runs", side_effect=AssertionError):
        session.write(100, b"changed")
        assert session.take(may_have_more=False)
    session.lose()
    assert session.memory.content()[100:107] == b"changed"


def test_pages_of_memory_that_grew_are_asked_for_each_time(session: Session) -> None:
    session.memory.size = MOST_BYTES
    session.write(100, b"written")
    assert session.take()
    session.write(BASE_BYTES + 5, b"not mapped from a file")
    assert session.take(may_have_more=False)
    session.lose()


def test_what_was_too_dear_is_not_asked_again_while_no_page_was_added(machine: Machine) -> None:
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", 4 * HOST_PAGE):
        session = Session(machine)
        session.write(0, b"x" * 5 * PAGE_BYTES)
        assert not session.take(PAGE_BYTES)
        with mock.patch.object(PagemapRead, "runs", side_effect=AssertionError):
            assert not session.take(PAGE_BYTES, may_have_more=False)
        assert session.take(5 * PAGE_BYTES, may_have_more=False)
        session.lose()
        session.close()


def test_after_pages_were_mapped_the_system_is_asked_again(machine: Machine) -> None:
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", 4 * HOST_PAGE):
        session = Session(machine)
        session.write(0, b"x" * 5 * PAGE_BYTES)
        assert session.take()
        assert session.take(may_have_more=False)
        assert session.checkpoint.taken_bytes == 0  # they are not copied again
        session.close()


def test_memory_that_grew_comes_back_grown_and_to_its_former_size(session: Session) -> None:
    session.memory.size = BASE_BYTES + 3 * PAGE_BYTES
    session.write(BASE_BYTES + PAGE_BYTES, b"in the new part")
    assert session.take()
    session.memory.size = MOST_BYTES
    session.write(MOST_BYTES - 9, b"after all")
    session.lose()
    assert session.memory.size == BASE_BYTES + 3 * PAGE_BYTES


def test_a_price_over_the_budget_is_refused_and_nothing_remembered(machine: Machine) -> None:
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", 4 * HOST_PAGE):
        session = Session(machine)
        session.write(0, b"x" * 5 * PAGE_BYTES)
        assert not session.take(5 * PAGE_BYTES - 1)
        assert session.checkpoint.taken_bytes == 0
        assert session.take(5 * PAGE_BYTES)
        session.lose()
        session.close()


def test_pages_here_and_there_are_not_kept_with_all_that_lies_between(machine: Machine) -> None:
    """1,000 pages all over a gigabyte would else be a gigabyte, at each take."""
    runs = [(index * (1 << 20), HOST_PAGE) for index in range(1_000)]
    mapped, aside = checkpoints._parted(runs, ASIDE, at_once=ASIDE)
    assert (mapped, aside) == ([], runs)


def test_many_neighbours_are_joined_to_a_bounded_number_of_runs() -> None:
    runs = [(index * 2 * HOST_PAGE, HOST_PAGE) for index in range(10_000)]
    mapped, aside = checkpoints._parted(runs, ASIDE, at_once=ASIDE)
    assert aside == []
    assert len(mapped) <= 256
    assert sum(length for _, length in mapped) <= 2 * sum(length for _, length in runs)
    covered = {page for at, length in mapped for page in range(at, at + length, HOST_PAGE)}
    assert {at for at, _ in runs} <= covered


def test_forgetting_begins_again_from_the_base(machine: Machine, session: Session) -> None:
    session.write(0, b"x" * 3 * PAGE_BYTES)
    session.take()
    session.checkpoint.invalidate()
    assert not session.checkpoint.is_valid
    session.lose()
    assert session.memory.content() == machine.base_content


def test_mappings_of_the_same_pages_count_once(machine: Machine) -> None:
    """A session that writes the same large part in each of its runs never comes to the end of the budget."""
    machine.budget = MappingBudget(10)
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", HOST_PAGE):
        session = Session(machine)
        for round_ in range(50):
            session.write((round_ % 3) * PAGE_BYTES, bytes([round_]) * (2 * PAGE_BYTES))
            assert session.take()
            runs = PagemapRead().runs(session.memory.address, session.memory.size)
            assert runs == []  # all of it has been mapped
        session.lose()
        session.close()
    assert machine.budget.take(10)


def test_without_mappings_left_it_works_all_the_same(machine: Machine) -> None:
    machine.budget = MappingBudget(0)
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", HOST_PAGE):
        session = Session(machine)
        for round_ in range(3):
            session.write(round_ * PAGE_BYTES, b"x" * 2 * PAGE_BYTES)
            assert session.take()
        session.write(0, b"y")
        session.lose()
        session.close()


@pytest.mark.parametrize("mapped_runs", [0, 1, 2, 3])
def test_a_system_that_refuses_a_mapping_half_way_costs_only_that_take(machine: Machine, mapped_runs: int) -> None:
    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", HOST_PAGE):
        session = Session(machine)
        for page in (0, 2, 4, 6):
            session.write(page * PAGE_BYTES, b"x" * PAGE_BYTES)
        machine.mapper.left = mapped_runs
        assert not session.take()
        machine.mapper.left = 10**9
        session.write(100, b"y")
        assert session.take()
        session.write(0, b"z" * BASE_BYTES)
        session.lose()  # also what was mapped in the take that failed is there
        session.close()


@pytest.mark.parametrize("written_runs", [0, 1, 2, 3])
def test_a_system_without_memory_costs_only_that_take(machine: Machine, written_runs: int) -> None:
    real, left = Region.write, [written_runs]

    def write(region: Region, address: int, data: memoryview) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, "no memory")
        left[0] -= 1
        real(region, address, data)

    with mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", HOST_PAGE):
        session = Session(machine)
        for page in (0, 2, 4, 6):
            session.write(page * PAGE_BYTES, b"x" * PAGE_BYTES)
        with mock.patch.object(Region, "write", write):
            assert not session.take()
        session.write(100, b"y")
        assert session.take()
        session.write(0, b"z" * BASE_BYTES)
        session.lose()
        session.close()


def test_a_layer_that_a_later_one_covers_is_let_go(machine: Machine) -> None:
    session = Session(machine)
    held = []
    for byte in b"abcd":
        session.write(0, bytes([byte]) * 5 * PAGE_BYTES)
        held.append(session.seal())
        assert len(held[-1].image.layers) == 2  # the template's, and one
    assert used_bytes(machine) == 4 * 5 * PAGE_BYTES  # as long as somebody holds them
    for sealed in held:
        sealed.release()
    assert used_bytes(machine) == 5 * PAGE_BYTES
    session.lose()
    session.close()
    assert used_bytes(machine) == 0


def test_a_layer_of_which_something_is_seen_stays(machine: Machine) -> None:
    session = Session(machine)
    for first in (0, 1):
        session.write(first * PAGE_BYTES, b"x" * 5 * PAGE_BYTES)
        session.seal().release()
    assert used_bytes(machine) == 10 * PAGE_BYTES
    session.lose()
    session.close()


def test_closing_twice_is_closing(machine: Machine) -> None:
    session = Session(machine)
    session.close()
    session.checkpoint.close()
    assert used_bytes(machine) == 0


# Anything, in any order

OFFSETS = st.integers(0, MOST_BYTES - 1)


class AnySession(RuleBasedStateMachine):
    """Writes, growth, takes, losses and forks, with thresholds so low that every path is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = [
            mock.patch.object(checkpoints, "COPIED_ASIDE_BYTES", 6 * HOST_PAGE),
            mock.patch.object(checkpoints, "SCATTERED_BYTES", 5 * HOST_PAGE),
            mock.patch.object(checkpoints, "LONG_BYTES", 3 * HOST_PAGE),
            mock.patch.object(checkpoints, "MOST_RUNS", 4),
            mock.patch.object(checkpoints, "_MOST_LAYERS", 3),
        ]
        for patch in self.patches:
            patch.start()
        self.file = tempfile.TemporaryFile()  # noqa: SIM115
        self.machine = new_machine(self.file, mappings=60)
        self.sessions = [Session(self.machine)]
        self.seals: list[tuple[Sealed, bytes]] = []

    def session(self, number: int) -> Session:
        return self.sessions[number % len(self.sessions)]

    @rule(number=st.integers(0, 3), offset=OFFSETS, length=st.integers(1, 90_000), value=st.integers(0, 255))
    def write(self, number: int, offset: int, length: int, value: int) -> None:
        session = self.session(number)
        offset %= session.memory.size
        session.write(offset, bytes([value]) * min(length, session.memory.size - offset))

    @rule(number=st.integers(0, 3), first=st.integers(0, 9), step=st.integers(2, 20), count=st.integers(1, 40))
    def write_here_and_there(self, number: int, first: int, step: int, count: int) -> None:
        session = self.session(number)
        for page in range(first, first + step * count, step):
            if (page + 1) * HOST_PAGE <= session.memory.size:
                session.write(page * HOST_PAGE + 11, b"here")

    @rule(number=st.integers(0, 3), pages=st.integers(1, 4))
    def grow(self, number: int, pages: int) -> None:
        session = self.session(number)
        session.memory.size = min(session.memory.size + pages * PAGE_BYTES, MOST_BYTES)

    @rule(number=st.integers(0, 3), most_bytes=st.sampled_from([None, None, 0, 10 * HOST_PAGE]))
    def take(self, number: int, most_bytes: int | None) -> None:
        assert self.session(number).take(most_bytes) or most_bytes is not None

    @rule(number=st.integers(0, 3), runs=st.integers(0, 3))
    def take_while_mappings_are_refused(self, number: int, runs: int) -> None:
        self.machine.mapper.left = runs
        self.session(number).take()
        self.machine.mapper.left = 10**9

    @rule(number=st.integers(0, 3))
    def lose(self, number: int) -> None:
        self.session(number).lose()

    @rule(number=st.integers(0, 3))
    def fork(self, number: int) -> None:
        if len(self.sessions) == 4:
            return
        session = self.session(number)
        sealed = session.seal()
        self.sessions.append(Session(self.machine, sealed, session.memory.content()))
        sealed.release()

    @rule(number=st.integers(0, 3))
    def seal(self, number: int) -> None:
        session = self.session(number)
        self.seals.append((session.seal(), session.memory.content()))

    @rule(number=st.integers(0, 3))
    def end(self, number: int) -> None:
        if len(self.sessions) > 1:
            self.sessions.pop(number % len(self.sessions)).close()

    @invariant()
    def sealed_memory_never_changes(self) -> None:
        for sealed, content in self.seals[-2:]:
            Session(self.machine, sealed, content).close()

    def teardown(self) -> None:
        for session in self.sessions:
            session.close()
        for sealed, _ in self.seals:
            sealed.release()
        assert used_bytes(self.machine) == 0
        assert self.machine.budget.take(60)
        self.file.close()
        for patch in self.patches:
            patch.stop()


TestAnySession = AnySession.TestCase
TestAnySession.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnySession.pytestmark = [NEEDS_LINUX]
