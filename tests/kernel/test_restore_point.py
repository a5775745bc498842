"""The policy of rollback, and the open files that come back with the memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.guests import MIB, new_fs
from tests.images.linear_memory import NEEDS_LINUX
from tests.kernel.fake import ABORT, COUNT, DONE, fake_template
from wasm_interp import ExecutionResult, Limits, StateAfterStop
from wasm_interp._core.engine import Instance
from wasm_interp._core.kernel import restore_point
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.restore_point import RestorePoint
from wasm_interp._core.kernel.runs import Run
from wasm_interp._core.languages.base import Start
from wasm_interp._core.vfs import FileSystem
from wasm_interp._core.wasi.descriptors import Descriptor
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import WasiState

pytestmark = NEEDS_LINUX
BUDGET = restore_point._BUDGET_BYTES
PER_SECOND = restore_point._REFILL_BYTES_PER_SECOND


@pytest.fixture
def fs() -> FileSystem:
    return new_fs()


class Session:
    """One instance of the fake guest, and its restore point."""

    def __init__(self, fs: FileSystem, **limits: object) -> None:
        self.fs = fs
        self.point = RestorePoint(fake_template(), fs, Limits(**limits), None)  # type: ignore[arg-type]
        self.instance = self.new_instance()

    def new_instance(self) -> Instance:
        template = fake_template()
        files = restore_point.FileTable(self.fs, 64, self.point.files)
        wasi = WasiState(GuestMemory(lambda: memoryview(b"")), self.fs, files, lambda stream, data: None)
        made = Instance(template.engine, template.module, wasi, lambda sent: b"", 1 << 30)
        self.point.place(made)
        return made

    def write(self, megabytes: int, value: bytes = b"x") -> None:
        """Change so many megabytes of memory."""
        self.instance.memory.whole()
        self.instance.memory.write(1 * MIB, value * (megabytes * MIB))

    def take(self) -> bool:
        self.point.take(self.instance, None)
        return self.point.is_valid

    def lose(self) -> None:
        self.instance.wasi.files.close_all()
        self.instance.close()
        if not self.point.is_valid:
            self.point.begin_anew()
        self.instance = self.new_instance()

    def open(self, path: str, content: bytes) -> int:
        ino = self.fs.open(self.fs.root, path, follow=True, create=True, exclusive=False, truncate=False, write=True)
        self.fs.write(ino, 0, content)
        return self.instance.wasi.files.add(Descriptor(ino, offset=2))

    def close(self) -> None:
        self.instance.wasi.files.close_all()
        self.instance.close()
        self.point.close()


@pytest.fixture
def session(fs: FileSystem) -> Iterator[Session]:
    made = Session(fs)
    yield made
    made.close()


def test_before_any_run_there_is_the_beginning_to_come_back_to(session: Session) -> None:
    assert session.point.is_valid


def test_small_changes_cost_nothing_of_the_budget(session: Session) -> None:
    for _ in range(500):
        session.write(1)
        assert session.take()
    assert session.point._budget_bytes == BUDGET


def test_large_changes_again_and_again_without_time_between_are_given_up(session: Session) -> None:
    taken = 0
    while taken < 100:
        session.write(30, bytes([taken]))
        if not session.take():
            break
        taken += 1
    assert taken == BUDGET // (30 * MIB)


def test_time_that_runs_take_fills_the_budget_again_and_no_further(session: Session) -> None:
    session.write(30)
    assert session.take()
    assert session.point._budget_bytes == BUDGET - 30 * MIB
    session.point.ran(10 * MIB / PER_SECOND)
    assert session.point._budget_bytes == BUDGET - 20 * MIB
    session.point.ran(3600.0)
    assert session.point._budget_bytes == BUDGET


def test_always_has_no_budget(fs: FileSystem) -> None:
    session = Session(fs, rollback="always")
    for value in range(12):
        session.write(30, bytes([value]))
        assert session.take()
    session.close()


def test_off_remembers_nothing(fs: FileSystem) -> None:
    session = Session(fs, rollback="off")
    assert not session.take()
    session.close()


def test_memory_and_open_files_come_back_together(fs: FileSystem, session: Session) -> None:
    number = session.open("note", b"content")
    session.write(1, b"a")
    assert session.take()
    session.write(1, b"b")
    session.instance.wasi.files.get(number).offset = 5
    session.instance.wasi.files.close(number)
    fs.unlink(fs.root, "note")
    session.lose()
    assert session.instance.memory.read(1 * MIB, 3) == b"aaa"
    found = session.instance.wasi.files.get(number)
    assert (found.offset, bytes(fs.read(found.ino, 0, 100))) == (2, b"content")


def test_files_that_nobody_has_open_any_more_are_gone(fs: FileSystem, session: Session) -> None:
    number = session.open("note", b"x" * 1_000)
    assert session.take()
    fs.unlink(fs.root, "note")
    session.instance.wasi.files.close(number)
    assert fs.usage().bytes == 1_000  # the restore point has it open
    assert session.take()
    assert fs.usage().bytes == 0


def test_closing_gives_up_the_open_files(fs: FileSystem) -> None:
    session = Session(fs)
    session.open("note", b"x" * 1_000)
    session.take()
    fs.unlink(fs.root, "note")
    session.close()
    assert fs.usage().bytes == 0


def test_beginning_anew_gives_up_what_was_open(fs: FileSystem, session: Session) -> None:
    session.open("note", b"x" * 1_000)
    session.take()
    fs.unlink(fs.root, "note")
    session.write(30)
    session.point._budget_bytes = 29 * MIB
    assert not session.take()
    session.lose()
    assert fs.usage().bytes == 0
    assert session.instance.memory.read(1 * MIB, 1) == b"\0"
    assert session.point.is_valid


# When the state is lost


def state_of(result: ExecutionResult) -> StateAfterStop | None:
    return result.stopped and result.stopped.state


@pytest.mark.parametrize(
    ("rollback", "runs_before", "state"),
    [
        ("auto", 0, StateAfterStop.ROLLED_BACK),
        ("always", 0, StateAfterStop.ROLLED_BACK),
        ("off", 0, StateAfterStop.ROLLED_BACK),  # to the beginning, which nothing was added to
        ("auto", 1, StateAfterStop.ROLLED_BACK),
        ("always", 1, StateAfterStop.ROLLED_BACK),
        ("off", 1, StateAfterStop.LOST),
    ],
)
def test_state_is_lost_only_where_nothing_was_kept(
    fs: FileSystem, rollback: str, runs_before: int, state: StateAfterStop
) -> None:
    kernel = Kernel(fake_template(), fs, Limits(rollback=rollback), Start("/", {}))  # type: ignore[arg-type]
    for _ in range(runs_before):
        assert kernel.execute(Run(COUNT + DONE, 10.0)).stdout == "1"
    assert state_of(kernel.execute(Run(COUNT + ABORT, 10.0))) is state
    expected = runs_before + 1 if state is StateAfterStop.ROLLED_BACK else 1
    assert kernel.execute(Run(COUNT + DONE, 10.0)).stdout == str(expected)
    kernel.close()
