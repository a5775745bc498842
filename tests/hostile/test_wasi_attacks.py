"""Guests that attack the WASI layer with numbers that no compiler would emit.

After each attack the host lives, the guest was told an errno (never an error of Python's), nothing large was
allocated for it, and a neighbour in the same sandbox finds its memory and its files as they were.
"""

import struct
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from threading import Event

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.guests import CALL_ANYTHING, MIB, PAGE, WASI, Guest, new_fs, new_guest
from wasm_interp._core.engine import Exit
from wasm_interp._core.vfs import Errno, FileSystem, FileSystemError, Quota
from wasm_interp._core.wasi.abi import IOVEC, SIGNATURES, SUBSCRIPTION, OpenFlags, Rights, Whence
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp.results import StopKind

MEMORY = 4 * PAGE  # of CALL_ANYTHING, until it grows
LAST = 2**32 - 1
LAST_64 = 2**64 - 1
BOTH = Rights.FD_READ | Rights.FD_WRITE
ROOT, FILE, FOLDER = 3, 4, 5  # descriptors that every attacker starts with
OUT, FILE_PATH, FOLDER_PATH, LINK_PATH, NEW_PATH = 64, 1_024, 1_040, 1_056, 1_072
VECTORS, SUBSCRIPTIONS, DATA = 2_048, 3_072, 4_096
QUOTA = Quota(bytes=100_000, inodes=50)
OPEN_FILES = 16

# A call of each kind that succeeds.
SOUND = {
    "args_get": (DATA, DATA + 64),
    "args_sizes_get": (OUT, OUT + 4),
    "environ_get": (DATA, DATA + 64),
    "environ_sizes_get": (OUT, OUT + 4),
    "clock_res_get": (0, OUT),
    "clock_time_get": (1, 0, OUT),
    "fd_advise": (FILE, 0, 10, 1),
    "fd_allocate": (FILE, 0, 20),
    "fd_close": (FILE,),
    "fd_datasync": (FILE,),
    "fd_fdstat_get": (FILE, OUT),
    "fd_fdstat_set_flags": (FILE, 1),
    "fd_fdstat_set_rights": (FILE, BOTH, BOTH),
    "fd_filestat_get": (FILE, OUT),
    "fd_filestat_set_size": (FILE, 5),
    "fd_filestat_set_times": (FILE, 1, 2, 5),
    "fd_pread": (FILE, VECTORS, 2, 0, OUT),
    "fd_prestat_get": (ROOT, OUT),
    "fd_prestat_dir_name": (ROOT, DATA, 1),
    "fd_pwrite": (FILE, VECTORS, 2, 0, OUT),
    "fd_read": (FILE, VECTORS, 2, OUT),
    "fd_readdir": (FOLDER, DATA, 100, 0, OUT),
    "fd_renumber": (FILE, FOLDER),
    "fd_seek": (FILE, 1, 0, OUT),
    "fd_sync": (FILE,),
    "fd_tell": (FILE, OUT),
    "fd_write": (FILE, VECTORS, 2, OUT),
    "path_create_directory": (ROOT, NEW_PATH, 3),
    "path_filestat_get": (ROOT, 1, FILE_PATH, 4, OUT),
    "path_filestat_set_times": (ROOT, 1, FILE_PATH, 4, 1, 2, 5),
    "path_link": (ROOT, 0, FILE_PATH, 4, ROOT, NEW_PATH, 3),
    "path_open": (ROOT, 1, FILE_PATH, 4, 0, BOTH, BOTH, 0, OUT),
    "path_readlink": (ROOT, LINK_PATH, 4, DATA, 10, OUT),
    "path_remove_directory": (ROOT, FOLDER_PATH, 3),
    "path_rename": (ROOT, FILE_PATH, 4, ROOT, NEW_PATH, 3),
    "path_symlink": (FILE_PATH, 4, ROOT, NEW_PATH, 3),
    "path_unlink_file": (ROOT, FILE_PATH, 4),
    "poll_oneoff": (SUBSCRIPTIONS, DATA, 2, OUT),
    "random_get": (DATA, 100),
    "sched_yield": (),
}
REFUSED = {
    "proc_raise": (9,),
    "sock_accept": (FILE, 0, OUT),
    "sock_recv": (FILE, VECTORS, 2, 0, OUT, OUT + 4),
    "sock_send": (FILE, VECTORS, 2, 0, OUT),
    "sock_shutdown": (FILE, 3),
}
CALLS = SOUND | REFUSED
WILD = {
    "I": (0, 1, 2, 5, 255, 1_025, MEMORY - 8, MEMORY - 1, MEMORY, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1),
    "Q": (0, 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, LAST_64 - 7, LAST_64),
    "q": (0, 1, 2**32, 2**63 - 1, 2**63, LAST_64),
}


