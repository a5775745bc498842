"""Calls on descriptors, beyond what tests/conformance compares with wasmtime."""

import pytest

from tests.wasi.conftest import DATA, OUT, READ, ROOT, SIZE, VECTORS, WRITE, Guest
from wasm_interp._core.vfs import Errno
from wasm_interp._core.wasi.abi import DIRENT, FDSTAT, IOVEC, FdFlags, Rights, SetTimes, Whence
from wasm_interp._core.wasi.descriptors import Stream

OK = Errno.SUCCESS
LAST = 2**32 - 1
FIXED = 4  # the read-only folder's descriptor; the first file opened gets 5


def test_a_read_fills_all_buffers_and_moves_the_offset(guest: Guest) -> None:
    fd = guest.file("f", b"0123456789")
    assert guest("fd_read", fd, *guest.buffers(3, 0, 4), OUT) == OK
    assert guest.u32() == 7
    assert guest.memory[DATA : DATA + 8] == b"0123456\0"
    assert guest("fd_read", fd, *guest.buffers(2, 5), OUT) == OK
    assert guest.u32() == 3
    assert guest.memory[DATA : DATA + 7] == b"789\xee\xee\xee\xee"


def test_a_read_stops_at_the_first_buffer_that_it_cannot_fill(guest: Guest) -> None:
    fd = guest.file("f", b"ab")
    assert guest("fd_read", fd, *guest.buffers(3, 3), OUT) == OK
    assert guest.memory[DATA : DATA + 6] == b"ab\xee\xee\xee\xee"


def test_a_write_takes_all_buffers(guest: Guest) -> None:
    fd = guest.file("f", b"0123456789")
    assert guest("fd_write", fd, *guest.buffers(b"ab", b"", b"cde"), OUT) == OK
    assert guest.u32() == 5
    assert guest("fd_pwrite", fd, *guest.buffers(b"X", b"Y"), 8, OUT) == OK
    assert guest.content("f") == b"abcde567XY"
    assert guest("fd_tell", fd, OUT) == OK
    assert guest.u64() == 5


@pytest.mark.parametrize("name", ["fd_write", "fd_read"])
def test_one_bad_buffer_and_nothing_is_done(guest: Guest, name: str) -> None:
    fd = guest.file("f", b"0123456789")
    guest.buffers(b"ab", b"cd")
    guest.put(VECTORS + 8, IOVEC.pack(SIZE - 1, 2))
    before = bytes(guest.memory)
    assert guest(name, fd, VECTORS, 2, OUT) == Errno.FAULT
    assert guest(name, int(name == "fd_write"), VECTORS, 2, OUT) == Errno.FAULT
    assert guest.memory == before
    assert guest.content("f") == b"0123456789"
    assert guest.state.files.get(fd).offset == 0
    assert guest.said == []


def test_iovecs_that_a_read_overwrites_are_those_of_before_it(guest: Guest) -> None:
    fd = guest.file("f", IOVEC.pack(SIZE, LAST) * 2)
    guest.put(VECTORS, IOVEC.pack(VECTORS, 16) + IOVEC.pack(DATA, 4))
    assert guest("fd_read", fd, VECTORS, 2, OUT) == OK
    assert guest.u32() == 16


def test_the_result_may_lie_in_a_buffer(guest: Guest) -> None:
    fd = guest.file("f", b"abcdefgh")
    assert guest("fd_read", fd, *guest.buffers(8), DATA) == OK
    assert guest.memory[DATA : DATA + 8] == b"\x08\0\0\0efgh"


def test_more_than_1024_buffers_are_refused(guest: Guest) -> None:
    fd = guest.file("f", b"abc")
    guest.put(VECTORS, IOVEC.pack(0, SIZE) * 1025)
    assert guest("fd_read", fd, VECTORS, 1024, OUT) == OK
    assert guest.u32() == 3
    assert guest("fd_read", fd, VECTORS, 1025, OUT) == Errno.INVAL
    assert guest("fd_write", 1, VECTORS, 1025, OUT) == Errno.INVAL
    assert guest("fd_write", fd, VECTORS, LAST, OUT) == Errno.INVAL
    assert guest.said == []


