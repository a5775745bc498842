"""WASI calls as data: a scenario is a list of steps, and a step is one call with its arguments in plain Python.

A descriptor is a number, or the name that an `open_` step gave it. An outcome is what a program can see:
the errno by name, and the outputs of a call that succeeded, without what may differ between two hosts
(inode numbers, cookies, sizes of directories, times that nobody set).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.conformance.machines import TRAPPED, Machine
from wasm_interp._core.vfs.errno import Errno
from wasm_interp._core.wasi.abi import (
    DIRENT,
    EVENT,
    FDSTAT,
    FILESTAT,
    IOVEC,
    PRESTAT,
    SUBSCRIPTION,
    ClockId,
    EventType,
    FdFlags,
    OpenFlags,
    Rights,
    Whence,
)

ROOT = 3
READ, WRITE = Rights.FD_READ, Rights.FD_WRITE
BOTH = READ | WRITE
NEVER_OPENED = 77
MEMORY_BYTES = 4 * 65_536  # of the guest

_OUT = 0  # where outputs go
_PATHS = 4096, 12_288
_VECTORS = 20_480
_DATA = 65_536

Outcome: TypeAlias = tuple[Any, ...]  # (errno name, outputs ...)
Fd: TypeAlias = int | str
Path: TypeAlias = str | bytes


@dataclass
class Session:
    """One machine in the course of one scenario."""

    machine: Machine
    opened: dict[str, int] = field(default_factory=dict)

    def number(self, fd: Fd) -> int:
        return self.opened.get(fd, NEVER_OPENED) if isinstance(fd, str) else fd

    def call(self, name: str, *arguments: int) -> str:
        """The errno's name."""
        errno = self.machine.call(name, *arguments)
        return "TRAPPED" if errno == TRAPPED else Errno(errno).name

    def text(self, path: Path, place: int = 0) -> tuple[int, int]:
        """Put a path into memory: pointer and length."""
        raw = path if isinstance(path, bytes) else path.encode()
        self.machine.write(_PATHS[place], raw)
        return _PATHS[place], len(raw)

    def vectors(self, buffers: Sequence[int | bytes]) -> tuple[int, int]:
        """Buffers of that size, or with that content, one after the other: pointer and count of the iovecs."""
        address, packed = _DATA, b""
        for buffer in buffers:
            content = buffer if isinstance(buffer, bytes) else b"\xee" * buffer
            if content:
                self.machine.write(address, content)
            packed += IOVEC.pack(address, len(content))
            address += len(content)
        if packed:
            self.machine.write(_VECTORS, packed)
        return _VECTORS, len(buffers)

    def u32(self, offset: int = 0) -> int:
        return int.from_bytes(self.machine.read(_OUT + offset, 4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.machine.read(_OUT, 8), "little")


Step: TypeAlias = Callable[[Session], Outcome]
Scenario: TypeAlias = list[Step]


def play(machine: Machine, scenario: Scenario) -> list[Outcome]:
    """The outcome of every step."""
    session = Session(machine)
    return [step(session) for step in scenario]


def _plain(name: str, *fixed: int) -> Callable[[Fd], Step]:
    def with_fd(fd: Fd) -> Step:
        return lambda session: (session.call(name, session.number(fd), *fixed),)

    return with_fd


close = _plain("fd_close")
sync = _plain("fd_sync")
datasync = _plain("fd_datasync")
advise = _plain("fd_advise", 0, 0, 0)


def raw(name: str, *arguments: int) -> Step:
    """Any call with literal arguments; only the errno counts."""
    return lambda session: (session.call(name, *arguments),)


def open_(
    path: Path,
    rights: int = BOTH,
    oflags: int = 0,
    *,
    name: str | None = None,
    flags: int = 0,
    follow: bool = True,
    at: Fd = ROOT,
) -> Step:
    """path_open; ``name`` (by default the path) is what later steps call the descriptor."""

    def step(session: Session) -> Outcome:
        pointer, length = session.text(path)
        inheriting = int(Rights.ALL)
        arguments = session.number(at), int(follow), pointer, length, int(oflags), int(rights), inheriting, int(flags)
        errno = session.call("path_open", *arguments, _OUT)
        key = name if name is not None else path if isinstance(path, str) else path.decode(errors="replace")
        session.opened.pop(key, None)
        if errno != "SUCCESS":
            return (errno,)
        session.opened[key] = session.u32()
        return (errno,)

    return step


def number_of(name: str) -> Step:
    """The number behind a descriptor's name."""
    return lambda session: (session.number(name),)


def create(path: str, rights: int = BOTH, *, name: str | None = None, flags: int = 0) -> Step:
    """An open that makes the file."""
    return open_(path, rights, OpenFlags.CREATE, name=name, flags=flags)


def file(path: str, content: bytes = b"") -> Scenario:
    """Make a file that holds ``content``, and close it."""
    return [create(path, name="file()"), write("file()", content), close("file()")]


def contents(path: str) -> Scenario:
    """Everything in a file, up to 4096 bytes."""
    return [open_(path, READ, name="contents()"), read("contents()", 4096), close("contents()")]


def read(fd: Fd, *sizes: int, at: int | None = None) -> Step:
    """fd_read, or fd_pread from ``at``: what came into buffers of those sizes."""

    def step(session: Session) -> Outcome:
        vectors = session.vectors(sizes)
        if at is None:
            errno = session.call("fd_read", session.number(fd), *vectors, _OUT)
        else:
            errno = session.call("fd_pread", session.number(fd), *vectors, at, _OUT)
        return (errno, session.machine.read(_DATA, session.u32())) if errno == "SUCCESS" else (errno,)

    return step


def write(fd: Fd, *buffers: bytes, at: int | None = None) -> Step:
    """fd_write, or fd_pwrite to ``at``: how much was written."""

    def step(session: Session) -> Outcome:
        vectors = session.vectors(buffers)
        if at is None:
            errno = session.call("fd_write", session.number(fd), *vectors, _OUT)
        else:
            errno = session.call("fd_pwrite", session.number(fd), *vectors, at, _OUT)
        return (errno, session.u32()) if errno == "SUCCESS" else (errno,)

    return step


def seek(fd: Fd, offset: int, whence: int = Whence.SET) -> Step:
    """fd_seek: the new offset."""

    def step(session: Session) -> Outcome:
        errno = session.call("fd_seek", session.number(fd), offset, int(whence), _OUT)
        return (errno, session.u64()) if errno == "SUCCESS" else (errno,)

    return step


def tell(fd: Fd) -> Step:
    """fd_tell: the offset."""

    def step(session: Session) -> Outcome:
        errno = session.call("fd_tell", session.number(fd), _OUT)
        return (errno, session.u64()) if errno == "SUCCESS" else (errno,)

    return step


def resize(fd: Fd, size: int) -> Step:
    """fd_filestat_set_size."""
    return lambda session: (session.call("fd_filestat_set_size", session.number(fd), size),)


def allocate(fd: Fd, offset: int, length: int) -> Step:
    """fd_allocate."""
    return lambda session: (session.call("fd_allocate", session.number(fd), offset, length),)


def renumber(fd: Fd, to: Fd) -> Step:
    """fd_renumber."""
    return lambda session: (session.call("fd_renumber", session.number(fd), session.number(to)),)


def set_flags(fd: Fd, flags: int) -> Step:
    """fd_fdstat_set_flags."""
    return lambda session: (session.call("fd_fdstat_set_flags", session.number(fd), int(flags)),)


def set_rights(fd: Fd, rights: int) -> Step:
    """fd_fdstat_set_rights."""
    return lambda session: (session.call("fd_fdstat_set_rights", session.number(fd), int(rights), int(Rights.ALL)),)


def fdstat(fd: Fd) -> Step:
    """fd_fdstat_get: file type, flags."""

    def step(session: Session) -> Outcome:
        errno = session.call("fd_fdstat_get", session.number(fd), _OUT)
        if errno != "SUCCESS":
            return (errno,)
        file_type, flags, base, _ = FDSTAT.unpack(session.machine.read(_OUT, FDSTAT.size))
        return errno, file_type, FdFlags(flags), Rights(base) & BOTH

    return step


def _filestat(session: Session, errno: str, *, times: bool) -> Outcome:
    if errno != "SUCCESS":
        return (errno,)
    _, _, file_type, links, size, atime, mtime, _ = FILESTAT.unpack(session.machine.read(_OUT, FILESTAT.size))
    if times:
        return errno, atime, mtime
    return (errno, file_type) if file_type == 3 else (errno, file_type, size, links)


def stat(path: Path, *, follow: bool = True, times: bool = False, at: Fd = ROOT) -> Step:
    """path_filestat_get: file type, and of what is no directory size and links; or the two times."""

    def step(session: Session) -> Outcome:
        arguments = session.number(at), int(follow), *session.text(path), _OUT
        return _filestat(session, session.call("path_filestat_get", *arguments), times=times)

    return step


def fstat(fd: Fd, *, times: bool = False) -> Step:
    """fd_filestat_get, as ``stat``."""
    return lambda session: _filestat(session, session.call("fd_filestat_get", session.number(fd), _OUT), times=times)


def same_file(first: str, second: str) -> Step:
    """Whether two paths lead to one inode."""

    def step(session: Session) -> Outcome:
        inodes = []
        for path in (first, second):
            errno = session.call("path_filestat_get", ROOT, 1, *session.text(path), _OUT)
            inodes.append(FILESTAT.unpack(session.machine.read(_OUT, FILESTAT.size))[1])
            if errno != "SUCCESS":
                return (errno,)
        return "SUCCESS", inodes[0] == inodes[1]

    return step


def set_times(path: str, atime: int, mtime: int, flags: int, *, follow: bool = True) -> Step:
    """path_filestat_set_times."""
    return lambda session: (
        session.call("path_filestat_set_times", ROOT, int(follow), *session.text(path), atime, mtime, int(flags)),
    )


def fset_times(fd: Fd, atime: int, mtime: int, flags: int) -> Step:
    """fd_filestat_set_times."""
    return lambda session: (session.call("fd_filestat_set_times", session.number(fd), atime, mtime, int(flags)),)


def _on_path(name: str) -> Callable[..., Step]:
    def with_path(path: Path, *, at: Fd = ROOT) -> Step:
        return lambda session: (session.call(name, session.number(at), *session.text(path)),)

    return with_path


mkdir = _on_path("path_create_directory")
rmdir = _on_path("path_remove_directory")
unlink = _on_path("path_unlink_file")


def rename(old: Path, new: Path, *, at: Fd = ROOT, to: Fd = ROOT) -> Step:
    """path_rename."""
    return lambda session: (
        session.call("path_rename", session.number(at), *session.text(old), session.number(to), *session.text(new, 1)),
    )


def link(old: Path, new: Path, *, follow: bool = False) -> Step:
    """path_link."""
    return lambda session: (
        session.call("path_link", ROOT, int(follow), *session.text(old), ROOT, *session.text(new, 1)),
    )


def symlink(target: Path, path: Path) -> Step:
    """path_symlink."""
    return lambda session: (session.call("path_symlink", *session.text(target), ROOT, *session.text(path, 1)),)


def readlink(path: Path, room: int = 4096) -> Step:
    """path_readlink: the target, as much of it as there is room for."""

    def step(session: Session) -> Outcome:
        errno = session.call("path_readlink", ROOT, *session.text(path), _DATA, room, _OUT)
        return (errno, session.machine.read(_DATA, session.u32())) if errno == "SUCCESS" else (errno,)

    return step


def listing(fd: Fd, room: int = 4096) -> Step:
    """fd_readdir as often as it takes with a buffer of ``room`` bytes: the set of (name, type)."""

    def step(session: Session) -> Outcome:
        found, cookie = [], 0
        while True:
            errno = session.call("fd_readdir", session.number(fd), _DATA, room, cookie, _OUT)
            if errno != "SUCCESS":
                return (errno,)
            used = session.u32()
            entries = list(_whole_entries(session.machine.read(_DATA, used)))
            found += [(name, kind) for _, name, kind in entries]
            if used < room:
                return errno, *sorted(found)
            if not entries:
                return errno, "no entry fits"
            cookie = entries[-1][0]

    return step


def _whole_entries(data: bytes) -> Any:
    while len(data) >= DIRENT.size:
        cookie, _, length, kind = DIRENT.unpack_from(data)
        end = DIRENT.size + length
        if len(data) < end:
            return
        yield cookie, data[DIRENT.size : end].decode(), kind
        data = data[end:]


def prestat(fd: Fd) -> Step:
    """fd_prestat_get: the tag and the name's length."""

    def step(session: Session) -> Outcome:
        errno = session.call("fd_prestat_get", session.number(fd), _OUT)
        return (errno, *PRESTAT.unpack(session.machine.read(_OUT, PRESTAT.size))) if errno == "SUCCESS" else (errno,)

    return step


def preopen_name(fd: Fd, room: int) -> Step:
    """fd_prestat_dir_name."""

    def step(session: Session) -> Outcome:
        errno = session.call("fd_prestat_dir_name", session.number(fd), _DATA, room)
        return (errno, session.machine.read(_DATA, room)) if errno == "SUCCESS" else (errno,)

    return step


def strings(kind: str) -> Step:
    """args or environ: the strings, through the pointers."""

    def step(session: Session) -> Outcome:
        session.call(f"{kind}_sizes_get", _OUT, _OUT + 4)
        count, size = session.u32(), session.u32(4)
        errno = session.call(f"{kind}_get", _VECTORS, _DATA)
        data = session.machine.read(_DATA, size)
        pointers = memoryview(session.machine.read(_VECTORS, 4 * count)).cast("I")
        return errno, *(data[pointer - _DATA :].split(b"\0")[0] for pointer in pointers), size

    return step


@dataclass(frozen=True)
class Sub:
    """A subscription."""

    kind: int
    subject: Fd
    user_data: int = 0
    timeout_ns: int = 0
    flags: int = 0


def after(nanoseconds: int, user_data: int = 0, clock: int = ClockId.MONOTONIC, flags: int = 0) -> Sub:
    """A subscription to a clock."""
    return Sub(EventType.CLOCK, int(clock), user_data, nanoseconds, flags)


def readable(fd: Fd, user_data: int = 0) -> Sub:
    """A subscription to reading."""
    return Sub(EventType.FD_READ, fd, user_data)


def writable(fd: Fd, user_data: int = 0) -> Sub:
    """A subscription to writing."""
    return Sub(EventType.FD_WRITE, fd, user_data)


def poll(*subscriptions: Sub) -> Step:
    """poll_oneoff: the events as (user data, errno, type), sorted."""

    def step(session: Session) -> Outcome:
        packed = b"".join(
            SUBSCRIPTION.pack(each.user_data, each.kind, session.number(each.subject), each.timeout_ns, 0, each.flags)
            for each in subscriptions
        )
        if packed:
            session.machine.write(_DATA, packed)
        errno = session.call("poll_oneoff", _DATA, _VECTORS, len(subscriptions), _OUT)
        if errno != "SUCCESS":
            return (errno,)
        events = EVENT.iter_unpack(session.machine.read(_VECTORS, session.u32() * EVENT.size))
        return errno, *sorted((user_data, Errno(number).name, kind) for user_data, number, kind, _, _ in events)

    return step


def now_is_later(clock: int) -> Step:
    """Whether a clock that is read twice has not gone back, and is not at zero."""

    def step(session: Session) -> Outcome:
        times = []
        for _ in range(2):
            errno = session.call("clock_time_get", clock, 1, _OUT)
            times.append(session.u64())
            if errno != "SUCCESS":
                return (errno,)
        return "SUCCESS", 0 < times[0] <= times[1]

    return step


def time_is_recent(path: str) -> Step:
    """Whether each of the two times of a file is within a minute of the clock."""

    def step(session: Session) -> Outcome:
        session.call("clock_time_get", ClockId.REALTIME, 1, _OUT)
        now = session.u64()
        errno, *times = stat(path, times=True)(session)
        return errno, *(abs(now - time) < 60_000_000_000 for time in times)

    return step


def random_bytes(count: int) -> Step:
    """Whether random_get filled a place with something new, twice."""

    def step(session: Session) -> Outcome:
        seen = {bytes(count)}
        session.machine.write(_DATA, bytes(count))
        for _ in range(2):
            errno = session.call("random_get", _DATA, count)
            seen.add(session.machine.read(_DATA, count))
        return errno, len(seen)

    return step
