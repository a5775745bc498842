"""What `describe` gives, `restore` makes the same file system of; what an enemy would write, it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from wasm_interp._core.vfs import Base, BaseBuilder, FileSystem, FileSystemError, Quota
from wasm_interp._core.vfs.codec import FileSystemData, NotAFileSystem, describe, identity, restore

QUOTA = Quota(bytes=10_000, inodes=100)


def base(content: bytes = b"built in") -> Base:
    builder = BaseBuilder()
    builder.directory("/usr", writable=False)
    builder.file("/usr/lib", content)
    builder.file("/etc/writable", b"of the base")
    builder.directory("/work", writable=True)
    return builder.build()


@pytest.fixture
def fs() -> FileSystem:
    made = FileSystem(base(), QUOTA, lambda: 5)
    root = made.root
    made.mkdir(root, "work/a")
    made.mkdir(root, "work/a/b")
    ino = made.open(root, "work/a/file", create=True)
    made.write(ino, 0, b"content")
    made.release(ino)
    made.link(root, "work/a/file", root, "work/hard")
    made.symlink("../file", root, "work/a/b/link")
    return made


def stored(fs: FileSystem) -> FileSystemData:
    """Through JSON, as in a snapshot."""
    data = describe(fs.fork())
    nodes = json.loads(json.dumps(data.nodes))
    return FileSystemData(data.next_ino, nodes, [bytes(each) for each in data.contents])


def remade(data: FileSystemData, opens: tuple[int, ...] = ()) -> FileSystem:
    return restore(data, base(), QUOTA, lambda: 9, opens)


def test_it_comes_back_the_same(fs: FileSystem) -> None:
    again = remade(stored(fs))
    assert again.usage() == fs.usage()
    assert bytes(again.read(again.resolve(again.root, "work/a/b/link"), 0, 99)) == b"content"
    assert again.stat(again.resolve(again.root, "work/hard")) == fs.stat(fs.resolve(fs.root, "work/hard"))
    assert again.entries(again.resolve(again.root, "work")) == fs.entries(fs.resolve(fs.root, "work"))
    assert stored(again) == stored(fs)


def test_it_can_be_changed_as_before(fs: FileSystem) -> None:
    again = remade(stored(fs))
    for each in (fs, again):
        each.unlink(each.root, "work/hard")
        each.rename(each.root, "work/a/file", each.root, "work/b")
        each.write(each.resolve(each.root, "work/b"), 7, b"more")
        each.unlink(each.root, "etc/writable")
    assert again.usage() == fs.usage()


def test_files_of_the_base_are_not_in_it(fs: FileSystem) -> None:
    assert stored(fs).contents == [b"content"]
    fs.write(fs.resolve(fs.root, "etc/writable"), 0, b"OF")
    assert sorted(stored(fs).contents) == [b"OF the base", b"content"]
    again = remade(stored(fs))
    assert bytes(again.read(again.resolve(again.root, "etc/writable"), 0, 99)) == b"OF the base"


def test_a_file_of_the_base_with_another_time_keeps_its_content(fs: FileSystem) -> None:
    fs.set_times(fs.resolve(fs.root, "etc/writable"), 1, 2)
    again = remade(stored(fs))
    ino = again.resolve(again.root, "etc/writable")
    assert (bytes(again.read(ino, 0, 99)), again.stat(ino).mtime_ns) == (b"of the base", 2)
    assert again.usage() == fs.usage()


def test_what_is_gone_from_the_base_stays_gone(fs: FileSystem) -> None:
    fs.unlink(fs.root, "etc/writable")
    fs.rmdir(fs.root, "etc")
    again = remade(stored(fs))
    with pytest.raises(FileSystemError):
        again.resolve(again.root, "etc")


def test_open_files_and_folders_without_a_name_live_until_released(fs: FileSystem) -> None:
    file = fs.open(fs.root, "work/a/file")
    folder = fs.open(fs.root, "work/a/b")
    for path in ("work/a/file", "work/hard", "work/a/b/link"):
        fs.unlink(fs.root, path)
    fs.rmdir(fs.root, "work/a/b")
    data = stored(fs)
    again = remade(data, (file, folder))
    assert bytes(again.read(file, 0, 99)) == b"content"
    assert again.usage() == fs.usage()
    for ino in (file, folder):
        again.release(ino)
        fs.release(ino)
    assert again.usage() == fs.usage()
    with pytest.raises(NotAFileSystem, match="has no name and is not open"):
        remade(data)


def test_the_quota_holds(fs: FileSystem) -> None:
    for quota in (Quota(bytes=6, inodes=100), Quota(bytes=100, inodes=3)):
        with pytest.raises(FileSystemError, match="NOSPC"):
            restore(stored(fs), base(), quota, lambda: 9, ())


def test_the_identity_is_of_the_tree() -> None:
    assert identity(base()) == identity(base())
    assert identity(base(b"longer content")) != identity(base())


def node(data: FileSystemData, kind: int, which: int = 0) -> list[Any]:
    """One of the nodes of that kind that the sandbox made."""
    return [each for each in data.nodes if each[0] == kind][which]


DIRECTORY, FILE, LINK = 3, 4, 7
B = -1  # work/a/b


def entries(data: FileSystemData, which: int) -> list[Any]:
    found: list[Any] = node(data, DIRECTORY, which)[8]
    return found


def into_each_other(data: FileSystemData) -> None:
    """a lies in b, and b in a."""
    a, b = node(data, DIRECTORY, -2), node(data, DIRECTORY, -1)
    b[8].append([b[7], "a", a[1], DIRECTORY])
    b[7] += 1
    b[2] += 1
    a[6] = b[1]
    work = node(data, DIRECTORY, -3)
    work[8] = [each for each in work[8] if each[2] != a[1]]
    work[2] -= 1


def set_field(kind: int, which: int, index: int, value: object) -> Callable[[FileSystemData], None]:
    return lambda data: node(data, kind, which).__setitem__(index, value)


def set_entry(which: int, index: int, value: object) -> Callable[[FileSystemData], None]:
    return lambda data: entries(data, which)[0].__setitem__(index, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(into_each_other, "is not reached from the root", id="a cycle of directories"),
        pytest.param(set_field(DIRECTORY, B, 6, 1), "not its parent", id="parent that does not have it"),
        pytest.param(set_field(DIRECTORY, B, 2, 3), "has 3 links, not 2", id="links of a directory"),
        pytest.param(set_field(FILE, 0, 2, 1), "has 1 links, not 2", id="links of a file"),
        pytest.param(set_field(FILE, 0, 6, 6), "is not of its size", id="size"),
        pytest.param(set_field(FILE, 0, 7, False), "is not of its size", id="uncharged"),
        pytest.param(set_field(FILE, 0, 3, 2**64), "past what there can be", id="time"),
        pytest.param(set_field(FILE, 0, 3, -1), "is -1", id="time before 1970"),
        pytest.param(set_field(FILE, 0, 0, 6), "is of kind 6", id="unknown kind"),
        pytest.param(set_field(FILE, 0, 0, DIRECTORY), "is of kind 3", id="file as a directory"),
        pytest.param(set_field(LINK, 0, 6, ""), "leads to ''", id="empty target"),
        pytest.param(set_field(LINK, 0, 6, "a\0b"), "leads to", id="NUL in a target"),
        pytest.param(set_field(LINK, 0, 6, "x" * 4096), "leads too far", id="long target"),
        pytest.param(set_field(LINK, 0, 6, "\ud800"), "is no name", id="half a surrogate pair"),
        pytest.param(set_entry(B, 1, ".."), r"has the name '\.\.'", id="dots"),
        pytest.param(set_entry(B, 1, "a/b"), "has the name 'a/b'", id="slash"),
        pytest.param(set_entry(B, 1, ""), "has the name ''", id="empty name"),
        pytest.param(set_entry(B, 1, "x" * 256), "has the name", id="long name"),
        pytest.param(set_entry(B, 0, 2), "out of order", id="cookie of a dot"),
        pytest.param(set_entry(B, 0, 10**6), "out of order", id="cookie past the next"),
        pytest.param(set_entry(B, 2, 10**9), "which is not there", id="entry to nothing"),
        pytest.param(set_entry(B, 2, 2), "which is not there", id="entry to what is read-only"),
        pytest.param(set_entry(B, 3, FILE), "is not of the kind", id="entry of another kind"),
        pytest.param(set_entry(B, 3, 99), "is of kind 99", id="entry of an unknown kind"),
        pytest.param(lambda data: entries(data, -2).append(entries(data, -2)[0]), "out of order", id="name twice"),
        pytest.param(lambda data: data.nodes.reverse(), "follows", id="out of order"),
        pytest.param(lambda data: data.nodes.insert(0, [0, 2]), "cannot be changed", id="read-only gone"),
        pytest.param(lambda data: data.nodes.insert(0, [0, 1]), "has 2 links, not 0", id="no root"),
        pytest.param(lambda data: data.nodes.append("text"), "is described by text", id="no list"),
        pytest.param(lambda data: data.nodes.append([4, True]), "is True", id="boolean number"),
        pytest.param(lambda data: data.contents.append(b"more"), "contents of no file", id="more contents"),
        pytest.param(lambda data: data.contents.clear(), "is not of its size", id="fewer contents"),
    ],
)
def test_what_is_no_file_system_is_refused(
    fs: FileSystem, change: Callable[[FileSystemData], object], message: str
) -> None:
    data = copy.deepcopy(stored(fs))
    change(data)
    with pytest.raises(NotAFileSystem, match=message):
        remade(data)


def test_removed_folders_above_each_other_are_refused(fs: FileSystem) -> None:
    """Nothing would ever end a walk up from one of them."""
    numbers = []
    for name in ("work/x", "work/y"):
        fs.mkdir(fs.root, name)
        numbers.append(fs.open(fs.root, name))
        fs.rmdir(fs.root, name)
    data = stored(fs)
    remade(data, tuple(numbers))
    for ino, above in zip(numbers, reversed(numbers), strict=True):
        next(each for each in data.nodes if each[1] == ino)[6] = above
    with pytest.raises(NotAFileSystem, match="is above itself"):
        remade(data, tuple(numbers))


@pytest.mark.parametrize("next_ino", [0, 5, -1, True, 2**63])
def test_a_next_number_out_of_bounds_is_refused(fs: FileSystem, next_ino: int) -> None:
    data = stored(fs)
    with pytest.raises(NotAFileSystem, match="next_ino"):
        remade(FileSystemData(next_ino, data.nodes, data.contents))