def test_a_write_that_the_quota_cuts_tells_what_was_written_and_then_the_error(guest: Guest) -> None:
    fd = guest.file("f")
    assert guest("fd_write", fd, *guest.buffers(3_000, 3_000), OUT) == OK
    assert guest.u32() == 3_000
    assert guest("fd_write", fd, *guest.buffers(3_000), OUT) == Errno.NOSPC
    assert len(guest.content("f")) == 3_000
    assert guest.state.files.get(fd).offset == 3_000


def test_an_appending_descriptor_writes_at_the_end_and_stands_there(guest: Guest) -> None:
    fd = guest.file("f", b"abc", FdFlags.APPEND)
    assert guest("fd_write", fd, *guest.buffers(b"d", b"e"), OUT) == OK
    assert guest.content("f") == b"abcde"
    assert guest.state.files.get(fd).offset == 5


def test_what_is_printed_goes_to_its_stream_buffer_by_buffer(guest: Guest) -> None:
    assert guest("fd_write", 1, *guest.buffers(b"out", b"", b"put"), OUT) == OK
    assert guest.u32() == 6
    assert guest("fd_write", 2, *guest.buffers(b"error"), OUT) == OK
    assert [said for said in guest.said if said[1]] == [
        (Stream.STDOUT, b"out"),
        (Stream.STDOUT, b"put"),
        (Stream.STDERR, b"error"),
    ]


def test_stdin_is_read_once_a_call_into_the_first_buffer_with_room(guest: Guest) -> None:
    asked = []

    def read(limit: int) -> bytes:
        asked.append(limit)
        return b"typed"[:limit]

    guest.state.input = read
    assert guest("fd_read", 0, *guest.buffers(0, 3, 8), OUT) == OK
    assert (guest.u32(), guest.memory[DATA : DATA + 11]) == (3, b"typ" + b"\xee" * 8)
    assert guest("fd_read", 0, *guest.buffers(0), OUT) == OK
    assert guest.u32() == 0
    assert asked == [3]


def test_streams_have_a_direction(guest: Guest) -> None:
    assert guest("fd_read", 1, *guest.buffers(1), OUT) == Errno.BADF
    assert guest("fd_write", 0, *guest.buffers(b"x"), OUT) == Errno.BADF
    assert guest.said == []


@pytest.mark.parametrize("name", ["fd_pread", "fd_pwrite"])
def test_a_stream_has_no_offset(guest: Guest, name: str) -> None:
    assert guest(name, 1, *guest.buffers(b"x"), 0, OUT) == Errno.SPIPE
    assert guest("fd_seek", 1, 0, Whence.SET, OUT) == Errno.SPIPE
    assert guest("fd_tell", 0, OUT) == Errno.SPIPE


def test_rights_given_up_are_gone(guest: Guest) -> None:
    fd = guest.file("f", b"abc")
    assert guest("fd_fdstat_set_rights", fd, READ, 0) == OK
    assert guest("fd_write", fd, *guest.buffers(b"x"), OUT) == Errno.BADF
    assert guest("fd_fdstat_set_rights", fd, READ | WRITE, 0) == Errno.NOTCAPABLE
    assert guest("fd_read", fd, *guest.buffers(1), OUT) == OK
    assert guest("fd_fdstat_set_rights", fd, 0, 0) == OK
    assert guest("fd_read", fd, *guest.buffers(1), OUT) == Errno.BADF


@pytest.mark.parametrize("rights", [0, READ, WRITE, READ | WRITE])
def test_fdstat_tells_the_rights_that_an_open_asked_for(guest: Guest, rights: int) -> None:
    guest.file("f")
    fd = guest.open("f", rights=rights, flags=FdFlags.APPEND | FdFlags.SYNC)
    assert guest("fd_fdstat_get", fd, OUT) == OK
    file_type, flags, base, inheriting = FDSTAT.unpack_from(guest.memory, OUT)
    others = (1 << 30) - 1 - READ - WRITE
    assert (file_type, flags, base, inheriting) == (4, 17, others | rights, others | rights)


def test_a_stream_has_every_right_but_the_other_direction(guest: Guest) -> None:
    assert guest("fd_fdstat_get", 1, OUT) == OK
    assert FDSTAT.unpack_from(guest.memory, OUT)[2] == (1 << 30) - 1 - READ
    assert FDSTAT.unpack_from(guest.memory, OUT)[2] & Rights.ALL & 1 << 2  # FD_SEEK: no terminal to wasi-libc


