"""Directory entries and their cookies."""

from itertools import count

import pytest

from wasm_interp._core.vfs import FileSystem, FileSystemError, Kind, Quota
from wasm_interp._core.vfs.nodes import Directory, File


def directory() -> Directory:
    return Directory(1, False, 2, 0, 0, 0, 1)


def file(ino: int) -> File:
    return File(ino, False, 1, 0, 0, 0)


def names(fs: FileSystem, path: str, after: int = 0, limit: int | None = None) -> list[str]:
    return [entry.name for entry in fs.entries(fs.resolve(fs.root, path), after, limit)]


def test_a_listing_starts_with_the_dots_at_cookies_1_and_2(fs: FileSystem) -> None:
    tmp = fs.resolve(fs.root, "/tmp")
    fs.mkdir(tmp, "d")
    fs.symlink("x", tmp, "l")
    found = fs.entries(tmp)
    assert [(entry.cookie, entry.name, entry.kind) for entry in found] == [
        (1, ".", Kind.DIRECTORY), (2, "..", Kind.DIRECTORY), (3, "d", Kind.DIRECTORY), (4, "l", Kind.SYMLINK),
    ]  # fmt: skip
    assert [entry.ino for entry in found[:3]] == [tmp, fs.root, fs.resolve(tmp, "d")]


@pytest.mark.parametrize(("after", "limit", "expected"), [
    (0, 1, ["."]), (1, 1, [".."]), (1, 2, ["..", "d"]), (0, 0, []), (2, None, ["d", "l"]), (3, 5, ["l"]),
    (4, None, []), (1 << 60, None, []),
])  # fmt: skip
def test_a_listing_goes_on_after_any_cookie(fs: FileSystem, after: int, limit: int | None, expected: list[str]) -> None:
    fs.mkdir(fs.root, "/tmp/d")
    fs.symlink("x", fs.root, "/tmp/l")
    assert names(fs, "/tmp", after, limit) == expected


def test_negative_cookies_and_limits_are_invalid(fs: FileSystem) -> None:
    for after, limit in ((-1, None), (0, -1)):
        with pytest.raises(FileSystemError, match=r"^INVAL$"):
            fs.entries(fs.root, after, limit)


def test_only_directories_have_entries(fs: FileSystem) -> None:
    with pytest.raises(FileSystemError, match=r"^NOTDIR$"):
        fs.entries(fs.resolve(fs.root, "/usr/lib/stdlib.zip"))


def test_removing_while_listing_reaches_every_entry(base, clock) -> None:
    fs = FileSystem(base, Quota(0, 1_000), clock)
    tmp = fs.resolve(fs.root, "/tmp")
    for number in range(500):
        fs.mkdir(tmp, f"d{number}")
    removed, cookie = [], 2
    while batch := fs.entries(tmp, cookie, 7):
        cookie = batch[-1].cookie
        for entry in batch:
            fs.rmdir(tmp, entry.name)
            removed.append(entry.name)
    assert removed == [f"d{number}" for number in range(500)]


def test_an_entry_added_while_listing_comes_last(fs: FileSystem) -> None:
    for name in "ab":
        fs.mkdir(fs.root, f"/tmp/{name}")
    fs.rmdir(fs.root, "/tmp/a")
    fs.mkdir(fs.root, "/tmp/a")
    assert names(fs, "/tmp", 2) == ["b", "a"]


def test_a_rename_onto_a_name_keeps_the_place_of_that_name(fs: FileSystem) -> None:
    for name in "abc":
        fs.release(fs.open(fs.root, f"/tmp/{name}", create=True))
    place = fs.entries(fs.resolve(fs.root, "/tmp"), 2)[0].cookie
    fs.rename(fs.root, "/tmp/c", fs.root, "/tmp/a")
    assert names(fs, "/tmp", 2) == ["a", "b"]
    assert names(fs, "/tmp", place) == ["b"]


def test_cookies_are_not_given_out_again(fs: FileSystem) -> None:
    tmp = fs.resolve(fs.root, "/tmp")
    fs.mkdir(tmp, "a")
    fs.rmdir(tmp, "a")
    fork = fs.fork()
    fork.mkdir(tmp, "b")
    assert [entry.cookie for entry in fork.entries(tmp, 2)] == [4]


def test_removed_entries_do_not_pile_up() -> None:
    node = directory()
    for ino in range(10_000):
        node.put(f"{ino}", file(ino))
        node.discard(f"{ino}")
    assert len(node._order) < 32


def test_a_page_in_the_middle_costs_no_walk_from_the_start() -> None:
    node = directory()
    for ino in range(50_000):
        node.put(f"{ino}", file(ino))
    reads = count()

    class Counting(list):
        def __getitem__(self, index):
            next(reads)
            return super().__getitem__(index)

    node._order = Counting(node._order)
    assert [entry.name for entry in node.after(40_000, 3)] == ["39998", "39999", "40000"]
    assert next(reads) < 50


def test_a_copy_of_a_directory_is_independent() -> None:
    node = directory()
    for ino in range(5):
        node.put(f"{ino}", file(ino))
    node.discard("2")
    copy = node.copy()
    copy.put("new", file(9))
    copy.discard("0")
    copy.put("1", file(8))
    assert [entry.name for entry in node.after(0, None)] == ["0", "1", "3", "4"]
    assert [(entry.name, entry.ino) for entry in copy.after(0, None)] == [("1", 8), ("3", 3), ("4", 4), ("new", 9)]
