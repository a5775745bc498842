"""Structures and signatures, against the bytes that the preview1 witx describes."""

import inspect
from typing import Any

import pytest

from wasm_interp._core.wasi import abi
from wasm_interp._core.wasi.abi import SIGNATURES
from wasm_interp._core.wasi.calls import CALLS


@pytest.mark.parametrize(
    ("layout", "values", "encoded"),
    [
        (abi.FDSTAT, (4, 0x0102, 3, 5), "04 00 0201 00000000 0300000000000000 0500000000000000"),
        (
            abi.FILESTAT,
            (1, 2, 4, 3, 5, 6, 7, 8),
            "0100000000000000 0200000000000000 04 00000000000000 0300000000000000"
            "0500000000000000 0600000000000000 0700000000000000 0800000000000000",
        ),
        (abi.DIRENT, (1, 2, 3, 4), "0100000000000000 0200000000000000 03000000 04 000000"),
        (abi.PRESTAT, (0, 9), "00 000000 09000000"),
        (abi.IOVEC, (0x10, 0x20), "10000000 20000000"),
        (
            abi.SUBSCRIPTION,
            (1, 0, 2, 3, 4, 5),
            "0100000000000000 00 00000000000000 02000000 00000000 0300000000000000 0400000000000000 0500 000000000000",
        ),
        (
            abi.EVENT,
            (1, 8, 2, 3, 1),
            "0100000000000000 0800 02 0000000000 0300000000000000 0100 000000000000",
        ),
    ],
)
def test_a_structure_is_laid_out_as_in_the_witx(layout: Any, values: tuple[int, ...], encoded: str) -> None:
    assert layout.pack(*values) == bytes.fromhex(encoded)


def test_every_call_has_a_function_that_takes_what_its_signature_says() -> None:
    taken = {call.name: len(inspect.signature(call.function).parameters) - 1 for call in CALLS}
    assert taken == {name: len(codes) for name, codes in SIGNATURES.items()}
    assert len(taken) == 46


def test_only_proc_exit_has_no_result() -> None:
    assert [call.name for call in CALLS if not call.returns] == ["proc_exit"]


def test_the_flags_that_exist_are_all_of_them() -> None:
    assert sum(abi.FdFlags) == abi.DEFINED_FD_FLAGS
    assert sum(abi.OpenFlags) == abi.DEFINED_OPEN_FLAGS
    assert sum(abi.SetTimes) == abi.DEFINED_TIME_FLAGS
