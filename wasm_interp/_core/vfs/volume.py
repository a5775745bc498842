"""What the operations of a file system share: layers, counts, open inodes and the clock.

Rule: an inode lives while a name leads to it or it is open; then its bytes and its number go back.
Rule: nothing here takes the lock; FileSystem does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .errno import Errno, FileSystemError
from .layers import Layers, N, Node
from .nodes import Directory, Ino
from .quota import Account, Quota

LIVE_LINKS = 2  # of an empty directory: its name and its own "."


@dataclass(slots=True)
class Volume:
    """The state of one file system."""

    layers: Layers
    account: Account
    now_ns: Callable[[], int]
    root: Ino
    next_ino: Ino
    first_own_ino: Ino  # below it are the base's, which count nothing
    opens: dict[Ino, int] = field(default_factory=dict)

    @property
    def quota(self) -> Quota:
        return self.account.quota

    def node(self, ino: Ino) -> Node:
        """Raises BADF for a number that leads nowhere: never given out, or removed and released."""
        node = self.layers.get(ino)
        if node is None:
            raise FileSystemError(Errno.BADF)
        return node

    def directory(self, ino: Ino) -> Directory:
        node = self.node(ino)
        if not isinstance(node, Directory):
            raise FileSystemError(Errno.NOTDIR)
        return node

    def writable(self, node: N) -> N:
        """The same node to change; raises ROFS if it is marked read-only."""
        if node.read_only:
            raise FileSystemError(Errno.ROFS)
        return self.layers.writable(node)

    def insert(self, parent: Directory, name: str, node: Node) -> None:
        """Let ``name`` lead to ``node``; the caller has counted the link and checked everything."""
        parent = self.writable(parent)
        parent.put(name, node)
        parent.mtime_ns = parent.ctime_ns = self.now_ns()
        if isinstance(node, Directory):
            parent.links += 1

    def detach(self, parent: Directory, name: str) -> None:
        """Take ``name`` out of its directory; the link count of what it led to is the caller's."""
        parent = self.writable(parent)
        if parent.names[name].kind is Directory.kind:
            parent.links -= 1
        parent.discard(name)
        parent.mtime_ns = parent.ctime_ns = self.now_ns()

    def unlinked(self, node: Node) -> None:
        """Count one name less; what is neither named nor open any more goes."""
        node = self.writable(node)
        if not isinstance(node, Directory) and node.links > 1:
            node.links -= 1
            node.ctime_ns = self.now_ns()
            self.account.add(inodes=-1)  # a further hard link counted as one
            return
        node.links = 0
        node.ctime_ns = self.now_ns()
        if node.ino not in self.opens:
            self._drop(node)

    def retain(self, ino: Ino) -> None:
        self.node(ino)
        self.opens[ino] = self.opens.get(ino, 0) + 1

    def release(self, ino: Ino) -> None:
        """Raises BADF if the inode is not open."""
        count = self.opens.get(ino)
        if count is None:
            raise FileSystemError(Errno.BADF)
        if count > 1:
            self.opens[ino] = count - 1
            return
        del self.opens[ino]
        self._drop_if_orphan(ino)

    def fork(
        self, opens: Mapping[Ino, int] | None, now_ns: Callable[[], int] | None, least_next_ino: Ino = 0
    ) -> "Volume":
        twin = Volume(
            self.layers.fork(), self.account.copy(), now_ns or self.now_ns, self.root,
            max(self.next_ino, least_next_ino), self.first_own_ino, dict(self.opens if opens is None else opens),
        )  # fmt: skip
        for ino in self.opens.keys() - twin.opens.keys():
            twin._drop_if_orphan(ino)
        return twin

    def _drop_if_orphan(self, ino: Ino) -> None:
        node = self.node(ino)
        if node.links == 0:
            self._drop(node)

    def _drop(self, node: Node) -> None:
        self.account.add(bytes=-node.charged_bytes, inodes=-int(node.ino >= self.first_own_ino))
        self.layers.drop(node.ino)
