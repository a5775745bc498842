"""Inodes: what a file, a directory and a symbolic link hold.

Rule: nodes are plain data, so that a layer of them can be written out and read back.
Rule: a node that sits in a sealed layer or in the base is never changed; ``copy`` makes the one to change.
Rule: the cookie of an entry only grows within its directory, and an entry keeps it for life, so a listing
that goes on from a cookie neither repeats nor skips an entry that was there all along.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter
from typing import ClassVar, NamedTuple, Self, TypeAlias

Ino: TypeAlias = int
BytesLike: TypeAlias = bytes | bytearray | memoryview

DOT_COOKIE = 1
DOT_DOT_COOKIE = 2
FIRST_COOKIE = 3
DIRECTORY_SIZE = 4096  # what ext4 reports for a small directory; programs only expect it not to be odd


class Kind(IntEnum):
    """What an inode is; the numbers are WASI preview1's ``filetype``."""

    DIRECTORY = 3
    REGULAR = 4
    SYMLINK = 7


@dataclass(frozen=True, slots=True)
class Stat:
    """The attributes of one inode; ``size`` is in bytes, times are nanoseconds since 1970."""

    ino: Ino
    kind: Kind
    size: int
    links: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int


class Entry(NamedTuple):
    """One name in a directory. The kind of an inode never changes, so it is kept here too."""

    cookie: int
    name: str
    ino: Ino
    kind: Kind


_cookie_of = attrgetter("cookie")


@dataclass(slots=True)
class Inode:
    """What every kind has. ``links`` is 0 once no name leads here any more."""

    kind: ClassVar[Kind]

    ino: Ino
    read_only: bool
    links: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int

    @property
    def size(self) -> int:
        raise NotImplementedError

    @property
    def charged_bytes(self) -> int:
        """What counts against the quota."""
        return 0

    def stat(self) -> Stat:
        return Stat(self.ino, self.kind, self.size, self.links, self.atime_ns, self.mtime_ns, self.ctime_ns)


@dataclass(slots=True)
class File(Inode):
    """A regular file.

    ``charged`` is False exactly while the content is still that of the base file with the same number;
    otherwise its size counts against the quota. ``shared`` content is also held by a sealed layer or by the
    base: it is copied before the first change.
    """

    kind = Kind.REGULAR

    content: BytesLike = b""
    charged: bool = True
    shared: bool = True

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def charged_bytes(self) -> int:
        return len(self.content) if self.charged else 0

    def copy(self) -> Self:
        return type(self)(
            self.ino, self.read_only, self.links, self.atime_ns, self.mtime_ns, self.ctime_ns,
            self.content, self.charged, True,
        )  # fmt: skip

    def own(self, keep_bytes: int) -> bytearray:
        """The content as bytes that may be changed, cut to ``keep_bytes``; copies shared content once."""
        content = self.content
        if self.shared or not isinstance(content, bytearray):
            content = bytearray(memoryview(content)[:keep_bytes])
            self.content, self.charged, self.shared = content, True, False
        elif keep_bytes < len(content):
            del content[keep_bytes:]
        return content


@dataclass(slots=True)
class Symlink(Inode):
    """A symbolic link; the target is kept as it was given, and counts unless it is the base's."""

    kind = Kind.SYMLINK

    target: str = ""
    charged: bool = True

    @property
    def size(self) -> int:
        return len(self.target.encode())

    @property
    def charged_bytes(self) -> int:
        return self.size if self.charged else 0

    def copy(self) -> Self:
        return type(self)(
            self.ino, self.read_only, self.links, self.atime_ns, self.mtime_ns, self.ctime_ns,
            self.target, self.charged,
        )  # fmt: skip


@dataclass(slots=True)
class Directory(Inode):
    """A directory; ``links`` is 2 plus its subdirectories, 0 once removed. A root is its own parent.

    ``names`` holds the entries by name and in the order of their cookies; ``_order`` is the same in a list to
    bisect, where removed entries linger until they are more than half.
    """

    kind = Kind.DIRECTORY

    parent: Ino = 0
    next_cookie: int = FIRST_COOKIE
    names: dict[str, Entry] = field(default_factory=dict)
    _order: list[Entry] = field(default_factory=list)

    @property
    def size(self) -> int:
        return DIRECTORY_SIZE

    def copy(self) -> Self:
        return type(self)(
            self.ino, self.read_only, self.links, self.atime_ns, self.mtime_ns, self.ctime_ns,
            self.parent, self.next_cookie, self.names.copy(), list(self.names.values()),
        )  # fmt: skip

    def put(self, name: str, node: Inode) -> None:
        """Let ``name`` lead to ``node``; a name that is there already keeps its cookie."""
        old = self.names.get(name)
        cookie = self.next_cookie if old is None else old.cookie
        entry = self.names[name] = Entry(cookie, name, node.ino, node.kind)
        if old is None:
            self.next_cookie += 1
            self._order.append(entry)
        else:
            self._order[bisect_left(self._order, cookie, key=_cookie_of)] = entry

    def discard(self, name: str) -> None:
        del self.names[name]
        if len(self._order) > 2 * len(self.names) + 16:
            self._order = list(self.names.values())

    def after(self, cookie: int, limit: int | None) -> list[Entry]:
        """At most ``limit`` entries with a cookie above ``cookie``, in their order; without the dots."""
        order, names, found = self._order, self.names, list[Entry]()
        start = bisect_right(order, cookie, key=_cookie_of)
        for index in range(start, len(order)):
            if len(found) == limit:
                break
            if names.get((entry := order[index]).name) is entry:
                found.append(entry)
        return found
