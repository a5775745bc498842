"""Building the read-only part that file systems share.

Rule: content is taken as it is, never copied: bytes, or a read-only view over a mapped file.
Rule: a directory marked read-only makes the entries in it, and the files and links they lead to, read-only;
a directory without a mark is like the one it is in.
Mistakes here are the host program's, so they are ValueError.
"""

from types import MappingProxyType

from .layers import Base, Node
from .nodes import BytesLike, Directory, File, Ino, Symlink
from .volume import LIVE_LINKS

ROOT_INO = 1


class BaseBuilder:
    """Collects directories, files and symbolic links; ``build`` freezes them.

    Paths are relative to ``tree`` (the root by default), with or without a leading slash; missing parents
    are made. All times are ``mtime_ns``, nanoseconds since 1970, unless said otherwise.
    """

    def __init__(self, *, mtime_ns: int = 0) -> None:
        self._mtime_ns = mtime_ns
        self._nodes: dict[Ino, Node] = {}
        self._writable: dict[Ino, bool | None] = {}
        self._trees: list[Ino] = []
        self.root = self.tree(writable=True)

    def tree(self, *, writable: bool = False) -> Ino:
        """A further directory that is in no other: its ".." is itself."""
        ino = self._next_ino()
        self._add_directory(ino, ino, writable)
        self._trees.append(ino)
        return ino

    def directory(self, path: str, *, writable: bool | None = None, tree: Ino | None = None) -> Ino:
        """Make ``path`` a directory, or mark the one that is there."""
        directory = self._directory_at(self._split(path), tree)
        if writable is not None:
            self._writable[directory.ino] = writable
        return directory.ino

    def file(self, path: str, content: BytesLike, *, mtime_ns: int | None = None, tree: Ino | None = None) -> Ino:
        """Raises ValueError if ``content`` could change: bytes, or a read-only memoryview of bytes."""
        kept = content if isinstance(content, bytes) else memoryview(content)
        if isinstance(kept, memoryview) and not (kept.readonly and kept.contiguous):
            raise ValueError(f"content of {path!r} must be bytes or a read-only, contiguous memoryview")
        if isinstance(kept, memoryview) and kept.format != "B":
            kept = kept.cast("B")
        time = self._mtime_ns if mtime_ns is None else mtime_ns
        return self._put(path, tree, File(self._next_ino(), False, 1, time, time, time, kept, False, True))

    def symlink(self, path: str, target: str, *, tree: Ino | None = None) -> Ino:
        if not target or "\0" in target:
            raise ValueError(f"{target!r} cannot be the target of a symbolic link")
        time = self._mtime_ns
        return self._put(path, tree, Symlink(self._next_ino(), False, 1, time, time, time, target, False))

    def build(self) -> Base:
        """The finished base; the builder must not be used after it."""
        for tree in self._trees:
            self._mark(tree)
        return Base(MappingProxyType(self._nodes), self.root, self._next_ino())

    def _next_ino(self) -> Ino:
        return len(self._nodes) + ROOT_INO

    def _mark(self, tree: Ino) -> None:
        pending = [(tree, False)]
        while pending:
            ino, inherited = pending.pop()
            node, mark = self._nodes[ino], self._writable.get(ino)
            node.read_only = inherited if mark is None else not mark
            if isinstance(node, Directory):
                pending += [(entry.ino, node.read_only) for entry in node.names.values()]

    def _put(self, path: str, tree: Ino | None, node: File | Symlink) -> Ino:
        parts = self._split(path)
        if not parts:
            raise ValueError(f"{path!r} names no entry")
        parent = self._directory_at(parts[:-1], tree)
        if parts[-1] in parent.names:
            raise ValueError(f"{path!r} is there already")
        node.ino = self._next_ino()  # parents may just have been made
        self._nodes[node.ino] = node
        parent.put(parts[-1], node)
        return node.ino

    def _directory_at(self, parts: list[str], tree: Ino | None) -> Directory:
        node = self._nodes[self.root if tree is None else tree]
        for part in parts:
            assert isinstance(node, Directory)
            entry = node.names.get(part)
            child = self._nodes[entry.ino] if entry else self._add_directory(self._next_ino(), node.ino, None)
            if not isinstance(child, Directory):
                raise ValueError(f"{part!r} of {'/'.join(parts)!r} is not a directory")
            if entry is None:
                node.put(part, child)
                node.links += 1
            node = child
        assert isinstance(node, Directory)
        return node

    def _add_directory(self, ino: Ino, parent: Ino, writable: bool | None) -> Directory:
        time = self._mtime_ns
        node = Directory(ino, False, LIVE_LINKS, time, time, time, parent)
        self._nodes[ino] = node
        self._writable[ino] = writable
        return node

    @staticmethod
    def _split(path: str) -> list[str]:
        parts = [part for part in path.split("/") if part]
        if "\0" in path or "." in parts or ".." in parts:
            raise ValueError(f"{path!r} is not a plain path")
        return parts
