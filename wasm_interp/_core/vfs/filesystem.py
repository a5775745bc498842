"""The in-memory file system of a sandbox, as its callers see it.

Rule: no call touches the host; the clock is handed in.
Rule: every method takes ``lock``; a caller that needs several in a row may hold it around them.
Rule: failures are FileSystemError with the errno that Linux gives, and change nothing.
Permissions, owners and modes do not exist, as in WASI preview1; a read-only directory answers like a
read-only mount. Reading does not change atime (noatime): only creation and ``set_times`` do.
"""

from collections.abc import Callable, Mapping
from threading import RLock

from . import content, names, paths
from .errno import Errno, FileSystemError
from .layers import Base, Layers
from .nodes import DOT_COOKIE, DOT_DOT_COOKIE, BytesLike, Entry, Ino, Kind, Stat
from .quota import Account, Quota, Usage
from .volume import Volume


class FileSystem:
    """Inodes over a shared base, with a quota. Paths start at ``start`` unless they are absolute.

    An inode number stays the same for the life of the inode, in forks too, and is not given out again.
    """

    __slots__ = ("_volume", "lock")

    def __init__(self, base: Base, quota: Quota, now_ns: Callable[[], int]) -> None:
        layers = Layers(base, waste_limit=quota.bytes // 2)
        self._volume = Volume(layers, Account(quota), now_ns, base.root, base.next_ino, base.next_ino)
        self.lock = RLock()

    @property
    def root(self) -> Ino:
        return self._volume.root

    @property
    def quota(self) -> Quota:
        return self._volume.quota

    def fork(
        self,
        now_ns: Callable[[], int] | None = None,
        *,
        opens: Mapping[Ino, int] | None = None,
        quota: Quota | None = None,
    ) -> "FileSystem":
        """A file system with the same content, independent from here on; no file's bytes are copied.

        ``opens`` are the open counts it starts with (a subset of ours): by default ours, for a fork of all
        the file tables. ``quota`` is in the place of ours. The layers are merged now and then, see layers.py.
        """
        twin = FileSystem.__new__(FileSystem)
        with self.lock:
            twin._volume = self._volume.fork(opens, now_ns)
        if quota is not None:
            twin._volume.account.quota = quota
        twin.lock = RLock()
        return twin

    def return_to(self, saved: "FileSystem") -> None:
        """Have the content that ``saved``, a fork of this one, has. Open inodes stay open, if ``saved`` has them."""
        with self.lock:
            self._volume = saved._volume.fork(self._opens_in(saved._volume), None, least_next_ino=self._volume.next_ino)

    def _opens_in(self, volume: Volume) -> dict[Ino, int]:
        return {ino: count for ino, count in self._volume.opens.items() if volume.layers.get(ino) is not None}

    def usage(self) -> Usage:
        with self.lock:
            return self._volume.account.usage()

    # Paths and open counts

    def resolve(self, start: Ino, path: str, *, follow: bool = True) -> Ino:
        with self.lock:
            return paths.find(self._volume, start, path, follow_last=follow).ino

    def open(
        self,
        start: Ino,
        path: str,
        *,
        follow: bool = True,
        create: bool = False,
        exclusive: bool = False,
        truncate: bool = False,
        directory: bool = False,
        write: bool = False,
    ) -> Ino:
        """``openat``: the inode, retained. ``write`` asks whether writing is possible, as O_WRONLY does."""
        with self.lock:
            ino = names.open_node(
                self._volume, start, path, follow_last=follow, create=create, exclusive=exclusive,
                truncating=truncate, directory=directory, write=write,
            )  # fmt: skip
            self._volume.retain(ino)
            return ino

    def retain(self, ino: Ino) -> None:
        """Count one more open of ``ino``: it lives until the last ``release``, named or not."""
        with self.lock:
            self._volume.retain(ino)

    def release(self, ino: Ino) -> None:
        with self.lock:
            self._volume.release(ino)

    # Content and attributes

    def stat(self, ino: Ino) -> Stat:
        with self.lock:
            return self._volume.node(ino).stat()

    def set_times(self, ino: Ino, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the times that are not None; ctime becomes now."""
        with self.lock:
            node = self._volume.writable(self._volume.node(ino))
            node.atime_ns = node.atime_ns if atime_ns is None else atime_ns
            node.mtime_ns = node.mtime_ns if mtime_ns is None else mtime_ns
            node.ctime_ns = self._volume.now_ns()

    def read(self, ino: Ino, offset: int, length: int) -> BytesLike:
        """At most ``length`` bytes from ``offset``, fewer at the end of the file.

        A read-only view where the content can never change, a copy where it can.
        """
        with self.lock:
            return content.read(self._volume, ino, offset, length)

    def read_into(self, ino: Ino, offset: int, target: memoryview) -> int:
        """Fill ``target`` from ``offset`` on, in one copy; returns how many bytes there were."""
        with self.lock:
            return content.read_into(self._volume, ino, offset, target)

    def write(self, ino: Ino, offset: int, data: BytesLike) -> int:
        """All of ``data`` at ``offset``; what lies between the end and ``offset`` becomes zeros.

        Raises NOSPC, before anything is allocated, if it does not fit in full; FBIG past 2**63 - 1.
        """
        with self.lock:
            return content.write(self._volume, ino, offset, data)

    def append(self, ino: Ino, data: BytesLike) -> int:
        """All of ``data`` at the end of the file; returns the offset after it."""
        with self.lock:
            return content.append(self._volume, ino, data)

    def truncate(self, ino: Ino, size: int) -> None:
        """Cut the file, or lengthen it with zeros."""
        with self.lock:
            content.truncate(self._volume, ino, size)

    # Directories and names

    def entries(self, ino: Ino, after_cookie: int = 0, limit: int | None = None) -> list[Entry]:
        """At most ``limit`` entries after that cookie (0: from the start), "." and ".." first.

        Costs a bisection plus the entries returned: give a limit when a buffer is to be filled.
        """
        with self.lock:
            directory = self._volume.directory(ino)
            if after_cookie < 0 or (limit is not None and limit < 0):
                raise FileSystemError(Errno.INVAL)
            if directory.links == 0:
                return []
            if after_cookie >= DOT_DOT_COOKIE:
                return directory.after(after_cookie, limit)
            dots = [
                Entry(DOT_COOKIE, ".", ino, Kind.DIRECTORY),
                Entry(DOT_DOT_COOKIE, "..", directory.parent, Kind.DIRECTORY),
            ][after_cookie:][:limit]
            return dots + directory.after(after_cookie, None if limit is None else limit - len(dots))

    def mkdir(self, start: Ino, path: str) -> Ino:
        with self.lock:
            return names.mkdir(self._volume, start, path)

    def symlink(self, target: str, start: Ino, path: str) -> Ino:
        with self.lock:
            return names.symlink(self._volume, target, start, path)

    def link(self, old_start: Ino, old_path: str, new_start: Ino, new_path: str, *, follow: bool = False) -> None:
        with self.lock:
            names.link(self._volume, old_start, old_path, new_start, new_path, follow_last=follow)

    def readlink(self, start: Ino, path: str) -> str:
        with self.lock:
            return names.readlink(self._volume, start, path)

    def unlink(self, start: Ino, path: str) -> None:
        with self.lock:
            names.unlink(self._volume, start, path)

    def rmdir(self, start: Ino, path: str) -> None:
        with self.lock:
            names.rmdir(self._volume, start, path)

    def rename(self, old_start: Ino, old_path: str, new_start: Ino, new_path: str) -> None:
        with self.lock:
            names.rename(self._volume, old_start, old_path, new_start, new_path)
