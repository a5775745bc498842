"""Reading and changing files: offsets, holes, copies and the memory they take."""

import ctypes
import tracemalloc

import pytest

from wasm_interp._core.vfs import BaseBuilder, FileSystem, FileSystemError, Quota

MIB = 1 << 20


@pytest.fixture
def ino(fs: FileSystem) -> int:
    return fs.open(fs.root, "/tmp/f", create=True, write=True)


def text(fs: FileSystem, ino: int) -> bytes:
    return bytes(fs.read(ino, 0, 10_000))


def test_write_past_the_end_fills_the_hole_with_zeros(fs: FileSystem, ino: int) -> None:
    assert fs.write(ino, 3, b"ab") == 2
    assert text(fs, ino) == b"\0\0\0ab"


def test_write_over_the_end_replaces_and_extends(fs: FileSystem, ino: int) -> None:
    fs.write(ino, 0, b"12345")
    fs.write(ino, 3, b"abcd")
    assert text(fs, ino) == b"123abcd"


def test_write_inside_changes_nothing_else(fs: FileSystem, ino: int) -> None:
    fs.write(ino, 0, b"12345")
    fs.write(ino, 1, b"ab")
    assert text(fs, ino) == b"1ab45"


def test_empty_write_past_the_end_changes_nothing(fs: FileSystem, ino: int, clock) -> None:
    clock.now_ns = 2_000
    assert fs.write(ino, 100, b"") == 0
    assert (fs.stat(ino).size, fs.stat(ino).mtime_ns) == (0, 1_000)


def test_append_returns_the_new_end(fs: FileSystem, ino: int) -> None:
    assert fs.append(ino, b"ab") == 2
    assert fs.append(ino, b"") == 2
    assert fs.append(ino, b"cde") == 5
    assert text(fs, ino) == b"abcde"


def test_truncate_cuts_and_lengthens_with_zeros(fs: FileSystem, ino: int) -> None:
    fs.write(ino, 0, b"abcdef")
    fs.truncate(ino, 2)
    fs.truncate(ino, 4)
    assert text(fs, ino) == b"ab\0\0"


def test_read_is_short_at_the_end_and_empty_past_it(fs: FileSystem, ino: int) -> None:
    fs.write(ino, 0, b"abc")
    assert bytes(fs.read(ino, 2, 10)) == b"c"
    assert bytes(fs.read(ino, 3, 10)) == b""
    assert bytes(fs.read(ino, 2**63, 10)) == b""
    target = bytearray(b"....")
    assert fs.read_into(ino, 1, memoryview(target)) == 2
    assert target == b"bc.."
    assert fs.read_into(ino, 2**63, memoryview(target)) == 0


def test_a_read_of_a_changeable_file_does_not_block_its_resize(fs: FileSystem, ino: int) -> None:
    fs.write(ino, 0, b"abc")
    kept = fs.read(ino, 0, 3)
    fs.append(ino, b"d" * 500)
    fs.truncate(ino, 0)
    assert bytes(kept) == b"abc"


def test_foreign_memory_is_read_and_filled_in_place(fs: FileSystem, ino: int) -> None:
    guest = (ctypes.c_ubyte * 4)(1, 2, 3, 4)
    fs.append(ino, memoryview(guest))
    fs.append(ino, memoryview(guest)[1:3])
    assert text(fs, ino) == bytes([1, 2, 3, 4, 2, 3])
    assert fs.read_into(ino, 3, memoryview(guest)) == 3
    assert bytes(guest) == bytes([4, 2, 3, 4])


@pytest.mark.parametrize("call", [
    lambda fs, ino: fs.read(ino, -1, 1),
    lambda fs, ino: fs.read(ino, 0, -1),
    lambda fs, ino: fs.read_into(ino, -1, memoryview(bytearray(1))),
    lambda fs, ino: fs.write(ino, -1, b"x"),
    lambda fs, ino: fs.truncate(ino, -1),
])  # fmt: skip
def test_negative_numbers_are_invalid(fs: FileSystem, ino: int, call) -> None:
    with pytest.raises(FileSystemError, match=r"^INVAL$"):
        call(fs, ino)


def test_offsets_end_at_2_to_the_63(fs: FileSystem, ino: int) -> None:
    with pytest.raises(FileSystemError, match=r"^FBIG$"):
        fs.write(ino, 2**63 - 1, b"x")
    with pytest.raises(FileSystemError, match=r"^FBIG$"):
        fs.truncate(ino, 2**63)
    with pytest.raises(FileSystemError, match=r"^NOSPC$"):
        fs.truncate(ino, 2**63 - 1)


