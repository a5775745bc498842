"""Making, moving and removing names: what permissions-free Linux does, and what a read-only directory answers."""

from collections.abc import Callable

import pytest

from wasm_interp._core.vfs import FileSystem, FileSystemError, Kind, Usage


def make(fs: FileSystem, path: str, content: bytes = b"") -> int:
    ino = fs.open(fs.root, path, create=True, write=True)
    fs.write(ino, 0, content)
    fs.release(ino)
    return ino


def content(fs: FileSystem, path: str) -> bytes:
    return bytes(fs.read(fs.resolve(fs.root, path), 0, 100))


def refuses(errno: str, call: Callable[..., object], *args: object, **options: object) -> None:
    with pytest.raises(FileSystemError, match=rf"^{errno}$"):
        call(*args, **options)


# open


@pytest.mark.parametrize(("path", "flags", "errno"), [
    ("/tmp/new", {}, "NOENT"),
    ("/tmp/new/", {"create": True}, "ISDIR"),
    ("/nowhere/f", {"create": True}, "NOENT"),
    ("/home/user/notes.txt", {"create": True, "exclusive": True}, "EXIST"),
    ("/home/user/shortcut", {"create": True, "exclusive": True}, "EXIST"),
    ("/tmp", {"create": True}, "ISDIR"),
    ("/tmp/.", {"create": True, "exclusive": True}, "EXIST"),
    ("/tmp", {"write": True}, "ISDIR"),
    ("/tmp", {"truncate": True}, "ISDIR"),
    ("/tmp/new", {"create": True, "directory": True}, "INVAL"),
    ("/home/user/notes.txt", {"directory": True}, "NOTDIR"),
    ("/home/user/notes.txt/", {}, "NOTDIR"),
    ("/home/user/shortcut", {"follow": False}, "LOOP"),
    ("/home/user/shortcut", {"follow": False, "create": True}, "LOOP"),
    ("/home/user/shortcut", {"follow": False, "directory": True}, "NOTDIR"),
    ("/usr/lib/stdlib.zip", {"write": True}, "ROFS"),
    ("/usr/lib/stdlib.zip", {"truncate": True}, "ROFS"),
    ("/usr/lib/new", {"create": True}, "ROFS"),
    ("/usr/lib/stdlib.zip", {"create": True, "exclusive": True}, "EXIST"),
])  # fmt: skip
def test_open_refuses(fs: FileSystem, path: str, flags: dict[str, bool], errno: str) -> None:
    refuses(errno, fs.open, fs.root, path, **flags)
    assert fs.usage() == Usage(0, 0)


def test_open_creates_through_a_dangling_link(fs: FileSystem) -> None:
    fs.symlink("../home/made", fs.root, "/tmp/l")
    ino = fs.open(fs.root, "/tmp/l", create=True)
    assert fs.resolve(fs.root, "/home/made") == ino


def test_open_to_create_takes_what_is_there(fs: FileSystem) -> None:
    assert fs.open(fs.root, "/usr/lib/stdlib.zip", create=True) == fs.resolve(fs.root, "/usr/lib/stdlib.zip")


