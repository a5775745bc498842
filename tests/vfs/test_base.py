"""The base is built once and shared: nothing in it is copied or changed."""

from array import array
from concurrent.futures import ThreadPoolExecutor

import pytest

from wasm_interp._core.vfs import Base, BaseBuilder, FileSystem, FileSystemError, Quota, Usage


def test_content_is_never_copied() -> None:
    content = b"x" * 1000
    builder = BaseBuilder()
    plain, mapped = builder.file("/plain", content), builder.file("/mapped", memoryview(content)[10:20])
    fs = FileSystem(builder.build(), Quota(0, 0), lambda: 0)
    for ino in (plain, mapped):
        view = fs.read(ino, 5, 3)
        assert isinstance(view, memoryview)
        assert view.obj is content


def test_read_only_content_of_another_format_is_taken_as_bytes() -> None:
    builder = BaseBuilder()
    ino = builder.file("/numbers", memoryview(array("H", [1, 2])).toreadonly())
    assert FileSystem(builder.build(), Quota(0, 0), lambda: 0).stat(ino).size == 4


@pytest.mark.parametrize("content", [bytearray(b"x"), memoryview(bytearray(b"x")), memoryview(b"abcd")[::2]])
def test_content_that_could_change_or_has_gaps_is_refused(content: bytearray | memoryview) -> None:
    message = r"^content of '/f' must be bytes or a read-only, contiguous memoryview$"
    with pytest.raises(ValueError, match=message):
        BaseBuilder().file("/f", content)


def test_parents_are_made_and_an_unmarked_directory_is_like_the_one_it_is_in(fs: FileSystem) -> None:
    fs.mkdir(fs.root, "/home/user/new")
    with pytest.raises(FileSystemError, match=r"^ROFS$"):
        fs.mkdir(fs.root, "/usr/lib/new")


def test_a_writable_directory_may_lie_in_a_read_only_one() -> None:
    builder = BaseBuilder()
    builder.directory("/usr", writable=False)
    builder.directory("/usr/local/cache", writable=True)
    fs = FileSystem(builder.build(), Quota(0, 1), lambda: 0)
    fs.mkdir(fs.root, "/usr/local/cache/new")
    with pytest.raises(FileSystemError, match=r"^ROFS$"):
        fs.mkdir(fs.root, "/usr/local/new")


def test_a_directory_can_be_marked_after_it_was_filled() -> None:
    builder = BaseBuilder()
    ino = builder.file("/data/f", b"1")
    builder.directory("/data", writable=False)
    fs = FileSystem(builder.build(), Quota(10, 1), lambda: 0)
    with pytest.raises(FileSystemError, match=r"^ROFS$"):
        fs.write(ino, 0, b"2")


def test_a_detached_tree_is_its_own_parent_and_in_no_listing() -> None:
    builder = BaseBuilder()
    tree = builder.tree()
    builder.file("/inside/f", b"1", tree=tree)
    builder.file("/outside", b"2")
    fs = FileSystem(builder.build(), Quota(10, 1), lambda: 0)
    assert fs.resolve(tree, "..") == fs.resolve(tree, "inside/../../..") == tree
    assert [entry.name for entry in fs.entries(fs.root)] == [".", "..", "outside"]
    assert fs.resolve(tree, "/outside") == fs.resolve(fs.root, "outside")
    with pytest.raises(FileSystemError, match=r"^ROFS$"):
        fs.unlink(tree, "inside/f")


def test_times_are_the_builders_unless_said_otherwise() -> None:
    builder = BaseBuilder(mtime_ns=5)
    old, new = builder.file("/old", b""), builder.file("/new", b"", mtime_ns=6)
    fs = FileSystem(builder.build(), Quota(0, 0), lambda: 0)
    assert (fs.stat(old).mtime_ns, fs.stat(new).mtime_ns, fs.stat(fs.root).mtime_ns) == (5, 6, 5)


def test_directory_links_count_subdirectories(fs: FileSystem) -> None:
    assert fs.stat(fs.resolve(fs.root, "/usr")).links == 4
    assert fs.stat(fs.resolve(fs.root, "/tmp")).links == 2


@pytest.mark.parametrize("path", ["a/../b", "./a", "a\0b"])
def test_only_plain_paths_are_taken(path: str) -> None:
    with pytest.raises(ValueError, match=r"is not a plain path$"):
        BaseBuilder().directory(path)


def test_mistakes_in_building_are_value_errors() -> None:
    builder = BaseBuilder()
    builder.file("/f", b"")
    with pytest.raises(ValueError, match=r"^'/f' is there already$"):
        builder.file("/f", b"")
    with pytest.raises(ValueError, match=r"^'/' names no entry$"):
        builder.file("/", b"")
    with pytest.raises(ValueError, match=r"^'f' of 'f/g' is not a directory$"):
        builder.directory("/f/g")
    with pytest.raises(ValueError, match=r"^'' cannot be the target of a symbolic link$"):
        builder.symlink("/l", "")


def test_the_base_counts_nothing(fs: FileSystem) -> None:
    assert fs.usage() == Usage(0, 0)


def test_file_systems_over_one_base_are_independent(base: Base) -> None:
    def session(number: int) -> bytes:
        fs = FileSystem(base, Quota(1_000, 20), lambda: 0)
        ino = fs.resolve(fs.root, "/home/user/notes.txt")
        for _ in range(50):
            fs.append(ino, b"%d" % number)
        fs.unlink(fs.root, "/home/user/shortcut")
        return bytes(fs.read(ino, 0, 1_000))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(session, range(8))) == [b"base notes" + b"%d" % n * 50 for n in range(8)]
    untouched = FileSystem(base, Quota(0, 0), lambda: 0)
    notes = untouched.resolve(untouched.root, "/home/user/shortcut")
    assert bytes(untouched.read(notes, 0, 99)) == b"base notes"
