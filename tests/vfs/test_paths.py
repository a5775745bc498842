"""Path resolution, with what the machine of test_against_posix.py leaves out: absolute paths and exact limits."""

import pytest

from wasm_interp._core.vfs import FileSystem, FileSystemError, Kind, Quota


def content(fs: FileSystem, path: str) -> bytes:
    return bytes(fs.read(fs.resolve(fs.root, path), 0, 100))


def test_an_absolute_path_starts_at_the_root_wherever_it_is_used(fs: FileSystem) -> None:
    tmp = fs.resolve(fs.root, "/tmp")
    assert fs.resolve(tmp, "/") == fs.resolve(tmp, "//") == fs.resolve(tmp, "/..") == fs.root
    assert fs.resolve(tmp, "/tmp/../../../tmp") == tmp


def test_the_parent_of_the_root_is_the_root(fs: FileSystem) -> None:
    assert fs.resolve(fs.root, "..") == fs.resolve(fs.root, "../../.") == fs.root


@pytest.mark.parametrize("target", ["/home/user", "../home/user", "/../home/./user/", "../../home/user"])
def test_a_link_on_the_way_is_followed(fs: FileSystem, target: str) -> None:
    fs.symlink(target, fs.root, "/tmp/l")
    assert content(fs, "/tmp/l/notes.txt") == content(fs, "tmp/l/../user/shortcut") == b"base notes"


def test_a_link_to_the_root_is_followed(fs: FileSystem) -> None:
    fs.symlink("/", fs.root, "/tmp/l")
    assert fs.resolve(fs.root, "/tmp/l") == fs.resolve(fs.root, "/tmp/l/tmp/..") == fs.root


def test_a_last_link_is_followed_or_not_as_asked(fs: FileSystem) -> None:
    link = fs.resolve(fs.root, "/usr/link", follow=False)
    assert fs.stat(link).kind is Kind.SYMLINK
    assert content(fs, "/usr/link") == b"PK-stdlib"


def test_a_trailing_slash_follows_and_wants_a_directory(fs: FileSystem) -> None:
    fs.symlink("/home", fs.root, "/tmp/l")
    assert fs.resolve(fs.root, "/tmp/l/", follow=False) == fs.resolve(fs.root, "/home//")
    for path in ("/usr/link/", "/usr/lib/stdlib.zip/", "/usr/lib/stdlib.zip/."):
        with pytest.raises(FileSystemError, match=r"^NOTDIR$"):
            fs.resolve(fs.root, path)


def test_a_target_with_a_trailing_slash_wants_a_directory(fs: FileSystem) -> None:
    fs.symlink("notes.txt/", fs.root, "/home/user/l")
    with pytest.raises(FileSystemError, match=r"^NOTDIR$"):
        fs.resolve(fs.root, "/home/user/l")


@pytest.mark.parametrize(("path", "errno"), [
    ("", "NOENT"), ("nowhere", "NOENT"), ("nowhere/", "NOENT"), ("nowhere/..", "NOENT"), ("tmp\0", "INVAL"),
    ("usr/lib/stdlib.zip/x", "NOTDIR"), ("usr/link/x", "NOTDIR"), ("\udc80", "ILSEQ"), ("a/\udc80/b", "ILSEQ"),
])  # fmt: skip
def test_what_cannot_be_resolved(fs: FileSystem, path: str, errno: str) -> None:
    with pytest.raises(FileSystemError, match=rf"^{errno}$"):
        fs.resolve(fs.root, path)


def test_paths_start_at_a_directory_that_is_there(fs: FileSystem) -> None:
    with pytest.raises(FileSystemError, match=r"^NOTDIR$"):
        fs.resolve(fs.resolve(fs.root, "/home/user/notes.txt"), ".")
    with pytest.raises(FileSystemError, match=r"^BADF$"):
        fs.resolve(12345, "x")