def test_open_truncates_what_was_there(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f", b"abc")
    assert fs.open(fs.root, "/tmp/f", truncate=True, write=True) == ino
    assert fs.stat(ino).size == 0


def test_an_unlinked_file_lives_until_the_last_release(fs: FileSystem) -> None:
    ino = fs.open(fs.root, "/tmp/f", create=True)
    fs.retain(ino)
    fs.write(ino, 0, b"abc")
    fs.unlink(fs.root, "/tmp/f")
    make(fs, "/tmp/f", b"other")
    fs.release(ino)
    assert (bytes(fs.read(ino, 0, 9)), fs.stat(ino).links) == (b"abc", 0)
    fs.release(ino)
    refuses("BADF", fs.read, ino, 0, 9)
    refuses("BADF", fs.stat, ino)


def test_release_and_retain_of_what_is_not_open_are_bad(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f")
    refuses("BADF", fs.release, ino)
    refuses("BADF", fs.retain, 12345)


def test_rename_over_an_open_file_keeps_the_old_bytes(fs: FileSystem) -> None:
    make(fs, "/tmp/new", b"new")
    old = fs.open(fs.root, "/tmp/f", create=True)
    fs.write(old, 0, b"old")
    fs.rename(fs.root, "/tmp/new", fs.root, "/tmp/f")
    assert (bytes(fs.read(old, 0, 9)), content(fs, "/tmp/f")) == (b"old", b"new")


# mkdir, symlink, link


def test_new_directories_know_their_parent(fs: FileSystem) -> None:
    ino = fs.mkdir(fs.root, "/tmp/d/")
    assert fs.resolve(ino, "..") == fs.resolve(fs.root, "/tmp")
    assert (fs.stat(ino).links, fs.stat(fs.resolve(fs.root, "/tmp")).links) == (2, 3)


@pytest.mark.parametrize("path", ["/", "/tmp", "/tmp/", "/tmp/.", "/tmp/..", "/usr/lib", "/home/user/shortcut", "/l"])
def test_what_is_there_cannot_be_made(fs: FileSystem, path: str) -> None:
    fs.symlink("nowhere", fs.root, "/l")
    refuses("EXIST", fs.mkdir, fs.root, path)
    refuses("EXIST", fs.symlink, "x", fs.root, path)
    refuses("EXIST", fs.link, fs.root, "/home/user/notes.txt", fs.root, path)


def test_only_a_directory_can_be_made_with_a_trailing_slash(fs: FileSystem) -> None:
    refuses("NOENT", fs.symlink, "x", fs.root, "/tmp/new/")
    refuses("NOENT", fs.link, fs.root, "/home/user/notes.txt", fs.root, "/tmp/new/")


@pytest.mark.parametrize(("target", "errno"), [("", "NOENT"), ("a\0", "INVAL"), ("a" * 4096, "NAMETOOLONG")])
def test_what_no_link_can_hold(fs: FileSystem, target: str, errno: str) -> None:
    refuses(errno, fs.symlink, target, fs.root, "/tmp/l")


def test_readlink_gives_the_target_as_it_was_given(fs: FileSystem) -> None:
    fs.symlink(".//ä/../x/", fs.root, "/tmp/l")
    assert fs.readlink(fs.root, "/tmp/l") == ".//ä/../x/"
    assert fs.stat(fs.resolve(fs.root, "/tmp/l", follow=False)).size == len(".//ä/../x/".encode())
    for path in ("/tmp", "/home/user/notes.txt"):
        refuses("INVAL", fs.readlink, fs.root, path)


def test_hard_links_share_one_inode(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f", b"abc")
    fs.link(fs.root, "/tmp/f", fs.root, "/tmp/g")
    assert fs.resolve(fs.root, "/tmp/g") == ino
    assert fs.stat(ino).links == 2
    fs.unlink(fs.root, "/tmp/f")
    assert (fs.stat(ino).links, content(fs, "/tmp/g")) == (1, b"abc")


def test_link_takes_a_link_itself_or_what_it_leads_to(fs: FileSystem) -> None:
    fs.link(fs.root, "/home/user/shortcut", fs.root, "/home/user/same")
    fs.link(fs.root, "/home/user/shortcut", fs.root, "/home/user/notes", follow=True)
    assert fs.stat(fs.resolve(fs.root, "/home/user/same", follow=False)).kind is Kind.SYMLINK
    assert fs.resolve(fs.root, "/home/user/notes", follow=False) == fs.resolve(fs.root, "/home/user/notes.txt")


def test_directories_cannot_be_hard_linked(fs: FileSystem) -> None:
    refuses("PERM", fs.link, fs.root, "/home", fs.root, "/tmp/h")


# unlink, rmdir


@pytest.mark.parametrize(("path", "errno"), [
    ("/tmp", "ISDIR"), ("/tmp/", "ISDIR"), ("/", "ISDIR"), ("/tmp/.", "ISDIR"), ("/tmp/nowhere", "NOENT"),
    ("/home/user/notes.txt/", "NOTDIR"), ("/usr/lib/stdlib.zip", "ROFS"), ("/usr/lib/nowhere", "ROFS"),
])  # fmt: skip
def test_unlink_refuses(fs: FileSystem, path: str, errno: str) -> None:
    refuses(errno, fs.unlink, fs.root, path)


@pytest.mark.parametrize(("path", "errno"), [
    ("/home", "NOTEMPTY"), ("/home/user/notes.txt", "NOTDIR"), ("/tmp/.", "INVAL"), ("/tmp/..", "NOTEMPTY"),
    ("/", "BUSY"), ("/tmp/nowhere", "NOENT"), ("/tmp/l", "NOTDIR"), ("/tmp/l/", "NOTDIR"),
    ("/usr/empty", "ROFS"), ("/usr", "ROFS"),
])  # fmt: skip
def test_rmdir_refuses(fs: FileSystem, path: str, errno: str) -> None:
    fs.symlink("/home", fs.root, "/tmp/l")
    refuses(errno, fs.rmdir, fs.root, path)


def test_a_removed_directory_that_is_open_is_empty_and_takes_nothing_in(fs: FileSystem) -> None:
    fs.mkdir(fs.root, "/tmp/d")
    ino = fs.open(fs.root, "/tmp/d", directory=True)
    fs.rmdir(fs.root, "/tmp/d")
    assert fs.entries(ino) == []
    assert fs.stat(ino).links == 0
    assert fs.resolve(ino, "..") == fs.resolve(fs.root, "/tmp")
    for call in (
        lambda: fs.mkdir(ino, "x"), lambda: fs.open(ino, "x", create=True), lambda: fs.symlink("x", ino, "x"),
        lambda: fs.link(fs.root, "/home/user/notes.txt", ino, "x"), lambda: fs.resolve(ino, "x"),
        lambda: fs.rename(fs.root, "/home/user/notes.txt", ino, "x"), lambda: fs.mkdir(ino, "n" * 256),
    ):  # fmt: skip
        refuses("NOENT", call)
    fs.release(ino)
    assert fs.usage() == Usage(0, 0)


def test_the_parent_of_a_removed_directory_is_not_found_once_it_is_gone_too(fs: FileSystem) -> None:
    fs.mkdir(fs.root, "/tmp/d")
    ino = fs.mkdir(fs.root, "/tmp/d/e")
    fs.retain(ino)
    fs.rmdir(fs.root, "/tmp/d/e")
    fs.rmdir(fs.root, "/tmp/d")
    refuses("NOENT", fs.resolve, ino, "..")
    refuses("NOENT", fs.resolve, ino, "../x")


# rename


def test_rename_moves_a_directory_with_what_is_in_it(fs: FileSystem) -> None:
    fs.mkdir(fs.root, "/tmp/d")
    fs.rename(fs.root, "/home/user/", fs.root, "/tmp/d/moved/")
    assert content(fs, "/tmp/d/moved/notes.txt") == b"base notes"
    assert fs.resolve(fs.root, "/tmp/d/moved/..") == fs.resolve(fs.root, "/tmp/d")
    links = [fs.stat(fs.resolve(fs.root, path)).links for path in ("/home", "/tmp/d", "/tmp/d/moved")]
    assert links == [2, 3, 2]


def test_rename_replaces_an_empty_directory(fs: FileSystem) -> None:
    for name in "ab":
        fs.mkdir(fs.root, f"/tmp/{name}")
    make(fs, "/tmp/a/f", b"1")
    fs.rename(fs.root, "/tmp/a", fs.root, "/tmp/b")
    assert content(fs, "/tmp/b/f") == b"1"
    assert fs.stat(fs.resolve(fs.root, "/tmp")).links == 3
    assert fs.usage() == Usage(bytes=1, inodes=2)


@pytest.mark.parametrize(("old", "new", "errno"), [
    ("/tmp/nowhere", "/tmp/x", "NOENT"),
    ("/tmp/f", "/tmp/nowhere/x", "NOENT"),
    ("/tmp/f", "/tmp/empty", "ISDIR"),
    ("/tmp/empty", "/tmp/f", "NOTDIR"),
    ("/tmp/empty", "/tmp/full", "NOTEMPTY"),
    ("/tmp/empty", "/tmp/empty/x", "INVAL"),
    ("/tmp/full", "/tmp/full/d/x", "INVAL"),
    ("/tmp/full/d", "/tmp/full", "NOTEMPTY"),
    ("/tmp/full/f", "/tmp/full", "NOTEMPTY"),
    ("/tmp/f/", "/tmp/x", "NOTDIR"),
    ("/tmp/f", "/tmp/x/", "NOTDIR"),
    ("/tmp/.", "/tmp/x", "BUSY"),
    ("/tmp/f", "/tmp/full/..", "BUSY"),
    ("/tmp/f", "/", "BUSY"),
    ("/tmp/f", "/usr/lib/x", "ROFS"),
    ("/usr/lib/stdlib.zip", "/tmp/x", "ROFS"),
    ("/usr", "/tmp/x", "ROFS"),
    ("/tmp/empty", "/usr", "ROFS"),
])  # fmt: skip
def test_rename_refuses(fs: FileSystem, old: str, new: str, errno: str) -> None:
    for path in ("/tmp/empty", "/tmp/full", "/tmp/full/d"):
        fs.mkdir(fs.root, path)
    for path in ("/tmp/f", "/tmp/full/f"):
        make(fs, path)
    refuses(errno, fs.rename, fs.root, old, fs.root, new)


def test_rename_to_another_name_of_the_same_file_does_nothing(fs: FileSystem) -> None:
    make(fs, "/tmp/f")
    fs.link(fs.root, "/tmp/f", fs.root, "/tmp/g")
    fs.rename(fs.root, "/tmp/f", fs.root, "/tmp/g")
    fs.rename(fs.root, "/tmp/f", fs.root, "/tmp/f")
    assert [entry.name for entry in fs.entries(fs.resolve(fs.root, "/tmp"), 2)] == ["f", "g"]


def test_rename_of_a_link_moves_the_link(fs: FileSystem) -> None:
    fs.rename(fs.root, "/home/user/shortcut", fs.root, "/tmp/l")
    assert fs.readlink(fs.root, "/tmp/l") == "notes.txt"


# read-only directories, times


def test_nothing_is_made_or_linked_in_a_read_only_directory(fs: FileSystem) -> None:
    refuses("ROFS", fs.mkdir, fs.root, "/usr/new")
    refuses("ROFS", fs.symlink, "x", fs.root, "/usr/new")
    refuses("ROFS", fs.link, fs.root, "/home/user/notes.txt", fs.root, "/usr/new")
    refuses("ROFS", fs.link, fs.root, "/usr/lib/stdlib.zip", fs.root, "/tmp/new")
    assert fs.usage() == Usage(0, 0)


def test_names_touch_their_directory_and_what_they_lead_to(fs: FileSystem, clock) -> None:
    ino, tmp, home = make(fs, "/tmp/f"), fs.resolve(fs.root, "/tmp"), fs.resolve(fs.root, "/home")

    def touched(inode: int) -> tuple[int, int]:
        return fs.stat(inode).mtime_ns, fs.stat(inode).ctime_ns

    clock.now_ns = 2_000
    fs.link(fs.root, "/tmp/f", fs.root, "/home/g")
    assert (touched(tmp), touched(home), touched(ino)) == ((1_000, 1_000), (2_000, 2_000), (1_000, 2_000))
    clock.now_ns = 3_000
    fs.unlink(fs.root, "/home/g")
    assert (touched(tmp), touched(home), touched(ino)) == ((1_000, 1_000), (3_000, 3_000), (1_000, 3_000))
    clock.now_ns = 4_000
    fs.rename(fs.root, "/tmp/f", fs.root, "/home/f")
    assert (touched(tmp), touched(home), touched(ino)) == ((4_000, 4_000), (4_000, 4_000), (1_000, 4_000))