@pytest.mark.parametrize("flags", [32, 1 << 15, 1 << 16, LAST])
def test_flags_that_do_not_exist_are_refused(guest: Guest, flags: int) -> None:
    fd = guest.file("f")
    assert guest("fd_fdstat_set_flags", fd, flags) == Errno.INVAL
    assert guest.state.files.get(fd).flags == 0


def test_allocate_lengthens_and_never_shortens(guest: Guest) -> None:
    fd = guest.file("f", b"abc")
    assert guest("fd_allocate", fd, 2, 4) == OK
    assert guest("fd_allocate", fd, 0, 1) == OK
    assert guest.content("f") == b"abc\0\0\0"


@pytest.mark.parametrize(
    ("offset", "length", "errno"),
    [
        (0, 0, Errno.INVAL),
        (2**63, 1, Errno.INVAL),
        (0, 2**64 - 1, Errno.INVAL),
        (2**63 - 1, 2**63 - 1, Errno.FBIG),
        (0, 4_001, Errno.NOSPC),
        (2**62, 1, Errno.NOSPC),
    ],
)
def test_allocate_refuses(guest: Guest, offset: int, length: int, errno: Errno) -> None:
    fd = guest.file("f", b"abc")
    assert guest("fd_allocate", fd, offset, length) == errno
    assert guest.content("f") == b"abc"


def test_allocate_is_for_files_that_are_open_for_writing(guest: Guest) -> None:
    guest.file("f")
    assert guest("fd_allocate", guest.open("f", rights=READ), 0, 1) == Errno.BADF
    assert guest("fd_allocate", ROOT, 0, 1) == Errno.BADF
    assert guest("fd_allocate", 1, 0, 1) == Errno.BADF


@pytest.mark.parametrize(
    ("size", "errno"), [(4_001, Errno.NOSPC), (2**63 - 1, Errno.NOSPC), (2**63, Errno.INVAL), (2**64 - 1, Errno.INVAL)]
)
def test_a_size_past_the_quota_is_refused(guest: Guest, size: int, errno: Errno) -> None:
    fd = guest.file("f", b"abc")
    assert guest("fd_filestat_set_size", fd, size) == errno
    assert guest.content("f") == b"abc"


def test_filestat_tells_everything(guest: Guest) -> None:
    fd = guest.file("f", b"abc")
    ino = guest.state.files.get(fd).ino
    assert guest("fd_filestat_set_times", fd, 5, 6, SetTimes.ATIME | SetTimes.MTIME) == OK
    assert guest("fd_filestat_get", fd, OUT) == OK
    assert guest.filestat() == (1, ino, 4, 1, 3, 5, 6, 1_700_000_000_000_000_000)


def test_filestat_of_a_stream_is_a_device(guest: Guest) -> None:
    assert guest("fd_filestat_get", 2, OUT) == OK
    assert guest.filestat() == (1, 2, 2, 1, 0, 0, 0, 0)


def test_times_can_be_the_clocks_or_left_alone(guest: Guest) -> None:
    fd = guest.file("f")
    assert guest("fd_filestat_set_times", fd, 1, 2**64 - 1, SetTimes.ATIME | SetTimes.MTIME) == OK
    assert guest("fd_filestat_set_times", fd, 7, 7, SetTimes.ATIME_NOW) == OK
    assert guest("fd_filestat_get", fd, OUT) == OK
    assert guest.filestat()[5:7] == (1_700_000_000_000_000_000, 2**64 - 1)


@pytest.mark.parametrize("flags", [3, 12, 15, 16, 1 << 16, LAST])
def test_times_that_make_no_sense_are_refused(guest: Guest, flags: int) -> None:
    fd = guest.file("f")
    assert guest("fd_filestat_set_times", fd, 1, 2, flags) == Errno.INVAL
    assert guest("path_filestat_set_times", ROOT, 1, *guest.path("f"), 1, 2, flags) == Errno.INVAL


