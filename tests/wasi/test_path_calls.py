"""Calls on paths, beyond what tests/conformance compares with wasmtime."""

import pytest

from tests.wasi.conftest import DATA, OUT, PATHS, READ, ROOT, SIZE, WRITE, Guest
from wasm_interp._core.vfs import Errno
from wasm_interp._core.wasi.abi import OpenFlags

OK = Errno.SUCCESS
LAST = 2**32 - 1


def test_the_tree_is_one_whatever_the_folder_a_path_starts_at(guest: Guest) -> None:
    assert guest("path_create_directory", ROOT, *guest.path("d")) == OK
    inner = guest.open("d", rights=READ)
    assert guest("path_symlink", *guest.path("/fixed/note.txt"), inner, *guest.path("link", 1)) == OK
    for start, path in [(inner, "link"), (inner, "/fixed/note.txt"), (inner, "../../fixed/note.txt"), (ROOT, "d/link")]:
        assert guest("path_filestat_get", start, 1, *guest.path(path), OUT) == OK
        assert guest.filestat()[4] == 6


def test_an_open_that_could_not_be_told_opens_nothing(guest: Guest) -> None:
    path = guest.path("new")
    assert guest("path_open", ROOT, 1, *path, OpenFlags.CREATE, READ, 0, 0, SIZE - 3) == Errno.FAULT
    assert len(guest.state.files) == 5
    assert guest("path_filestat_get", ROOT, 1, *path, OUT) == Errno.NOENT


def test_an_open_without_a_free_descriptor_changes_nothing(guest: Guest) -> None:
    guest.file("f", b"abc")
    for _ in range(4):
        guest.open("f")
    truncating = OpenFlags.TRUNCATE
    assert guest("path_open", ROOT, 1, *guest.path("f"), truncating, READ | WRITE, 0, 0, OUT) == Errno.MFILE
    creating = OpenFlags.CREATE
    assert guest("path_open", ROOT, 1, *guest.path("new"), creating, READ | WRITE, 0, 0, OUT) == Errno.MFILE
    assert guest.content("f") == b"abc"
    assert guest("path_filestat_get", ROOT, 1, *guest.path("new"), OUT) == Errno.NOENT


@pytest.mark.parametrize(("open_flags", "flags"), [(16, 0), (LAST, 0), (0, 32), (0, 1 << 16), (0, LAST)])
def test_open_flags_that_do_not_exist_are_refused(guest: Guest, open_flags: int, flags: int) -> None:
    guest.file("f")
    assert guest("path_open", ROOT, 1, *guest.path("f"), open_flags, READ, 0, flags, OUT) == Errno.INVAL
    assert len(guest.state.files) == 6


@pytest.mark.parametrize("lookup", [2, 3, LAST])
def test_lookup_flags_that_do_not_exist_are_refused(guest: Guest, lookup: int) -> None:
    guest.file("f")
    path = guest.path("f")
    assert guest("path_filestat_get", ROOT, lookup, *path, OUT) == Errno.INVAL
    assert guest("path_filestat_set_times", ROOT, lookup, *path, 1, 2, 5) == Errno.INVAL
    assert guest("path_open", ROOT, lookup, *path, 0, READ, 0, 0, OUT) == Errno.INVAL
    assert guest("path_link", ROOT, lookup, *path, ROOT, *guest.path("g", 1)) == Errno.INVAL


def test_a_file_opened_for_reading_only_can_be_truncated_at_the_open_as_under_linux(guest: Guest) -> None:
    guest.file("f", b"abc")
    assert guest("path_open", ROOT, 1, *guest.path("f"), OpenFlags.TRUNCATE, READ, 0, 0, OUT) == OK
    assert guest.content("f") == b""


@pytest.mark.parametrize(("room", "target"), [(20, b"0123456789"), (10, b"0123456789"), (4, b"0123"), (0, b"")])
def test_a_links_target_is_cut_to_the_room(guest: Guest, room: int, target: bytes) -> None:
    assert guest("path_symlink", *guest.path("0123456789"), ROOT, *guest.path("l", 1)) == OK
    guest.put(DATA, b"\xee" * 20)
    assert guest("path_readlink", ROOT, *guest.path("l"), DATA, room, OUT) == OK
    assert guest.u32() == len(target)
    assert guest.memory[DATA : DATA + 20] == target.ljust(20, b"\xee")


def test_a_target_of_many_bytes_a_character_may_be_cut_inside_one(guest: Guest) -> None:
    assert guest("path_symlink", *guest.path("ää"), ROOT, *guest.path("l", 1)) == OK
    assert guest("path_readlink", ROOT, *guest.path("l"), DATA, 3, OUT) == OK
    assert guest.memory[DATA : DATA + 3] == b"\xc3\xa4\xc3"


@pytest.mark.parametrize(
    ("length", "errno"),
    [(4_095, Errno.NOENT), (4_096, Errno.NAMETOOLONG), (4_097, Errno.NAMETOOLONG), (LAST, Errno.NAMETOOLONG)],
)
def test_a_path_of_4096_bytes_and_more_is_too_long(guest: Guest, length: int, errno: Errno) -> None:
    guest.put(PATHS[0], b"d/" * 2_048 + b"dd")
    assert guest("path_filestat_get", ROOT, 1, PATHS[0], length, OUT) == errno


@pytest.mark.parametrize("pointer", [SIZE - 2, SIZE, LAST])
def test_a_path_that_is_not_all_inside_is_a_fault(guest: Guest, pointer: int) -> None:
    assert guest("path_create_directory", ROOT, pointer, 3) == Errno.FAULT
    assert guest("path_rename", ROOT, *guest.path("a"), ROOT, pointer, 3) == Errno.FAULT
    assert guest("path_symlink", pointer, 3, ROOT, *guest.path("l")) == Errno.FAULT


@pytest.mark.parametrize("text", [b"\xff", b"a/\xed\xa0\x80", b"\xc0\xae\xc0\xae"])
def test_a_path_that_is_no_utf_8_is_ilseq(guest: Guest, text: bytes) -> None:
    path = guest.path(text)
    assert guest("path_create_directory", ROOT, *path) == Errno.ILSEQ
    assert guest("path_symlink", *path, ROOT, *guest.path("l", 1)) == Errno.ILSEQ
    assert guest("path_symlink", *guest.path("t", 1), ROOT, *path) == Errno.ILSEQ


def test_a_stream_is_no_folder(guest: Guest) -> None:
    path = guest.path("f")
    assert guest("path_open", 0, 1, *path, OpenFlags.CREATE, READ, 0, 0, OUT) == Errno.NOTDIR
    assert guest("path_unlink_file", 1, *path) == Errno.NOTDIR
    assert guest("path_link", ROOT, 0, *path, 2, *guest.path("g", 1)) == Errno.NOTDIR


def test_a_link_of_a_link_is_to_the_link_unless_it_is_followed(guest: Guest) -> None:
    fd = guest.file("f", b"abc")
    assert guest("path_symlink", *guest.path("f"), ROOT, *guest.path("l", 1)) == OK
    assert guest("path_link", ROOT, 0, *guest.path("l"), ROOT, *guest.path("same", 1)) == OK
    assert guest("path_link", ROOT, 1, *guest.path("l"), ROOT, *guest.path("file", 1)) == OK
    assert guest("path_filestat_get", ROOT, 0, *guest.path("same"), OUT) == OK
    assert guest.filestat()[2] == 7
    assert guest("path_filestat_get", ROOT, 0, *guest.path("file"), OUT) == OK
    assert guest.filestat()[1:4] == (guest.state.files.get(fd).ino, 4, 2)
