"""A file system as plain data, and back, checked as if the data came from an enemy.

Rule: what ``restore`` accepts is a tree: every directory named once, in its parent, and reached from the root; every
count of links true; nothing without a name that is not open. The walks of this package rely on that to end.
Rule: nothing is made before everything is checked. Contents of files travel beside the description, in its order.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .filesystem import FileSystem
from .layers import Base, Node
from .nodes import FIRST_COOKIE, Directory, Entry, File, Ino, Kind, Symlink
from .paths import DOTS
from .quota import Quota
from .volume import LIVE_LINKS

_MOST_TIME = 2**64 - 1  # WASI's timestamps
_MOST_NUMBER = 2**62
_Common = tuple[Ino, bool, int, int, int, int]
_FIELDS = {Kind.REGULAR: 8, Kind.DIRECTORY: 9, Kind.SYMLINK: 7}


class NotAFileSystem(Exception):
    """The data describe no file system; the message says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class FileSystemData:
    """nodes: [kind, inode, links, three times, ...], ascending; None in the place of a node that the base has and
    that is gone is [0, inode]. contents: of the files, in the same order.
    """

    next_ino: int
    nodes: list[list[Any]]
    contents: list[bytes | bytearray | memoryview]


def identity(base: Base) -> str:
    """Changes whenever a file system over ``base`` would mean something else over another."""
    digest = hashlib.sha256()
    for ino, node in sorted(base.nodes.items()):
        inside = [(name, entry.ino) for name, entry in node.names.items()] if isinstance(node, Directory) else node.size
        digest.update(repr((ino, node.kind, node.read_only, inside)).encode())
    return digest.hexdigest()[:32]


def describe(fs: FileSystem) -> FileSystemData:
    """All of ``fs`` that is not its base's. Its contents are shared, so ``fs`` must be a fork that nobody changes."""
    volume = fs._volume
    nodes: list[list[Any]] = []
    contents: list[bytes | bytearray | memoryview] = []
    for ino, node in sorted(volume.layers.merged().items()):
        nodes.append([0, ino] if node is None else _description(node))
        if isinstance(node, File) and node.charged:
            contents.append(node.content)
    return FileSystemData(volume.next_ino, nodes, contents)


def restore(
    data: FileSystemData, base: Base, quota: Quota, now_ns: Callable[[], int], opens: Collection[Ino]
) -> FileSystem:
    """The file system that ``describe`` saw. ``opens`` are the inodes that will be opened: each is retained once.

    Raises NotAFileSystem, or FileSystemError NOSPC if it does not fit ``quota``.
    """
    nodes = _Reader(data, base, quota).nodes()
    _Graph(nodes, base, frozenset(opens)).check()
    fs = FileSystem(base, quota, now_ns)
    volume = fs._volume
    for ino, node in nodes.items():
        volume.layers.put(ino, node)
    present = [node for node in nodes.values() if node is not None]
    charged = sum(node.charged_bytes for node in present)
    further_links = sum(max(node.links, 1) - 1 for node in present if not isinstance(node, Directory))
    inodes = sum(node.ino >= base.next_ino for node in present) + further_links
    volume.account.require(bytes=charged, inodes=inodes)
    volume.account.add(bytes=charged, inodes=inodes)
    volume.next_ino = data.next_ino
    for ino in opens:
        volume.retain(ino)
    return fs


def _description(node: Node) -> list[Any]:
    common = [int(node.kind), node.ino, node.links, node.atime_ns, node.mtime_ns, node.ctime_ns]
    if isinstance(node, File):
        return [*common, node.size, node.charged]
    if isinstance(node, Symlink):
        return [*common, node.target]
    entries = [[entry.cookie, name, entry.ino, int(entry.kind)] for name, entry in node.names.items()]
    return [*common, node.parent, node.next_cookie, entries]