class LeapingClock:
    """Never sleeps: a wait only moves the time."""

    def __init__(self) -> None:
        self.now = 10**18

    def realtime_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now

    def wait(self, seconds: float, wake: Event) -> None:
        self.now += round(seconds * 1_000_000_000)


def new_attacker(fs: FileSystem | None = None) -> Guest:
    """A guest that has a file, a folder and a link, two of them open, and sound arguments for every call in memory."""
    guest = new_guest(
        CALL_ANYTHING,
        fs=fs or new_fs(QUOTA),
        open_files=OPEN_FILES,
        clock=LeapingClock(),
        arguments=(b"program", b"argument"),
        environment=(b"NAME=value",),
    )
    tree, root = guest.wasi.fs, guest.wasi.fs.root
    for address, text in [(FILE_PATH, b"file"), (FOLDER_PATH, b"dir"), (LINK_PATH, b"link"), (NEW_PATH, b"new")]:
        guest.write(address, text)
    tree.write(made := tree.open(root, "file", create=True), 0, b"0123456789")
    tree.release(made)
    tree.mkdir(root, "dir")
    tree.mkdir(root, "dir/sub")
    tree.rmdir(root, "dir/sub")
    tree.symlink("file", root, "link")
    for path, length, rights in [(FILE_PATH, 4, BOTH), (FOLDER_PATH, 3, Rights.FD_READ)]:
        assert guest.call("path_open", ROOT, 1, path, length, 0, rights, 0, 0, OUT) == Errno.SUCCESS
    guest.write(VECTORS, IOVEC.pack(DATA, 6) + IOVEC.pack(DATA + 6, 10))
    guest.write(SUBSCRIPTIONS, SUBSCRIPTION.pack(1, 0, 1, 10**9, 0, 0) + SUBSCRIPTION.pack(2, 1, FILE, 0, 0, 0))
    return guest


@pytest.fixture
def attacker() -> Iterator[Guest]:
    guest = new_attacker()
    yield guest
    check(guest)
    guest.close()


@dataclass
class Neighbour:
    """Another guest of the same sandbox, with a page of its own that nobody else may change."""

    guest: Guest
    page: bytes = bytes(range(256)) * 256

    def __post_init__(self) -> None:
        self.guest.write(PAGE, self.page)

    def check(self) -> None:
        assert self.guest.read(PAGE, PAGE) == self.page
        assert self.guest.call("clock_time_get", 1, 0, OUT) == Errno.SUCCESS
        assert self.guest.call("fd_tell", ROOT, OUT) == Errno.BADF
        check(self.guest)


@pytest.fixture(autouse=True)
def neighbour() -> Iterator[Neighbour]:
    found = Neighbour(new_guest(CALL_ANYTHING))
    yield found
    found.check()
    found.guest.close()


def check(guest: Guest) -> None:
    """That the guest lives, and its tables are within their limits."""
    assert guest.instance.failure is None
    assert not guest.instance.is_dead
    assert len(guest.wasi.files) <= 64
    usage, quota = guest.wasi.fs.usage(), guest.wasi.fs.quota
    assert 0 <= usage.bytes <= quota.bytes
    assert 0 <= usage.inodes <= quota.inodes


