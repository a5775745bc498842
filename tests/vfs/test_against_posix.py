"""The file system against the host's own: the same operations, every outcome compared.

The host's side is a temporary folder. Both sides start DEPTH directories deep, and no path starts from higher
than half of that, so that ".." cannot climb out: one path climbs two levels, and each link on it two more.
Absolute paths would leave the folder; they are tested by hand (test_paths.py). Permissions play no part.
"""

import errno as host_errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wasm_interp._core.vfs import BaseBuilder, FileSystem, FileSystemError, Kind, Quota, Usage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the outcomes are those of Linux")

DEPTH = 24
FAR_UP = "/".join(["d"] * DEPTH)
OTHER_NAMES = {"E2BIG": "TOOBIG", "EOPNOTSUPP": "NOTSUP"}  # where WASI's name is not POSIX's without the E

names = st.sampled_from(["a", "b", "c", "é"])
components = st.one_of(*[names] * 4, st.sampled_from([".", ".."]))
odd_paths = st.builds(
    lambda parts, separator, end: separator.join(parts) + end,
    st.lists(components, min_size=1, max_size=3).filter(lambda parts: parts.count("..") <= 2),
    st.sampled_from(["/", "/", "//"]),
    st.sampled_from(["", "", "/", "//"]),
)
long_paths = st.sampled_from(
    ["", "n" * 255, "n" * 256, "é" * 127, "é" * 128, "a/" + "n" * 256, "a/" * 2047 + "a", "./" * 2048]
)
new_paths = st.one_of(*[names] * 6, *[odd_paths] * 4, long_paths)
offsets = st.integers(0, 40)
data = st.binary(max_size=20)
picks = st.integers(0, 1 << 16)


@dataclass(frozen=True)
class Where:
    """A path to try: of an entry that is there if ``known``, with ``end`` after it; else just ``end``."""

    directory: int
    known: int | None
    end: str


some_paths = st.builds(Where, picks, st.none(), new_paths)
known_paths = st.builds(Where, st.just(0), picks, st.sampled_from([*[""] * 8, "/", "/a", "/b", "/.", "/.."]))
paths = st.one_of(some_paths, known_paths)

OPEN_FLAGS = {
    "create": os.O_CREAT, "exclusive": os.O_EXCL, "truncate": os.O_TRUNC, "directory": os.O_DIRECTORY,
    "nofollow": os.O_NOFOLLOW, "append": os.O_APPEND, "write": 0,
}  # fmt: skip
open_modes = st.one_of(
    st.sampled_from([frozenset(["create", "write"]), frozenset(["directory"])]),
    st.frozensets(st.sampled_from(sorted(OPEN_FLAGS)), max_size=4),
)


@dataclass(frozen=True)
class Opened:
    """The same file open on both sides."""

    descriptor: int
    ino: int
    writable: bool
    appends: bool