@pytest.mark.parametrize(("path", "errno"), [("/tmp", "ISDIR"), ("/home/user/shortcut", "INVAL")])
def test_only_regular_files_have_content(fs: FileSystem, path: str, errno: str) -> None:
    ino = fs.resolve(fs.root, path, follow=False)
    for call in (fs.read, lambda ino, *_: fs.write(ino, 0, b"x"), lambda ino, *_: fs.truncate(ino, 0)):
        with pytest.raises(FileSystemError, match=rf"^{errno}$"):
            call(ino, 0, 1)


def test_read_only_files_stay_as_they_are(fs: FileSystem) -> None:
    ino = fs.resolve(fs.root, "/usr/lib/stdlib.zip")
    for call in (
        lambda: fs.write(ino, 0, b"x"), lambda: fs.append(ino, b"x"), lambda: fs.truncate(ino, 0),
        lambda: fs.set_times(ino, 1, 1), lambda: fs.set_times(fs.resolve(fs.root, "/usr"), 1, 1),
    ):  # fmt: skip
        with pytest.raises(FileSystemError, match=r"^ROFS$"):
            call()
    assert text(fs, ino) == b"PK-stdlib"


def test_a_base_file_in_a_writable_directory_can_be_written(fs: FileSystem) -> None:
    ino = fs.open(fs.root, "/home/user/notes.txt", write=True)
    fs.write(ino, 0, b"BASE")
    assert text(fs, ino) == b"BASE notes"
    assert fs.resolve(fs.root, "/home/user/notes.txt") == ino


def test_changes_touch_mtime_and_ctime_but_reads_touch_nothing(fs: FileSystem, ino: int, clock) -> None:
    clock.now_ns = 2_000
    fs.append(ino, b"x")
    clock.now_ns = 3_000
    fs.read(ino, 0, 1)
    found = fs.stat(ino)
    assert (found.atime_ns, found.mtime_ns, found.ctime_ns) == (1_000, 2_000, 2_000)
    fs.truncate(ino, 1)
    assert fs.stat(ino).mtime_ns == 3_000


def test_set_times_leaves_what_is_none_and_counts_as_a_change(fs: FileSystem, ino: int, clock) -> None:
    clock.now_ns = 2_000
    fs.set_times(ino, 5, None)
    found = fs.stat(ino)
    assert (found.atime_ns, found.mtime_ns, found.ctime_ns) == (5, 1_000, 2_000)
    fs.set_times(ino, None, 6)
    assert (fs.stat(ino).atime_ns, fs.stat(ino).mtime_ns) == (5, 6)


def peak_bytes(action) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_hole_beyond_the_quota_allocates_nothing(fs: FileSystem, ino: int) -> None:
    def far_write() -> None:
        with pytest.raises(FileSystemError, match=r"^NOSPC$"):
            fs.write(ino, 10 << 30, b"x")

    assert peak_bytes(far_write) < MIB
    assert fs.stat(ino).size == 0


def test_growing_to_the_quota_takes_at_most_twice_its_memory() -> None:
    fs = FileSystem(BaseBuilder().build(), Quota(32 * MIB, 1), lambda: 0)
    ino, chunk = fs.open(fs.root, "f", create=True), bytes(64 << 10)

    def fill() -> None:
        while fs.usage().bytes < 32 * MIB:
            fs.append(ino, chunk)

    assert peak_bytes(fill) < 64 * MIB


def test_copying_a_base_file_up_takes_its_size_once() -> None:
    builder = BaseBuilder()
    ino = builder.file("f", bytes(16 * MIB))
    fs = FileSystem(builder.build(), Quota(16 * MIB, 1), lambda: 0)
    assert peak_bytes(lambda: fs.write(ino, 5, b"x")) < 17 * MIB
    assert peak_bytes(lambda: fs.write(ino, 6, b"x")) < MIB


def test_truncating_a_base_file_copies_only_what_stays() -> None:
    builder = BaseBuilder()
    ino = builder.file("f", b"abc" + bytes(16 * MIB))
    fs = FileSystem(builder.build(), Quota(100, 1), lambda: 0)
    assert peak_bytes(lambda: fs.truncate(ino, 3)) < MIB
    assert text(fs, ino) == b"abc"