def peak_bytes(action: Callable[[], object]) -> int:
    """The most that Python had allocated during ``action``, over what it had before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_measure_of_allocations_sees_one() -> None:
    assert peak_bytes(lambda: bytes(2 * MIB)) > 2 * MIB


# Every call, every parameter


@pytest.mark.parametrize("name", SOUND)
def test_the_sound_call_that_attacks_start_from_succeeds(attacker: Guest, name: str) -> None:
    assert attacker.call(name, *SOUND[name]) == Errno.SUCCESS


def test_the_attacks_leave_no_call_out() -> None:
    assert CALLS.keys() == SIGNATURES.keys() - {"proc_exit"}


@pytest.mark.parametrize("name", CALLS)
def test_a_wild_number_in_each_place_gets_an_errno(name: str) -> None:
    for place, code in enumerate(SIGNATURES[name]):
        for value in WILD[code]:
            guest = new_attacker()
            arguments = [*CALLS[name]]
            arguments[place] = value
            Errno(guest.call(name, *arguments))
            Errno(guest.call(name, *CALLS[name]))
            check(guest)
            guest.close()


@pytest.mark.parametrize("name", CALLS)
def test_wild_numbers_in_two_places_at_once_get_an_errno(attacker: Guest, name: str) -> None:
    codes = SIGNATURES[name]
    for first, second in product(range(len(codes)), repeat=2):
        for one, other in product(WILD[codes[first]][-4:], WILD[codes[second]][-4:]):
            arguments = [*CALLS[name]]
            arguments[first], arguments[second] = one, other
            Errno(attacker.call(name, *arguments))
            check(attacker)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("value", [0, 1, MEMORY - 1, MEMORY, 2**31, 2**32 - 8, LAST])
def test_one_wild_number_in_all_places_gets_an_errno(attacker: Guest, name: str, value: int) -> None:
    Errno(attacker.call(name, *[value] * len(SIGNATURES[name])))


_DESCRIPTOR_FIRST = [name for name in CALLS if name.startswith("fd_")]


@pytest.mark.parametrize("fd", [6, 15, 16, 1_000, 2**31 - 1, 2**31, LAST])
@pytest.mark.parametrize("name", _DESCRIPTOR_FIRST)
def test_a_descriptor_that_is_not_open_is_badf(attacker: Guest, name: str, fd: int) -> None:
    assert attacker.call(name, fd, *CALLS[name][1:]) == Errno.BADF


@pytest.mark.parametrize("name", _DESCRIPTOR_FIRST)
def test_a_descriptor_that_was_closed_is_badf(attacker: Guest, name: str) -> None:
    assert attacker.call("fd_close", FILE) == Errno.SUCCESS
    assert attacker.call(name, FILE, *CALLS[name][1:]) == Errno.BADF


# Pointers and lengths


@pytest.mark.parametrize(
    ("pointer", "length"),
    [(MEMORY, 1), (MEMORY - 1, 2), (LAST, 1), (LAST, LAST), (1, LAST), (2**31, 2**31), (LAST - 3, 8), (0, MEMORY + 1)],
)
def test_a_range_that_leaves_memory_or_wraps_around_is_a_fault(attacker: Guest, pointer: int, length: int) -> None:
    before = attacker.read(0, MEMORY)
    attacker.write(VECTORS, IOVEC.pack(pointer, length))
    assert attacker.call("random_get", pointer, length) == Errno.FAULT
    assert attacker.call("fd_read", FILE, VECTORS, 1, OUT) == Errno.FAULT
    assert attacker.call("fd_write", FILE, VECTORS, 1, OUT) == Errno.FAULT
    assert attacker.call("fd_write", 1, VECTORS, 1, OUT) == Errno.FAULT
    assert attacker.call("fd_readdir", FOLDER, pointer, length, 0, OUT) == Errno.FAULT
    attacker.write(VECTORS, before[VECTORS : VECTORS + 8])
    assert attacker.read(0, MEMORY) == before
    assert attacker.said[Stream.STDOUT] == b""


def test_nothing_of_a_write_is_done_when_one_of_its_buffers_is_outside(attacker: Guest) -> None:
    vectors = [IOVEC.pack(DATA, 6)] * 1_023 + [IOVEC.pack(MEMORY - 1, 2)]
    attacker.write(VECTORS, b"".join(vectors))
    for fd in (FILE, 1, 2):
        assert attacker.call("fd_write", fd, VECTORS, 1_024, OUT) == Errno.FAULT
    assert attacker.call("fd_pwrite", FILE, VECTORS, 1_024, 0, OUT) == Errno.FAULT
    assert attacker.wasi.fs.usage().bytes == 10 + len("file")
    assert attacker.said == dict.fromkeys(Stream, b"")


@pytest.mark.parametrize("count", [1_025, 2**20, 2**28, 2**29, 2**29 + 1, 2**31, LAST])
@pytest.mark.parametrize("name", ["fd_read", "fd_write", "fd_pread", "fd_pwrite"])
def test_too_many_iovecs_are_refused_before_they_are_read(attacker: Guest, name: str, count: int) -> None:
    fd, vectors, _, *rest = SOUND[name]
    assert peak_bytes(lambda: attacker.call(name, fd, vectors, count, *rest)) < MIB
    assert attacker.call(name, fd, vectors, count, *rest) == Errno.INVAL


@pytest.mark.parametrize("count", [1_025, 2**20, 2**27, 2**31, LAST])
def test_too_many_subscriptions_are_refused_before_they_are_read(attacker: Guest, count: int) -> None:
    assert peak_bytes(lambda: attacker.call("poll_oneoff", SUBSCRIPTIONS, DATA, count, OUT)) < MIB
    assert attacker.call("poll_oneoff", SUBSCRIPTIONS, DATA, count, OUT) == Errno.INVAL


def test_structures_one_over_the_other_are_still_only_bytes(attacker: Guest) -> None:
    attacker.write(VECTORS, IOVEC.pack(VECTORS, 8) + IOVEC.pack(VECTORS + 4, 8))
    assert attacker.call("fd_read", FILE, VECTORS, 2, VECTORS) == Errno.SUCCESS
    assert int.from_bytes(attacker.read(VECTORS, 4), "little") == 10
    assert attacker.call("poll_oneoff", SUBSCRIPTIONS, SUBSCRIPTIONS, 2, SUBSCRIPTIONS) == Errno.SUCCESS
    assert attacker.call("path_readlink", ROOT, LINK_PATH, 4, LINK_PATH, 10, LINK_PATH) == Errno.SUCCESS
    assert attacker.call("path_open", ROOT, 1, FILE_PATH, 4, 0, BOTH, 0, 0, FILE_PATH) == Errno.SUCCESS


# Guests with much memory


@pytest.fixture
def big() -> Iterator[Guest]:
    """An attacker of 48 MiB that can print without anybody keeping it."""
    guest = new_attacker()
    guest.wasi.output = lambda stream, data: None
    assert guest.call("grow", 48 * 16 - 4) == 4
    yield guest
    check(guest)
    guest.close()


BIG = 48 * MIB


def everything(count: int) -> bytes:
    """iovecs that each cover all of the memory."""
    return IOVEC.pack(0, BIG) * count


def test_entropy_for_all_of_memory_is_made_in_small_pieces(big: Guest) -> None:
    asked: set[int] = set()
    big.wasi.entropy = lambda count: asked.add(count) or bytes(count)
    assert peak_bytes(lambda: big.call("random_get", 0, BIG)) < MIB
    assert asked == {65_536}


@pytest.mark.parametrize("name", ["fd_read", "fd_write", "fd_pread", "fd_pwrite"])
def test_buffers_that_together_pass_what_a_result_can_say_are_refused(big: Guest, name: str) -> None:
    big.write(VECTORS, everything(1_024))
    fd, vectors, _, *rest = SOUND[name]
    assert peak_bytes(lambda: big.call(name, fd, vectors, 1_024, *rest)) < MIB
    assert big.call(name, fd, vectors, 1_024, *rest) == Errno.INVAL


def test_printing_all_of_memory_many_times_over_copies_nothing_here(big: Guest) -> None:
    big.write(VECTORS, everything(80))
    assert peak_bytes(lambda: big.call("fd_write", 1, VECTORS, 80, OUT)) < MIB
    big.write(VECTORS, everything(1_024))
    assert big.call("fd_write", 1, VECTORS, 1_024, OUT) == Errno.INVAL


def test_a_write_past_the_quota_allocates_nothing(big: Guest) -> None:
    big.write(VECTORS, everything(2))
    for arguments in [("fd_write", FILE, VECTORS, 2, OUT), ("fd_pwrite", FILE, VECTORS, 2, 99_999, OUT)]:
        assert peak_bytes(lambda arguments=arguments: big.call(*arguments)) < MIB
        assert big.call(*arguments) == Errno.NOSPC


def test_a_listing_into_all_of_memory_costs_what_the_folder_holds(big: Guest) -> None:
    assert peak_bytes(lambda: big.call("fd_readdir", FOLDER, DATA, BIG - DATA, 0, OUT)) < MIB
    assert int.from_bytes(big.read(OUT, 4), "little") == 2 * 24 + 3


def test_a_path_as_long_as_memory_is_refused_before_it_is_decoded(big: Guest) -> None:
    for length in (65_536, BIG):
        assert peak_bytes(lambda length=length: big.call("path_create_directory", ROOT, 0, length)) < MIB
        assert big.call("path_create_directory", ROOT, 0, length) == Errno.NAMETOOLONG
        assert big.call("path_symlink", 0, length, ROOT, NEW_PATH, 3) == Errno.NAMETOOLONG


# Sizes, offsets, cookies, times


@pytest.mark.parametrize("size", [100_001, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, LAST_64])
def test_a_huge_size_is_refused_and_allocates_nothing(attacker: Guest, size: int) -> None:
    refused = {Errno.NOSPC, Errno.INVAL, Errno.FBIG}
    attacker.write(VECTORS, IOVEC.pack(DATA, 1))
    for arguments in [
        ("fd_filestat_set_size", FILE, size),
        ("fd_allocate", FILE, 0, size),
        ("fd_allocate", FILE, size, 1),
        ("fd_allocate", FILE, size, size),
        ("fd_pwrite", FILE, VECTORS, 1, size, OUT),
    ]:
        assert peak_bytes(lambda arguments=arguments: attacker.call(*arguments)) < MIB
        assert attacker.call(*arguments) in refused
    assert attacker.wasi.fs.usage().bytes == 10 + len("file")


@pytest.mark.parametrize("offset", [11, 2**32, 2**63 - 20, 2**63 - 17])
def test_a_read_past_the_end_is_empty_however_far(attacker: Guest, offset: int) -> None:
    assert attacker.call("fd_pread", FILE, VECTORS, 2, offset, OUT) == Errno.SUCCESS
    assert attacker.read(OUT, 4) == bytes(4)


@pytest.mark.parametrize("offset", [2**63 - 16, 2**63 - 1, 2**63, LAST_64 - 16, LAST_64])
@pytest.mark.parametrize("name", ["fd_pread", "fd_pwrite"])
def test_a_range_of_a_file_that_ends_past_63_bits_is_refused(attacker: Guest, name: str, offset: int) -> None:
    assert attacker.call(name, FILE, VECTORS, 2, offset, OUT) == Errno.INVAL


def test_an_offset_at_the_end_of_all_numbers_can_be_stood_at_and_not_written_at(attacker: Guest) -> None:
    assert attacker.call("fd_seek", FILE, 2**63 - 1, Whence.SET, OUT) == Errno.SUCCESS
    assert attacker.call("fd_write", FILE, VECTORS, 2, OUT) == Errno.INVAL
    assert attacker.call("fd_read", FILE, VECTORS, 2, OUT) == Errno.INVAL
    assert attacker.call("fd_seek", FILE, 1, Whence.CUR, OUT) == Errno.INVAL
    assert attacker.call("fd_seek", FILE, LAST_64, Whence.CUR, OUT) == Errno.SUCCESS
    assert attacker.read(OUT, 8) == (2**63 - 2).to_bytes(8, "little")


@pytest.mark.parametrize("cookie", [0, 1, 2, 3, 4, 1_000, 2**32, 2**63 - 1, 2**63, LAST_64])
def test_any_cookie_is_only_a_place_to_go_on_from(attacker: Guest, cookie: int) -> None:
    assert attacker.call("fd_readdir", FOLDER, DATA, 1_000, cookie, OUT) == Errno.SUCCESS
    used = int.from_bytes(attacker.read(OUT, 4), "little")
    assert used == {0: 51, 1: 26}.get(cookie, 0)


@pytest.mark.parametrize("time", [0, 1, 2**63, LAST_64])
def test_any_time_can_be_set_and_read(attacker: Guest, time: int) -> None:
    assert attacker.call("fd_filestat_set_times", FILE, time, time, 5) == Errno.SUCCESS
    assert attacker.call("fd_filestat_get", FILE, OUT) == Errno.SUCCESS
    assert struct.unpack("<QQ", attacker.read(OUT + 40, 16)) == (time, time)


@pytest.mark.parametrize("timeout", [10**9, 2**63, LAST_64])
@pytest.mark.parametrize("flags", [0, 1])
def test_a_wait_of_centuries_ends_when_its_clock_says_so(attacker: Guest, timeout: int, flags: int) -> None:
    attacker.write(SUBSCRIPTIONS, SUBSCRIPTION.pack(1, 0, 1, timeout, LAST_64, flags))
    assert attacker.call("poll_oneoff", SUBSCRIPTIONS, DATA, 1, OUT) == Errno.SUCCESS
    assert attacker.call("clock_time_get", 1, 0, OUT) in {Errno.SUCCESS, Errno.OVERFLOW}


def test_a_thousand_subscriptions_of_every_kind_are_answered(attacker: Guest) -> None:
    kinds = [SUBSCRIPTION.pack(index, index % 3, index % 7, index, 0, index % 2) for index in range(1_024)]
    attacker.write(PAGE, b"".join(kind for index, kind in enumerate(kinds) if index % 3 or index % 7 < 4))
    count = len([index for index in range(1_024) if index % 3 or index % 7 < 4])
    assert attacker.call("poll_oneoff", PAGE, 2 * PAGE, count, OUT) == Errno.SUCCESS
    assert int.from_bytes(attacker.read(OUT, 4), "little") >= 682


# Paths


@pytest.mark.parametrize(
    ("path", "errno"),
    [
        (b"", Errno.NOENT),
        (b"\0", Errno.INVAL),
        (b"file\0.txt", Errno.INVAL),
        (b"\xff\xfe", Errno.ILSEQ),
        (b"\xed\xa0\x80", Errno.ILSEQ),
        (b"\xc0\xae\xc0\xae/\xc0\xae\xc0\xae", Errno.ILSEQ),
        (b"n" * 256, Errno.NAMETOOLONG),
        ("ä".encode() * 128, Errno.NAMETOOLONG),
        (b"/" * 4_096, Errno.NAMETOOLONG),
        (b"n" * 65_535, Errno.NAMETOOLONG),
        (b"../" * 20_000, Errno.NAMETOOLONG),
        (b"file/", Errno.NOTDIR),
        (b"file/..", Errno.NOTDIR),
        (b"file/x", Errno.NOTDIR),
        (b"/proc/self/mem", Errno.NOENT),
        (b"/etc/passwd", Errno.NOENT),
        (b"../../../../../../etc/passwd", Errno.NOENT),
        (b"/dev/null", Errno.NOENT),
        (b"C:\\Windows", Errno.NOENT),
        (b"file:stream", Errno.NOENT),
        (b"loop/x", Errno.LOOP),
        (b"loop", Errno.LOOP),
        (b"deep/x", Errno.LOOP),
    ],
)
def test_a_hostile_path_is_refused_by_every_call(attacker: Guest, path: bytes, errno: Errno) -> None:
    tree, root = attacker.wasi.fs, attacker.wasi.fs.root
    tree.symlink("loop", root, "loop")
    tree.symlink("deep/deep/deep/deep", root, "deep")
    attacker.write(PAGE, path)
    there = PAGE, len(path)
    assert attacker.call("path_filestat_get", ROOT, 1, *there, OUT) == errno
    assert attacker.call("path_open", ROOT, 1, *there, 0, Rights.FD_READ, 0, 0, OUT) == errno
    assert attacker.call("path_filestat_set_times", ROOT, 1, *there, 1, 2, 5) == errno
    for arguments in [
        ("path_create_directory", ROOT, *there),
        ("path_link", ROOT, 0, FILE_PATH, 4, FILE, *there),
        ("path_rename", ROOT, FILE_PATH, 4, FILE, *there),
        ("path_symlink", FILE_PATH, 4, FILE, *there),
        ("path_unlink_file", FILE, *there),
        ("path_remove_directory", FILE, *there),
        ("path_readlink", FILE, *there, DATA, 10, OUT),
    ]:
        Errno(attacker.call(*arguments))
    assert attacker.call("path_filestat_get", ROOT, 1, FILE_PATH, 4, OUT) == Errno.SUCCESS


def test_a_path_may_go_up_as_often_as_it_likes_and_stays_in_the_tree(attacker: Guest) -> None:
    attacker.write(PAGE, b"../" * 1_000 + b"file")
    assert attacker.call("path_filestat_get", FOLDER, 1, PAGE, 3_004, OUT) == Errno.SUCCESS
    attacker.write(PAGE, b"..")
    assert attacker.call("path_open", ROOT, 1, PAGE, 2, OpenFlags.DIRECTORY, Rights.FD_READ, 0, 0, OUT) == 0
    assert attacker.wasi.files.get(6).ino == attacker.wasi.fs.root


def test_forty_links_of_four_thousand_components_each_end_soon(attacker: Guest) -> None:
    tree, root = attacker.wasi.fs, attacker.wasi.fs.root
    for index in range(20):
        tree.symlink("./" * 1_500 + f"l{index + 1}", root, f"l{index}")
    tree.symlink("file", root, "l20")
    attacker.write(PAGE, b"l0")
    assert attacker.call("path_filestat_get", ROOT, 1, PAGE, 2, OUT) == Errno.SUCCESS


# Using up what there is


def test_opening_without_end_is_mfile_and_closing_helps(attacker: Guest) -> None:
    arguments = "path_open", ROOT, 1, FILE_PATH, 4, 0, BOTH, 0, 0, OUT
    outcomes = [attacker.call(*arguments) for _ in range(100)]
    assert outcomes == [Errno.SUCCESS] * (OPEN_FILES - 6) + [Errno.MFILE] * (90)
    assert attacker.call("fd_close", 9) == Errno.SUCCESS
    assert attacker.call(*arguments) == Errno.SUCCESS
    assert attacker.read(OUT, 4) == b"\x09\0\0\0"


def test_making_without_end_is_nospc_and_removing_helps(attacker: Guest) -> None:
    def numbered(index: int) -> tuple[int, int]:
        attacker.write(PAGE, f"{index:04}".encode())
        return PAGE, 4

    outcomes = {attacker.call("path_create_directory", ROOT, *numbered(index)) for index in range(60)}
    assert outcomes == {Errno.SUCCESS, Errno.NOSPC}
    assert attacker.wasi.fs.usage().inodes == 50
    for arguments in [
        ("path_symlink", FILE_PATH, 4, ROOT, NEW_PATH, 3),
        ("path_link", ROOT, 0, FILE_PATH, 4, ROOT, NEW_PATH, 3),
        ("path_open", ROOT, 1, NEW_PATH, 3, OpenFlags.CREATE, BOTH, 0, 0, OUT),
    ]:
        assert attacker.call(*arguments) == Errno.NOSPC
    assert attacker.call("path_remove_directory", ROOT, *numbered(0)) == Errno.SUCCESS
    assert attacker.call("path_symlink", FILE_PATH, 4, ROOT, NEW_PATH, 3) == Errno.SUCCESS


def test_a_full_disk_gives_back_what_an_unlinked_file_held_only_when_it_is_closed(attacker: Guest) -> None:
    assert attacker.call("fd_filestat_set_size", FILE, 99_990) == Errno.SUCCESS
    assert attacker.call("path_unlink_file", ROOT, FILE_PATH, 4) == Errno.SUCCESS
    assert attacker.call("path_open", ROOT, 1, NEW_PATH, 3, OpenFlags.CREATE, BOTH, 0, 0, OUT) == Errno.SUCCESS
    assert attacker.call("fd_allocate", 6, 0, 1_000) == Errno.NOSPC
    assert attacker.call("fd_close", FILE) == Errno.SUCCESS
    assert attacker.call("fd_allocate", 6, 0, 1_000) == Errno.SUCCESS


def test_a_guest_that_closes_everything_has_its_streams_back_for_its_next_run(attacker: Guest) -> None:
    for fd in (0, 1, 2, FILE, FOLDER):
        assert attacker.call("fd_close", fd) == Errno.SUCCESS
    assert attacker.call("fd_close", ROOT) == Errno.NOTSUP
    assert attacker.call("fd_write", 1, VECTORS, 1, OUT) == Errno.BADF
    attacker.wasi.files.open_streams()
    assert attacker.call("fd_write", 1, VECTORS, 1, OUT) == Errno.SUCCESS


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(former)


@pytest.mark.usefixtures("eager_threads")
def test_guests_of_one_sandbox_race_for_its_quota_and_none_gets_past_it() -> None:
    """Writes are large, since a thread that has copied much is the one that has to let another go on."""
    quota, piece = Quota(bytes=8 * MIB, inodes=50), 3 * MIB
    fs = new_fs(quota)
    racers = [new_guest(CALL_ANYTHING, fs=fs, open_files=OPEN_FILES) for _ in range(4)]
    start = threading.Barrier(4)
    most: list[int] = []
    outcomes: list[set[int]] = []

    def race(number: int) -> None:
        guest, seen = racers[number], set()
        guest.call("grow", 60)
        guest.write(VECTORS, IOVEC.pack(DATA, piece))
        guest.write(NEW_PATH, b"%03d" % number)
        start.wait()
        for round_ in range(100):
            append = round_ % 2
            seen.add(guest.call("path_open", ROOT, 1, NEW_PATH, 3, OpenFlags.CREATE, BOTH, 0, append, OUT))
            for _ in range(3):
                seen.add(guest.call("fd_write", 4, VECTORS, 1, OUT))
                most.append(fs.usage().bytes)
            seen.add(guest.call("fd_filestat_set_size", 4, piece // 2))
            seen.add(guest.call("path_unlink_file", ROOT, NEW_PATH, 3))
            seen.add(guest.call("fd_close", 4))
        outcomes.append(seen)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set().union(*outcomes) == {Errno.SUCCESS, Errno.NOSPC}
    assert quota.bytes - piece < max(most) <= quota.bytes
    assert (fs.usage().bytes, fs.usage().inodes) == (0, 0)
    for racer in racers:
        check(racer)
        racer.close()


# Guests that do not stop by themselves

_IMPORTS = f"""
  (import "{WASI}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "{WASI}" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (memory (export "memory") 64)
"""


def forever(body: str) -> str:
    """A guest that does ``body`` again and again."""
    return f'(module {_IMPORTS} (func (export "run") (result i32) (loop $again {body} (br $again)) unreachable))'


@pytest.mark.parametrize(
    "body",
    [
        "(drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0)))",
        "(drop (call $fd_write (i32.const -1) (i32.const -1) (i32.const -1) (i32.const -1)))",
        "(drop (call $random_get (i32.const 0) (i32.const 4194304)))",
        "(drop (call $fd_seek (i32.const 1) (i64.const -1) (i32.const -1) (i32.const 0)))",
        "(drop (call $poll_oneoff (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 0)))",
    ],
    ids=["printing", "failing", "drawing entropy", "seeking", "sleeping"],
)
def test_a_guest_that_is_always_in_a_host_call_stops_at_its_deadline(body: str) -> None:
    guest = new_guest(forever(body))
    guest.wasi.output = lambda stream, data: None
    guest.write(16, IOVEC.pack(0, 100_000))
    guest.write(64, SUBSCRIPTION.pack(1, 0, 1, 10**18, 0, 0))
    started = time.monotonic()
    outcome, _ = guest.run("run", deadline=started + 0.05)
    assert outcome == Exit("stopped by the host", StopKind.TIMEOUT)
    assert time.monotonic() - started < 1
    assert guest.instance.failure is None
    guest.close()


def test_a_guest_that_recurses_to_death_with_a_host_call_at_each_level_is_ended() -> None:
    body = "(drop (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 0)))"
    deeper = f'(func $deeper (export "run") (result i32) {body} (call $deeper) (i32.add (i32.const 1)))'
    guest = new_guest(f"(module {_IMPORTS} {deeper})")
    outcome, _ = guest.run("run")
    assert outcome == Exit("the native stack is exhausted", StopKind.STACK)
    assert guest.instance.failure is None
    guest.close()


def test_an_exit_with_any_status_ends_the_guest_alone(neighbour: Neighbour) -> None:
    for status in (0, 1, 255, 2**31, LAST):
        guest = new_guest(CALL_ANYTHING)
        outcome, _ = guest.run("proc_exit", status)
        assert outcome == Exit(f"the program ended its interpreter with status {status}", StopKind.EXITED)
        neighbour.check()
        guest.close()


# Anything at all

_NUMBER = st.one_of(
    st.sampled_from([OUT, FILE_PATH, FOLDER_PATH, LINK_PATH, NEW_PATH, VECTORS, SUBSCRIPTIONS, DATA, MEMORY - 8]),
    st.integers(0, 20),
    st.integers(0, MEMORY + 10),
    st.integers(2**31 - 10, 2**31 + 10),
    st.integers(LAST - 20, LAST),
    st.integers(0, LAST),
)
_LONG_NUMBER = st.one_of(
    st.integers(0, 20),
    st.just(int(BOTH)),
    st.integers(2**32 - 10, 2**32 + 10),
    st.integers(2**63 - 20, 2**63 + 20),
    st.integers(LAST_64 - 20, LAST_64),
    st.integers(0, LAST_64),
)


@st.composite
def _one_call(draw: st.DrawFn) -> tuple[str, tuple[int, ...]]:
    """A call whose arguments are sound ones, some of them replaced."""
    name = draw(st.sampled_from(sorted(CALLS)))
    numbers = [_NUMBER if code == "I" else _LONG_NUMBER for code in SIGNATURES[name]]
    return name, tuple(
        draw(st.one_of(st.just(sound), number)) for sound, number in zip(CALLS[name], numbers, strict=True)
    )


_POKE = st.tuples(
    st.sampled_from([FILE_PATH, FOLDER_PATH, LINK_PATH, NEW_PATH, VECTORS, SUBSCRIPTIONS]),
    st.one_of(
        st.binary(min_size=1, max_size=48),
        st.text("./\0aä", min_size=1, max_size=12).map(str.encode),
        st.tuples(_NUMBER, _NUMBER).map(lambda pair: IOVEC.pack(*pair)),
        st.builds(
            SUBSCRIPTION.pack, _LONG_NUMBER, st.integers(0, 4), _NUMBER, _LONG_NUMBER, st.just(0), st.integers(0, 3)
        ),
    ),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(_one_call(), _one_call(), _POKE), min_size=1, max_size=25))
def test_any_calls_in_any_order_get_errnos(steps: list[tuple[str | int, tuple[int, ...] | bytes]]) -> None:
    guest = new_attacker()
    try:
        for what, details in steps:
            if isinstance(what, int):
                guest.write(what, details)
                continue
            Errno(guest.call(what, *details))
            check(guest)
            assert len(guest.wasi.files) <= OPEN_FILES
    finally:
        guest.close()
    assert guest.wasi.fs.usage().bytes >= 0


@dataclass
class Emptied:
    """What is left of a tree after everything in it was removed."""

    fs: FileSystem
    left: list[str] = field(default_factory=list)

    def remove(self, ino: int) -> None:
        for _, name, child, _ in self.fs.entries(ino, 2):
            try:
                self.fs.unlink(ino, name)
            except FileSystemError:
                self.remove(child)
                self.fs.rmdir(ino, name)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_one_call(), min_size=1, max_size=40))
def test_whatever_was_done_the_accounts_are_empty_when_the_tree_is(steps: list[tuple[str, tuple[int, ...]]]) -> None:
    guest = new_attacker()
    for name, arguments in steps:
        guest.call(name, *arguments)
    guest.close()
    fs = guest.wasi.fs
    Emptied(fs).remove(fs.root)
    assert (fs.usage().bytes, fs.usage().inodes) == (0, 0)