def test_a_name_of_255_bytes_is_the_longest(fs: FileSystem) -> None:
    fs.mkdir(fs.root, "/tmp/" + "é" * 127 + "n")
    for path in ("/tmp/" + "n" * 256, "/tmp/" + "é" * 128, "/tmp/" + "n" * 256 + "/x"):
        with pytest.raises(FileSystemError, match=r"^NAMETOOLONG$"):
            fs.mkdir(fs.root, path)


def test_a_path_of_4095_bytes_is_the_longest(fs: FileSystem) -> None:
    assert fs.resolve(fs.root, "./" * 2047 + ".") == fs.root
    for path in ("./" * 2048, "/é" * 1500):
        with pytest.raises(FileSystemError, match=r"^NAMETOOLONG$"):
            fs.resolve(fs.root, path)


def test_the_quota_sets_the_limits(base, clock) -> None:
    fs = FileSystem(base, Quota(100, 10, path_bytes=20, name_bytes=5, symlink_depth=1), clock)
    fs.mkdir(fs.root, "/tmp/12345")
    for path in ("/tmp/123456", "/tmp/12345/12345/123"):
        with pytest.raises(FileSystemError, match=r"^NAMETOOLONG$"):
            fs.mkdir(fs.root, path)
    with pytest.raises(FileSystemError, match=r"^NAMETOOLONG$"):
        fs.symlink("x" * 20, fs.root, "/tmp/l")
    fs.symlink("/tmp", fs.root, "/tmp/a")
    fs.symlink("/tmp/a", fs.root, "/tmp/b")
    assert fs.resolve(fs.root, "/tmp/a") == fs.resolve(fs.root, "/tmp")
    with pytest.raises(FileSystemError, match=r"^LOOP$"):
        fs.resolve(fs.root, "/tmp/b")


def test_forty_links_are_followed_and_no_more(base, clock) -> None:
    fs = FileSystem(base, Quota(1_000, 100), clock)
    tmp = fs.resolve(fs.root, "/tmp")
    for number in range(1, 42):
        fs.symlink(str(number - 1) if number > 1 else ".", tmp, str(number))
    assert fs.resolve(tmp, "40") == fs.resolve(tmp, "40/") == tmp
    assert fs.resolve(tmp, "/".join(["1"] * 40)) == tmp
    for path in ("41", "40/1", "/".join(["1"] * 41)):
        with pytest.raises(FileSystemError, match=r"^LOOP$"):
            fs.resolve(tmp, path)


def test_links_in_a_circle_are_a_loop(fs: FileSystem) -> None:
    fs.symlink("b", fs.root, "/tmp/a")
    fs.symlink("/tmp/a", fs.root, "/tmp/b")
    for path in ("/tmp/a", "/tmp/a/", "/tmp/a/x"):
        with pytest.raises(FileSystemError, match=r"^LOOP$"):
            fs.resolve(fs.root, path)


def test_links_that_multiply_end_at_the_limit(base, clock) -> None:
    fs = FileSystem(base, Quota(100_000, 100), clock)
    tmp = fs.resolve(fs.root, "/tmp")
    fs.symlink(".", tmp, "0")
    for number in range(1, 30):
        fs.symlink("/".join([str(number - 1)] * 1_000)[:4_000].rstrip("/"), tmp, str(number))
    with pytest.raises(FileSystemError, match=r"^LOOP$"):
        fs.resolve(tmp, "29")


def test_a_tree_deeper_than_any_stack_works(base, clock) -> None:
    fs = FileSystem(base, Quota(0, 5_000), clock)
    ino = fs.resolve(fs.root, "/tmp")
    inos = [ino] + [ino := fs.mkdir(ino, "d") for _ in range(5_000)]
    with pytest.raises(FileSystemError, match=r"^INVAL$"):
        fs.rename(fs.root, "/tmp/d", inos[-1], "x")
    fork = fs.fork()
    for parent in reversed(inos[:-1]):
        fork.rmdir(parent, "d")
    assert fork.usage().inodes == 0