class PosixMachine(RuleBasedStateMachine):
    """Drives both sides; forks the file system now and then and checks that the other side stands still."""

    @initialize()
    def start(self) -> None:
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="vfs-oracle-"))
        os.makedirs(os.path.join(self.folder, FAR_UP))
        self.clock = 0
        builder = BaseBuilder()
        top = builder.directory(FAR_UP, writable=True)
        self.fs = FileSystem(builder.build(), Quota(bytes=1 << 20, inodes=1 << 10), self.tick)
        self.fs.retain(top)
        self.opened: list[Opened] = []
        self.directories = [Opened(os.open(os.path.join(self.folder, FAR_UP), os.O_RDONLY), top, False, False)]
        self.left_behind: list[tuple[FileSystem, object, Usage]] = []
        self.populate()

    def populate(self) -> None:
        for path in ("a", "a/b"):
            self.mkdir(Where(0, None, path))
        for path in ("c", "a/c"):
            self.open(Where(0, None, path), frozenset(["create", "write"]))
        for target, path in (("a", "b"), ("../c", "a/a"), ("nowhere", "a/b/c")):
            self.symlink(target, Where(0, None, path))

    def tick(self) -> int:
        self.clock += 1
        return self.clock

    def at(self, where: Where) -> tuple[Opened, str]:
        """The directory to start at, and the path."""
        if where.known is not None:
            known = relative_paths(self.fs, self.directories[0].ino) or ["a"]
            return self.directories[0], known[where.known % len(known)] + where.end
        usable = [opened for opened in self.directories if self.is_deep(opened) and not self.is_stranded(opened)]
        return usable[where.directory % len(usable)], where.end

    def is_deep(self, opened: Opened) -> bool:
        """Asked of the host, so that no mistake of ours leads out of the folder."""
        path = os.readlink(f"/proc/self/fd/{opened.descriptor}")
        return path.startswith(self.folder) and path.removeprefix(self.folder).count("/") > DEPTH // 2

    def is_stranded(self, opened: Opened) -> bool:
        """Whether it and one above it were removed: ".." is NOENT then, while Linux still finds it."""
        ino = opened.ino
        for _ in range(2 * DEPTH):
            try:
                ino = self.fs.resolve(ino, "..")
            except FileSystemError:
                return True
        return False

    def same(self, host: Callable[[], Any], ours: Callable[[], Any]) -> tuple[Any, Any]:
        """Both results if both succeed; an error must have the same name on both sides."""
        host_error = our_error = host_value = our_value = None
        try:
            host_value = host()
        except OSError as error:
            name = host_errno.errorcode[error.errno or 0]
            host_error = OTHER_NAMES.get(name, name[1:])
        try:
            our_value = ours()
        except FileSystemError as error:
            our_error = error.errno.name
        assert our_error == host_error
        return host_value, our_value

    # Opening

    @rule(where=paths, modes=open_modes)
    def open(self, where: Where, modes: frozenset[str]) -> None:
        at, path = self.at(where)
        if "create" not in modes:
            modes -= {"exclusive"}  # O_EXCL alone is undefined
        else:
            modes -= {"directory"}  # INVAL since Linux 6.4, and not what anyone wants before
        flags = os.O_RDWR if "write" in modes else os.O_RDONLY
        for mode in modes:
            flags |= OPEN_FLAGS[mode]
        ours = {mode: True for mode in modes if mode not in ("nofollow", "append")}
        descriptor, ino = self.same(
            lambda: os.open(path, flags, dir_fd=at.descriptor),
            lambda: self.fs.open(at.ino, path, follow="nofollow" not in modes, **ours),
        )
        if descriptor is None:
            return
        is_directory = self.fs.stat(ino).kind is Kind.DIRECTORY
        found = Opened(descriptor, ino, "write" in modes, "append" in modes)
        (self.directories if is_directory else self.opened).append(found)
        self.same_attributes(os.fstat(descriptor), ino)

    @precondition(lambda self: len(self.opened) + len(self.directories) > 1)
    @rule(pick=picks)
    def close(self, pick: int) -> None:
        index = pick % (len(self.opened) + len(self.directories) - 1)
        if index < len(self.opened):
            gone = self.opened.pop(index)
        else:
            gone = self.directories.pop(index - len(self.opened) + 1)
        os.close(gone.descriptor)
        self.fs.release(gone.ino)

    # Content

    @precondition(lambda self: self.opened)
    @rule(pick=picks, offset=offsets, length=offsets)
    def read(self, pick: int, offset: int, length: int) -> None:
        file = self.opened[pick % len(self.opened)]
        expected = os.pread(file.descriptor, length, offset)
        assert bytes(self.fs.read(file.ino, offset, length)) == expected
        target = bytearray(length)
        count = self.fs.read_into(file.ino, offset, memoryview(target))
        assert target[:count] == expected
        assert len(expected) == count

    @precondition(lambda self: any(file.writable for file in self.opened))
    @rule(pick=picks, offset=offsets, data=data)
    def write(self, pick: int, offset: int, data: bytes) -> None:
        writable = [file for file in self.opened if file.writable]
        file = writable[pick % len(writable)]
        if file.appends:
            os.write(file.descriptor, data)
            assert self.fs.append(file.ino, data) == os.lseek(file.descriptor, 0, os.SEEK_END)
            return
        os.lseek(file.descriptor, offset, os.SEEK_SET)
        assert self.fs.write(file.ino, offset, data) == os.write(file.descriptor, data)

    @precondition(lambda self: any(file.writable for file in self.opened))
    @rule(pick=picks, size=offsets)
    def truncate(self, pick: int, size: int) -> None:
        writable = [file for file in self.opened if file.writable]
        file = writable[pick % len(writable)]
        os.ftruncate(file.descriptor, size)
        self.fs.truncate(file.ino, size)

    # Names

    @rule(where=paths)
    def mkdir(self, where: Where) -> None:
        at, path = self.at(where)
        self.same(lambda: os.mkdir(path, dir_fd=at.descriptor), lambda: self.fs.mkdir(at.ino, path))

    @rule(where=paths)
    def rmdir(self, where: Where) -> None:
        at, path = self.at(where)
        self.same(lambda: os.rmdir(path, dir_fd=at.descriptor), lambda: self.fs.rmdir(at.ino, path))

    @rule(pick=picks, is_open=st.booleans())
    def rmdir_empty(self, pick: int, is_open: bool) -> None:
        top = self.directories[0].ino
        empty = [path for path in relative_paths(self.fs, top) if is_empty_directory(self.fs, top, path)]
        if not empty:
            return
        where = Where(0, None, empty[pick % len(empty)])
        if is_open:
            self.open(where, frozenset(["directory"]))
        self.rmdir(where)

    @rule(where=paths)
    def unlink(self, where: Where) -> None:
        at, path = self.at(where)
        self.same(lambda: os.unlink(path, dir_fd=at.descriptor), lambda: self.fs.unlink(at.ino, path))

    @rule(old=paths, new=paths)
    def rename(self, old: Where, new: Where) -> None:
        (source, old_path), (target, new_path) = self.at(old), self.at(new)
        self.same(
            lambda: os.rename(old_path, new_path, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor),
            lambda: self.fs.rename(source.ino, old_path, target.ino, new_path),
        )

    @rule(old=known_paths, new=known_paths)
    def rename_known(self, old: Where, new: Where) -> None:
        self.rename(old, new)

    @rule(old=paths, new=paths, follow=st.booleans())
    def link(self, old: Where, new: Where, follow: bool) -> None:
        (source, old_path), (target, new_path) = self.at(old), self.at(new)
        at = {"src_dir_fd": source.descriptor, "dst_dir_fd": target.descriptor}
        self.same(
            lambda: os.link(old_path, new_path, **at, follow_symlinks=follow),
            lambda: self.fs.link(source.ino, old_path, target.ino, new_path, follow=follow),
        )

    @rule(points_to=new_paths, where=paths)
    def symlink(self, points_to: str, where: Where) -> None:
        at, path = self.at(where)
        self.same(
            lambda: os.symlink(points_to, path, dir_fd=at.descriptor),
            lambda: self.fs.symlink(points_to, at.ino, path),
        )

    @rule(where=paths)
    def readlink(self, where: Where) -> None:
        at, path = self.at(where)
        expected, found = self.same(
            lambda: os.readlink(path, dir_fd=at.descriptor), lambda: self.fs.readlink(at.ino, path)
        )
        assert found == expected

    # Looking

    @rule(where=paths, follow=st.booleans())
    def stat(self, where: Where, follow: bool) -> None:
        at, path = self.at(where)
        expected, ino = self.same(
            lambda: os.stat(path, dir_fd=at.descriptor, follow_symlinks=follow),
            lambda: self.fs.resolve(at.ino, path, follow=follow),
        )
        if expected is not None:
            self.same_attributes(expected, ino)

    def same_attributes(self, expected: os.stat_result, ino: int) -> None:
        found = self.fs.stat(ino)
        assert found.kind is kind_of(expected.st_mode)
        if found.kind is not Kind.DIRECTORY:
            assert (found.size, found.links) == (expected.st_size, expected.st_nlink)

    @rule(pick=picks, batch=st.integers(1, 5))
    def list_directory(self, pick: int, batch: int) -> None:
        at = self.directories[pick % len(self.directories)]
        found = list_in_batches(self.fs, at.ino, batch)
        with os.scandir(at.descriptor) as scan:
            expected = {entry.name: kind_of(entry.stat(follow_symlinks=False).st_mode) for entry in scan}
        assert {name: kind for name, kind in found.items() if name not in (".", "..")} == expected

    @rule()
    def fork(self) -> None:
        fork = self.fs.fork()
        stays, self.fs = (fork, self.fs) if len(self.left_behind) % 2 else (self.fs, fork)
        self.left_behind.append((stays, contents(stays, stays.root), stays.usage()))

    @invariant()
    def usage_is_exact(self) -> None:
        if hasattr(self, "opened"):
            assert self.fs.usage() == recount(self.fs, {file.ino for file in self.opened + self.directories})

    def teardown(self) -> None:
        if not hasattr(self, "opened"):
            return
        try:
            self.compare_all()
        finally:
            for opened in self.opened + self.directories:
                os.close(opened.descriptor)
            shutil.rmtree(self.folder)

    def compare_all(self) -> None:
        for fs, expected, usage in self.left_behind:
            assert contents(fs, fs.root) == expected
            assert fs.usage() == usage
        for opened in self.opened + self.directories:
            self.same_attributes(os.fstat(opened.descriptor), opened.ino)
            self.fs.release(opened.ino)
        assert contents(self.fs, self.fs.root) == host_contents(self.folder)
        remove_all(self.fs, self.fs.root)
        assert self.fs.usage() == Usage(0, 0)