class _Reader:
    """Nodes out of their descriptions, each checked by itself."""

    def __init__(self, data: FileSystemData, base: Base, quota: Quota) -> None:
        self._data = data
        self._base = base
        self._quota = quota
        self._contents = iter(data.contents)

    def nodes(self) -> dict[Ino, Node | None]:
        """By inode number; None where one of the base is gone."""
        if not self._base.next_ino <= _whole(self._data.next_ino, "next_ino") <= _MOST_NUMBER:
            raise NotAFileSystem(f"next_ino is {self._data.next_ino}")
        found: dict[Ino, Node | None] = {}
        former = 0
        for fields in self._data.nodes:
            if not isinstance(fields, list) or len(fields) < 2:
                raise NotAFileSystem(f"an inode is described by {str(fields)[:80]}")
            ino = _whole(fields[1], "an inode number")
            if not former < ino < self._data.next_ino:
                raise NotAFileSystem(f"inode {ino} follows {former}; the next is {self._data.next_ino}")
            found[ino] = self._node(ino, fields)
            former = ino
        if next(self._contents, None) is not None:
            raise NotAFileSystem("there are contents of no file")
        return found

    def _node(self, ino: Ino, fields: list[Any]) -> Node | None:
        below = self._base.nodes.get(ino)
        if below is not None and below.read_only:
            raise NotAFileSystem(f"inode {ino} cannot be changed")
        if fields == [0, ino] and below is not None:
            return None
        kind = fields[0]
        if kind not in tuple(Kind) or len(fields) != _FIELDS[Kind(kind)] or (below is not None and below.kind != kind):
            raise NotAFileSystem(f"inode {ino} is of kind {str(kind)[:20]}")
        links, *times = (_whole(each, f"of inode {ino} a number") for each in fields[2:6])
        if max(times) > _MOST_TIME or links > _MOST_NUMBER:
            raise NotAFileSystem(f"inode {ino} has links or times past what there can be")
        common = (ino, False, links, times[0], times[1], times[2])
        match Kind(kind):
            case Kind.REGULAR:
                return self._file(common, below, *fields[6:])
            case Kind.SYMLINK:
                return self._symlink(common, *fields[6:])
            case Kind.DIRECTORY:
                return self._directory(common, *fields[6:])

    def _file(self, common: _Common, below: Node | None, size: Any, charged: Any) -> File:
        if charged is False and isinstance(below, File):
            return File(*common, below.content, False, True)
        content = next(self._contents, None)
        if charged is not True or content is None or len(content) != _whole(size, "the size of a file"):
            raise NotAFileSystem(f"file {common[0]} is not of its size")
        return File(*common, content, True, True)

    def _symlink(self, common: _Common, target: Any) -> Symlink:
        if not isinstance(target, str) or not target or "\0" in target:
            raise NotAFileSystem(f"link {common[0]} leads to {str(target)[:80]!r}")
        if _byte_length(target) >= self._quota.path_bytes:
            raise NotAFileSystem(f"link {common[0]} leads too far")
        return Symlink(*common, target, True)

    def _directory(self, common: _Common, parent: Any, next_cookie: Any, entries: Any) -> Directory:
        if not isinstance(entries, list) or _whole(next_cookie, "a cookie") > _MOST_NUMBER:
            raise NotAFileSystem(f"directory {common[0]} is none")
        names: dict[str, Entry] = {}
        former = FIRST_COOKIE - 1
        for fields in entries:
            entry = self._entry(common[0], fields)
            if not former < entry.cookie < next_cookie or entry.name in names:
                raise NotAFileSystem(f"directory {common[0]} has {entry.name[:80]!r} out of order")
            names[entry.name], former = entry, entry.cookie
        parent = _whole(parent, "the parent of a directory")
        return Directory(*common, parent, next_cookie, names, list(names.values()))

    def _entry(self, directory: Ino, fields: Any) -> Entry:
        if not isinstance(fields, list) or len(fields) != 4 or not isinstance(fields[1], str):
            raise NotAFileSystem(f"directory {directory} has an entry that is none")
        cookie, name, ino, kind = fields
        if not name or name in DOTS or "/" in name or "\0" in name or _byte_length(name) > self._quota.name_bytes:
            raise NotAFileSystem(f"directory {directory} has the name {name[:80]!r}")
        if kind not in tuple(Kind):
            raise NotAFileSystem(f"{name[:80]!r} is of kind {str(kind)[:20]}")
        return Entry(_whole(cookie, "a cookie"), name, _whole(ino, "an inode number"), Kind(kind))


