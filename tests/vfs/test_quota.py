"""What counts, exactly, and that nothing is allocated for what does not fit."""

import pytest

from wasm_interp._core.vfs import FileSystem, FileSystemError, Quota, Usage


def make(fs: FileSystem, path: str, content: bytes = b"") -> int:
    ino = fs.open(fs.root, path, create=True, write=True)
    fs.write(ino, 0, content)
    fs.release(ino)
    return ino


def refuses(call, *args: object, **options: object) -> None:
    with pytest.raises(FileSystemError, match=r"^NOSPC$"):
        call(*args, **options)


def test_bytes_are_file_sizes_and_link_targets(fs: FileSystem) -> None:
    make(fs, "/tmp/f", b"12345")
    fs.symlink("äb", fs.root, "/tmp/l")
    fs.mkdir(fs.root, "/tmp/d")
    assert fs.usage() == Usage(bytes=8, inodes=3)


def test_a_hole_counts_in_full(fs: FileSystem) -> None:
    fs.write(make(fs, "/tmp/f"), 99, b"x")
    assert fs.usage().bytes == 100


def test_overwriting_counts_once(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f", b"12345")
    fs.write(ino, 3, b"abcd")
    fs.truncate(ino, 6)
    assert fs.usage().bytes == 6


def test_exactly_the_quota_fits(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f", b"x" * 1_000)
    fs.write(ino, 0, b"y" * 1_000)
    assert fs.usage().bytes == 1_000
    refuses(fs.append, ino, b"x")
    refuses(fs.write, ino, 999, b"xx")
    refuses(fs.truncate, ino, 1_001)
    refuses(fs.symlink, "x", fs.root, "/tmp/l")
    assert fs.stat(ino).size == 1_000
    assert fs.usage() == Usage(bytes=1_000, inodes=1)


def test_a_refused_write_changes_nothing(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f", b"abc")
    refuses(fs.write, ino, 1, b"x" * 1_000)
    assert bytes(fs.read(ino, 0, 9)) == b"abc"


def test_the_inode_quota_holds_for_every_kind_and_for_hard_links(fs: FileSystem) -> None:
    for number in range(20):
        fs.mkdir(fs.root, f"/tmp/{number}")
    refuses(fs.mkdir, fs.root, "/tmp/d")
    refuses(fs.open, fs.root, "/tmp/f", create=True)
    refuses(fs.symlink, "x", fs.root, "/tmp/l")
    refuses(fs.link, fs.root, "/home/user/notes.txt", fs.root, "/tmp/h")
    assert fs.usage() == Usage(bytes=0, inodes=20)
    assert len(fs.entries(fs.resolve(fs.root, "/tmp"), 2)) == 20


def test_each_further_hard_link_counts_one_inode_and_no_bytes(fs: FileSystem) -> None:
    make(fs, "/tmp/f", b"123")
    fs.link(fs.root, "/tmp/f", fs.root, "/tmp/g")
    assert fs.usage() == Usage(bytes=3, inodes=2)
    fs.unlink(fs.root, "/tmp/f")
    assert fs.usage() == Usage(bytes=3, inodes=1)
    fs.unlink(fs.root, "/tmp/g")
    assert fs.usage() == Usage(0, 0)


def test_an_unlinked_open_file_counts_until_it_is_released(fs: FileSystem) -> None:
    ino = fs.open(fs.root, "/tmp/f", create=True, write=True)
    fs.unlink(fs.root, "/tmp/f")
    fs.write(ino, 0, b"123")
    assert fs.usage() == Usage(bytes=3, inodes=1)
    fs.release(ino)
    assert fs.usage() == Usage(0, 0)


def test_a_file_that_a_rename_replaces_is_given_back(fs: FileSystem) -> None:
    make(fs, "/tmp/f", b"123")
    make(fs, "/tmp/g", b"12345")
    fs.rename(fs.root, "/tmp/f", fs.root, "/tmp/g")
    assert fs.usage() == Usage(bytes=3, inodes=1)


def test_a_base_file_counts_from_its_first_change_of_content(fs: FileSystem) -> None:
    ino = fs.resolve(fs.root, "/home/user/notes.txt")
    fs.set_times(ino, 1, 1)
    fs.rename(fs.root, "/home/user/notes.txt", fs.root, "/tmp/n")
    assert fs.usage() == Usage(0, 0)
    fs.write(ino, 0, b"B")
    assert fs.usage() == Usage(bytes=10, inodes=0)
    fs.truncate(ino, 0)
    assert fs.usage() == Usage(0, 0)


def test_a_base_file_too_large_for_the_quota_cannot_be_changed_but_can_be_cut(base, clock) -> None:
    fs = FileSystem(base, Quota(bytes=9, inodes=0), clock)
    ino = fs.resolve(fs.root, "/home/user/notes.txt")
    refuses(fs.write, ino, 0, b"B")
    assert bytes(fs.read(ino, 0, 99)) == b"base notes"
    fs.release(fs.open(fs.root, "/home/user/notes.txt", truncate=True))
    assert fs.stat(ino).size == 0


def test_removing_base_entries_gives_nothing_back(fs: FileSystem) -> None:
    fs.unlink(fs.root, "/home/user/notes.txt")
    fs.unlink(fs.root, "/home/user/shortcut")
    fs.rmdir(fs.root, "/home/user")
    assert fs.usage() == Usage(0, 0)


def test_hard_links_of_base_files_count_while_they_are_there(fs: FileSystem) -> None:
    fs.link(fs.root, "/home/user/notes.txt", fs.root, "/tmp/n")
    assert fs.usage() == Usage(bytes=0, inodes=1)
    fs.unlink(fs.root, "/home/user/notes.txt")
    fs.unlink(fs.root, "/tmp/n")
    assert fs.usage() == Usage(0, 0)


def test_a_fork_starts_with_the_same_usage_and_goes_its_own_way(fs: FileSystem) -> None:
    ino = make(fs, "/tmp/f", b"123")
    fork = fs.fork()
    fork.append(ino, b"45")
    fs.unlink(fs.root, "/tmp/f")
    assert (fs.usage(), fork.usage()) == (Usage(0, 0), Usage(bytes=5, inodes=1))
    fork.unlink(fork.root, "/tmp/f")
    assert fork.usage() == Usage(0, 0)


def test_a_host_out_of_memory_leaves_the_count_exact(fs: FileSystem, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    ino = make(fs, "/tmp/f", b"123")
    monkeypatch.setattr("wasm_interp._core.vfs.content._put", fail)
    with pytest.raises(MemoryError):
        fs.append(ino, b"45")
    assert fs.usage() == Usage(bytes=3, inodes=1)