def relative_paths(fs: FileSystem, ino: int) -> list[str]:
    found = []
    for name, child, kind in children(fs, ino):
        found.append(name)
        if kind is Kind.DIRECTORY:
            found += [f"{name}/{path}" for path in relative_paths(fs, child)]
    return found


def is_empty_directory(fs: FileSystem, start: int, path: str) -> bool:
    ino = fs.resolve(start, path, follow=False)
    return fs.stat(ino).kind is Kind.DIRECTORY and not children(fs, ino)


def kind_of(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.SYMLINK if stat.S_ISLNK(mode) else Kind.REGULAR


def list_in_batches(fs: FileSystem, ino: int, batch: int) -> dict[str, Kind]:
    found, cookie = dict[str, Kind](), 0
    while entries := fs.entries(ino, cookie, batch):
        assert len(entries) <= batch
        assert all(entry.name not in found for entry in entries)
        found.update({entry.name: entry.kind for entry in entries})
        cookie = entries[-1].cookie
    return found


def children(fs: FileSystem, ino: int) -> list[tuple[str, int, Kind]]:
    return [(entry.name, entry.ino, entry.kind) for entry in fs.entries(ino, 2)]


def contents(fs: FileSystem, ino: int) -> object:
    """The tree below ``ino`` as nested dicts of bytes and link targets."""
    tree: dict[str, object] = {}
    for name, child, kind in children(fs, ino):
        if kind is Kind.DIRECTORY:
            tree[name] = contents(fs, child)
        else:
            is_link = kind is Kind.SYMLINK
            tree[name] = fs.readlink(ino, name) if is_link else bytes(fs.read(child, 0, 1 << 20))
    return tree


def host_contents(folder: str) -> object:
    tree: dict[str, object] = {}
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            tree[entry.name] = host_contents(entry.path)
        elif entry.is_symlink():
            tree[entry.name] = os.readlink(entry.path)
        else:
            with open(entry.path, "rb") as file:
                tree[entry.name] = file.read()
    return tree


def recount(fs: FileSystem, opened: set[int]) -> Usage:
    """The usage as its definition says, by walking everything; the base holds only the directories ``d``."""
    names, inodes, pending = 0, set(opened), [fs.root]
    while pending:
        for _name, ino, kind in children(fs, pending.pop()):
            names += 1
            inodes.add(ino)
            if kind is Kind.DIRECTORY:
                pending.append(ino)
    stats = [fs.stat(ino) for ino in inodes]
    orphans = sum(found.links == 0 for found in stats)
    sizes = sum(found.size for found in stats if found.kind is not Kind.DIRECTORY)
    base_names = sum(1 < found.ino <= DEPTH + 1 for found in stats)
    return Usage(bytes=sizes, inodes=names + orphans - base_names)


def remove_all(fs: FileSystem, ino: int) -> None:
    for name, child, kind in children(fs, ino):
        if kind is Kind.DIRECTORY:
            remove_all(fs, child)
            fs.rmdir(ino, name)
        else:
            fs.unlink(ino, name)


PosixMachine.TestCase.settings = settings(
    max_examples=int(os.environ.get("VFS_EXAMPLES", "120")),
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestAgainstPosix = PosixMachine.TestCase