class _Graph:
    """What the nodes are to each other."""

    def __init__(self, changed: dict[Ino, Node | None], base: Base, opens: Collection[Ino]) -> None:
        self._base = base
        self._opens = opens
        unchanged = {ino: node for ino, node in base.nodes.items() if not node.read_only}
        self._own = {ino: node for ino, node in (unchanged | changed).items() if node is not None}

    def check(self) -> None:
        """Raises NotAFileSystem."""
        self._check_names()
        self._check_links()
        self._check_reach()
        for ino in self._opens:
            if ino not in self._own and ino not in self._base.nodes:
                raise NotAFileSystem(f"inode {ino} is open, and is not there")

    def _check_names(self) -> None:
        for directory in self._directories():
            if not directory.links and directory.names:
                raise NotAFileSystem(f"directory {directory.ino} is removed, and is not empty")
            for entry in directory.names.values():
                self._check_entry(directory, entry)

    def _check_entry(self, directory: Directory, entry: Entry) -> None:
        node = self._own.get(entry.ino)
        if node is None:
            below = self._base.nodes.get(directory.ino)
            if not isinstance(below, Directory) or (known := below.names.get(entry.name)) is None:
                raise NotAFileSystem(f"{entry.name!r} leads to inode {entry.ino}, which is not there")
            if (known.ino, known.kind) != (entry.ino, entry.kind) or not self._base.nodes[known.ino].read_only:
                raise NotAFileSystem(f"{entry.name!r} leads to inode {entry.ino}, which is not there")
            return
        if node.kind is not entry.kind:
            raise NotAFileSystem(f"{entry.name!r} is not of the kind of inode {entry.ino}")
        if isinstance(node, Directory) and node.parent != directory.ino:
            raise NotAFileSystem(f"{entry.name!r} is in a directory that is not its parent")

    def _check_links(self) -> None:
        entries = [entry for directory in self._directories() for entry in directory.names.values()]
        names = Counter(entry.ino for entry in entries)
        for ino, node in self._own.items():
            if isinstance(node, Directory):
                inside = sum(entry.kind is Kind.DIRECTORY for entry in node.names.values())
                is_named = ino == self._base.root or names[ino] == 1
                expected = LIVE_LINKS + inside if is_named else 0
            else:
                expected = names[ino]
            if node.links != expected or (names[ino] > 1 and isinstance(node, Directory)):
                raise NotAFileSystem(f"inode {ino} has {node.links} links, not {expected}")
            if not expected and ino not in self._opens:
                raise NotAFileSystem(f"inode {ino} has no name and is not open")

    def _check_reach(self) -> None:
        root = self._own.get(self._base.root)
        if not isinstance(root, Directory) or root.parent != root.ino:
            raise NotAFileSystem("there is no root")
        reached = {root.ino}
        pending = [root]
        while pending:
            for entry in pending.pop().names.values():
                node = self._own.get(entry.ino)
                if isinstance(node, Directory):
                    if node.ino in reached:
                        raise NotAFileSystem(f"directory {node.ino} has two names")
                    reached.add(node.ino)
                    pending.append(node)
        known: set[Ino] = set()  # removed directories whose way up ends
        for directory in self._directories():
            if directory.links and directory.ino not in reached:
                raise NotAFileSystem(f"directory {directory.ino} is not reached from the root")
            if not directory.links:
                known |= self._way_up(directory, known)

    def _way_up(self, directory: Directory, known: set[Ino]) -> set[Ino]:
        """A removed directory and the removed ones above it; those end somewhere too."""
        seen: set[Ino] = set()
        node: Node | None = directory
        while isinstance(node, Directory) and not node.links and node.ino not in known:
            if node.ino in seen:
                raise NotAFileSystem(f"directory {directory.ino} is above itself")
            seen.add(node.ino)
            node = self._own.get(node.parent)
        return seen

    def _directories(self) -> Iterator[Directory]:
        return (node for node in self._own.values() if isinstance(node, Directory))


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise NotAFileSystem(f"{what} is {str(value)[:40]}")
    return value


def _byte_length(text: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise NotAFileSystem(f"{text[:80]!r} is no name") from None