def test_a_preopen_tells_its_name_and_stays(guest: Guest) -> None:
    assert guest("fd_prestat_get", FIXED, OUT) == OK
    assert guest.memory[OUT : OUT + 8] == bytes.fromhex("00 000000 06000000")
    assert guest("fd_prestat_dir_name", FIXED, DATA, 6) == OK
    assert guest.memory[DATA : DATA + 7] == b"/fixed\0"
    assert guest("fd_prestat_dir_name", FIXED, DATA, 5) == Errno.NAMETOOLONG
    assert guest("fd_close", FIXED) == Errno.NOTSUP
    fd = guest.file("f")
    assert guest("fd_renumber", fd, FIXED) == Errno.NOTSUP
    assert guest("fd_renumber", FIXED, fd) == Errno.NOTSUP
    assert guest("fd_prestat_get", FIXED, OUT) == OK


def test_what_is_no_preopen_ends_the_search_for_them(guest: Guest) -> None:
    guest.file("f")
    for fd in (0, 5, 6, LAST):
        assert guest("fd_prestat_get", fd, OUT) == Errno.BADF


def test_a_listing_is_whole_entries_and_a_cut_one(guest: Guest) -> None:
    assert guest("fd_readdir", FIXED, DATA, 1000, 0, OUT) == OK
    whole = bytes(guest.memory[DATA : DATA + guest.u32()])
    entries = []
    position = 0
    while position < len(whole):
        cookie, ino, length, kind = DIRENT.unpack_from(whole, position)
        name = whole[position + DIRENT.size :][:length]
        entries.append((cookie, guest.state.fs.stat(ino).kind, kind, name))
        position += DIRENT.size + length
    assert entries == [(1, 3, 3, b"."), (2, 3, 3, b".."), (3, 4, 4, b"note.txt")]
    for room in range(len(whole) + 1):
        guest.put(DATA, b"\xee" * len(whole))
        assert guest("fd_readdir", FIXED, DATA, room, 0, OUT) == OK
        assert guest.u32() == room
        assert guest.memory[DATA : DATA + len(whole)] == whole[:room].ljust(len(whole), b"\xee")


def test_a_listing_goes_on_from_any_cookie(guest: Guest) -> None:
    for cookie, used in [(1, 26 + 32), (2, 32), (3, 0), (2**64 - 1, 0)]:
        assert guest("fd_readdir", FIXED, DATA, 1000, cookie, OUT) == OK
        assert guest.u32() == used


def test_a_write_to_the_read_only_folder_is_refused(guest: Guest) -> None:
    assert guest("path_create_directory", FIXED, *guest.path("d")) == Errno.ROFS
    assert guest("path_open", FIXED, 1, *guest.path("note.txt"), 0, READ | WRITE, 0, 0, OUT) == Errno.ROFS
    assert guest("path_open", FIXED, 1, *guest.path("note.txt"), 0, READ, 0, 0, OUT) == OK


def test_seeks_are_from_the_start_the_offset_and_the_end(guest: Guest) -> None:
    fd = guest.file("f", b"0123456789")
    for offset, whence, found in [(4, 0, 4), (-1, 1, 3), (-2, 2, 8), (100, 1, 108), (0, 2, 10)]:
        assert guest("fd_seek", fd, offset, whence, OUT) == OK
        assert guest.u64() == found


@pytest.mark.parametrize(
    ("offset", "whence"), [(-1, 0), (-5, 1), (-11, 2), (0, 3), (0, LAST), (-(2**63), 1), (2**63 - 1, 1), (2**63 - 1, 2)]
)
def test_a_seek_to_nowhere_moves_nothing(guest: Guest, offset: int, whence: int) -> None:
    fd = guest.file("f", b"0123456789")
    assert guest("fd_seek", fd, 4, 0, OUT) == OK
    assert guest("fd_seek", fd, offset, whence, OUT) == Errno.INVAL
    assert guest.state.files.get(fd).offset == 4


@pytest.mark.parametrize("advice", [6, 255, LAST])
def test_advice_that_does_not_exist_is_refused(guest: Guest, advice: int) -> None:
    assert guest("fd_advise", guest.file("f"), 0, 0, advice) == Errno.INVAL
    assert guest("fd_advise", 5, 2**64 - 1, 2**64 - 1, 5) == OK
