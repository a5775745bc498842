"""The numbers are on the wire between guest and host, so they are spelled out."""

import pickle

from wasm_interp._core.vfs import Errno, FileSystemError


def test_numbers_are_those_of_wasi_preview1() -> None:
    assert [error.value for error in Errno] == list(range(77))
    known = {"TOOBIG": 1, "ACCES": 2, "BADF": 8, "EXIST": 20, "INVAL": 28, "NOENT": 44, "NOSPC": 51}
    known |= {"NOSYS": 52, "NOTDIR": 54, "NOTEMPTY": 55, "NOTSUP": 58, "PERM": 63, "ROFS": 69}
    assert {name: Errno[name].value for name in known} == known


def test_an_error_tells_its_name() -> None:
    assert str(FileSystemError(Errno.NOTEMPTY)) == "NOTEMPTY"


def test_an_error_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(FileSystemError(Errno.LOOP)))
    assert copy.errno is Errno.LOOP
