"""The one place where outcomes become numbers."""

import struct

import pytest

from wasm_interp._core.vfs import Errno, FileSystemError
from wasm_interp._core.wasi.calls import CALLS, MODULE, dispatch
from wasm_interp._core.wasi.state import GuestExit


def outcome(error: BaseException | None) -> int:
    """What ``dispatch`` makes of a call that raises ``error``."""

    def call(state: object, number: int) -> None:
        assert number == 7
        if error is not None:
            raise error

    return dispatch(call, None, (7,))  # type: ignore[arg-type]


def test_success_is_zero() -> None:
    assert outcome(None) == 0


@pytest.mark.parametrize("errno", Errno)
def test_a_file_system_error_is_its_number(errno: Errno) -> None:
    assert outcome(FileSystemError(errno)) == errno


def test_a_host_without_memory_is_nomem() -> None:
    assert outcome(MemoryError()) == Errno.NOMEM


def test_a_number_that_does_not_fit_is_overflow() -> None:
    assert outcome(struct.error("required argument is not an integer")) == Errno.OVERFLOW


@pytest.mark.parametrize("error", [GuestExit(), KeyboardInterrupt(), RuntimeError("ours"), OSError(2, "ours")])
def test_all_else_passes_through(error: BaseException) -> None:
    with pytest.raises(type(error)):
        outcome(error)


def test_the_module_is_preview1() -> None:
    assert MODULE == "wasi_snapshot_preview1"
    assert len({call.name for call in CALLS}) == len(CALLS)
