"""One file system for the tests by hand: a read-only /usr, the rest writable, a clock that stands still."""

from dataclasses import dataclass

import pytest

from wasm_interp._core.vfs import Base, BaseBuilder, FileSystem, Quota


@dataclass
class Clock:
    """Tells the time it was set to."""

    now_ns: int = 1_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def base() -> Base:
    builder = BaseBuilder(mtime_ns=7)
    builder.directory("/usr", writable=False)
    builder.file("/usr/lib/stdlib.zip", b"PK-stdlib")
    builder.symlink("/usr/link", "lib/stdlib.zip")
    builder.directory("/usr/empty")
    builder.directory("/tmp", writable=True)
    builder.file("/home/user/notes.txt", b"base notes")
    builder.symlink("/home/user/shortcut", "notes.txt")
    return builder.build()


@pytest.fixture
def fs(base: Base, clock: Clock) -> FileSystem:
    return FileSystem(base, Quota(bytes=1_000, inodes=20), clock)
