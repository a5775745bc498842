"""The file table of one context: descriptors as plain data, so that an image can hold them.

Rule: a descriptor of the file system retains its inode until it is closed.
"""

from __future__ import annotations

import contextlib
import heapq
from dataclasses import dataclass
from enum import IntEnum

from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.vfs.filesystem import FileSystem


class Stream(IntEnum):
    """What stands behind a standard descriptor."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2


@dataclass(slots=True)
class Descriptor:
    """One open file, directory or standard stream.

    ino is -1 for a stream. preopen is the guest's name of a directory given at the start.
    flags are WASI fdflags.
    """

    ino: int
    readable: bool = True
    writable: bool = True
    flags: int = 0
    offset: int = 0
    stream: Stream | None = None
    preopen: str | None = None

    def copied(self) -> Descriptor:
        """Another like it, in a tenth of the time that dataclasses.replace takes: a context begins with five."""
        return Descriptor(self.ino, self.readable, self.writable, self.flags, self.offset, self.stream, self.preopen)


class FileTable:
    """Descriptors by number; a new one gets the lowest free number, as POSIX asks."""

    __slots__ = ("_free", "_fs", "_limit", "_next", "_open")

    def __init__(self, fs: FileSystem, limit: int, saved: tuple[tuple[int, Descriptor], ...] = ()) -> None:
        """``limit`` is the most descriptors open at once. ``saved`` is what ``save`` gave.

        Raises BADF, and keeps nothing open, if one of them leads to an inode that is gone.
        """
        self._fs = fs
        self._limit = limit
        self._open: dict[int, Descriptor] = {}
        try:
            for number, descriptor in saved:
                self._retain(descriptor)
                self._open[number] = descriptor.copied()
        except FileSystemError:
            self.close_all()
            raise
        self._next = max(self._open, default=-1) + 1
        self._free = sorted(set(range(self._next)) - self._open.keys())

    def __len__(self) -> int:
        return len(self._open)

    def get(self, number: int) -> Descriptor:
        """Raises BADF when that number is not open."""
        descriptor = self._open.get(number)
        if descriptor is None:
            raise FileSystemError(Errno.BADF)
        return descriptor

    def check_room(self) -> None:
        """Raises MFILE when no descriptor is free."""
        if len(self._open) >= self._limit:
            raise FileSystemError(Errno.MFILE)

    def add(self, descriptor: Descriptor) -> int:
        """The new number. The inode must have been retained for it already."""
        self.check_room()
        if self._free:
            number = heapq.heappop(self._free)
        else:
            number, self._next = self._next, self._next + 1
        self._open[number] = descriptor
        return number

    def close(self, number: int) -> None:
        """Raises BADF when that number is not open."""
        self._release(self.get(number))
        del self._open[number]
        heapq.heappush(self._free, number)

    def renumber(self, old: int, new: int) -> None:
        """What was ``old`` becomes ``new``; what was ``new`` is closed. Both must be open."""
        descriptor, replaced = self.get(old), self.get(new)
        if old == new:
            return
        self._release(replaced)
        self._open[new] = descriptor
        del self._open[old]
        heapq.heappush(self._free, old)

    def open_streams(self) -> None:
        """Put standard streams that the guest closed or replaced back in their places."""
        for stream in Stream:
            present = self._open.get(stream)
            if present is not None and present.stream is stream:
                continue
            if present is not None:
                self._release(present)
            elif stream in self._free:
                self._free.remove(stream)
                heapq.heapify(self._free)
            self._open[stream] = stream_descriptor(stream)
            self._next = max(self._next, stream + 1)

    def close_all(self) -> None:
        """Release every inode; the table is empty then."""
        for descriptor in self._open.values():
            self._release(descriptor)
        self._open.clear()

    def is_as_saved(self, saved: tuple[tuple[int, Descriptor], ...]) -> bool:
        """Whether ``save`` would give the same, told without making it."""
        if len(saved) != len(self._open):
            return False
        return all(self._open.get(number) == descriptor for number, descriptor in saved)

    def inodes(self) -> list[int]:
        """What the descriptors lead to, streams aside; once for each."""
        return [descriptor.ino for descriptor in self._open.values() if descriptor.stream is None]

    def save(self) -> tuple[tuple[int, Descriptor], ...]:
        """The table as data, by number."""
        return tuple((number, descriptor.copied()) for number, descriptor in sorted(self._open.items()))

    def _retain(self, descriptor: Descriptor) -> None:
        if descriptor.stream is None:
            self._fs.retain(descriptor.ino)

    def _release(self, descriptor: Descriptor) -> None:
        if descriptor.stream is None:
            # An inode that a file system's return to an earlier state has taken away is not to keep a table open.
            with contextlib.suppress(FileSystemError):
                self._fs.release(descriptor.ino)


def stream_descriptor(stream: Stream) -> Descriptor:
    """A standard stream, open."""
    return Descriptor(-1, readable=stream is Stream.STDIN, writable=stream is not Stream.STDIN, stream=stream)


def first_table(preopens: tuple[tuple[str, int], ...]) -> tuple[tuple[int, Descriptor], ...]:
    """What a guest starts with: the three streams, then directories given by (name in the guest, inode)."""
    streams = [(int(stream), stream_descriptor(stream)) for stream in Stream]
    folders = [(3 + index, Descriptor(ino, preopen=name)) for index, (name, ino) in enumerate(preopens)]
    return tuple(streams + folders)
