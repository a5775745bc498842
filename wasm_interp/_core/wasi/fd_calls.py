"""WASI preview1 calls on open descriptors.

Rule: one function per call, named as the call; it raises FileSystemError for any outcome but success.
Source: the preview1 witx, and wasi-libc where it relies on more.
"""

from __future__ import annotations

from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.vfs.nodes import Kind, Stat
from wasm_interp._core.wasi.abi import (
    DEFINED_FD_FLAGS,
    DEFINED_TIME_FLAGS,
    DIRENT,
    FDSTAT,
    FILESTAT,
    IOVEC,
    MAX_IOVECS,
    PREOPEN_DIRECTORY,
    PRESTAT,
    FdFlags,
    FileType,
    Rights,
    SetTimes,
    Whence,
)
from wasm_interp._core.wasi.descriptors import Descriptor
from wasm_interp._core.wasi.state import WasiState

_MAX_OFFSET = (1 << 63) - 1
_MAX_COUNT = (1 << 32) - 1  # what a size can say; buffers may lie over one another, so their sum can be more
_DEVICE = 1  # st_dev of every file: there is one file system


def fd_advise(state: WasiState, fd: int, offset: int, length: int, advice: int) -> None:
    if advice > 5:
        raise FileSystemError(Errno.INVAL)
    _file(state, fd)


def fd_allocate(state: WasiState, fd: int, offset: int, length: int) -> None:
    descriptor = _file(state, fd)
    _check_writable(descriptor)
    if not length or max(offset, length) > _MAX_OFFSET:
        raise FileSystemError(Errno.INVAL)
    with state.fs.lock:
        stat = state.fs.stat(descriptor.ino)
        if stat.kind is Kind.DIRECTORY:
            raise FileSystemError(Errno.BADF)
        if offset + length > stat.size:
            state.fs.truncate(descriptor.ino, offset + length)


def fd_close(state: WasiState, fd: int) -> None:
    if state.files.get(fd).preopen is not None:
        raise FileSystemError(Errno.NOTSUP)  # without them no path leads anywhere, in no later cell either
    state.files.close(fd)


def fd_datasync(state: WasiState, fd: int) -> None:
    _file(state, fd)


def fd_sync(state: WasiState, fd: int) -> None:
    _file(state, fd)


def fd_fdstat_get(state: WasiState, fd: int, pointer: int) -> None:
    descriptor = state.files.get(fd)
    rights = int(Rights.ALL)
    if not descriptor.readable:
        rights -= Rights.FD_READ
    if not descriptor.writable:
        rights -= Rights.FD_WRITE
    # Streams too have the right to seek, though seeking fails: wasi-libc takes a character device without
    # it for a terminal, and Python would then colour its output.
    state.memory.pack(FDSTAT, pointer, _file_type(state, descriptor), descriptor.flags, rights, rights)


def fd_fdstat_set_flags(state: WasiState, fd: int, flags: int) -> None:
    if flags & ~DEFINED_FD_FLAGS:
        raise FileSystemError(Errno.INVAL)
    state.files.get(fd).flags = flags


def fd_fdstat_set_rights(state: WasiState, fd: int, base: int, inheriting: int) -> None:
    descriptor = state.files.get(fd)
    if (base & Rights.FD_READ and not descriptor.readable) or (base & Rights.FD_WRITE and not descriptor.writable):
        raise FileSystemError(Errno.NOTCAPABLE)
    descriptor.readable = bool(base & Rights.FD_READ)
    descriptor.writable = bool(base & Rights.FD_WRITE)


def fd_filestat_get(state: WasiState, fd: int, pointer: int) -> None:
    descriptor = state.files.get(fd)
    if descriptor.stream is not None:
        state.memory.pack(FILESTAT, pointer, _DEVICE, fd, FileType.CHARACTER_DEVICE, 1, 0, 0, 0, 0)
        return
    write_filestat(state, pointer, state.fs.stat(descriptor.ino))


def fd_filestat_set_size(state: WasiState, fd: int, size: int) -> None:
    descriptor = _file(state, fd)
    if not descriptor.writable or size > _MAX_OFFSET:
        raise FileSystemError(Errno.INVAL)  # as ftruncate of a read-only descriptor, or to a negative size
    state.fs.truncate(descriptor.ino, size)


def fd_filestat_set_times(state: WasiState, fd: int, atime_ns: int, mtime_ns: int, flags: int) -> None:
    set_times(state, _file(state, fd).ino, atime_ns, mtime_ns, flags)


def fd_prestat_get(state: WasiState, fd: int, pointer: int) -> None:
    state.memory.pack(PRESTAT, pointer, PREOPEN_DIRECTORY, len(_preopen_name(state, fd)))


def fd_prestat_dir_name(state: WasiState, fd: int, pointer: int, length: int) -> None:
    name = _preopen_name(state, fd)
    if length < len(name):
        raise FileSystemError(Errno.NAMETOOLONG)
    state.memory.write(pointer, name)


def fd_read(state: WasiState, fd: int, iovecs: int, count: int, read: int) -> None:
    descriptor = state.files.get(fd)
    if descriptor.stream is not None:
        total = _read_stream(state, descriptor, iovecs, count)
    else:
        total = _read_file(state, descriptor, descriptor.offset, iovecs, count)
        descriptor.offset += total
    state.memory.write_u32(read, total)


def fd_pread(state: WasiState, fd: int, iovecs: int, count: int, offset: int, read: int) -> None:
    state.memory.write_u32(read, _read_file(state, _seekable(state, fd), offset, iovecs, count))


def fd_write(state: WasiState, fd: int, iovecs: int, count: int, written: int) -> None:
    descriptor = state.files.get(fd)
    if descriptor.stream is not None:
        total = _write_stream(state, descriptor, iovecs, count)
    else:
        total = _write_file(state, descriptor, descriptor.offset, iovecs, count)
        _advance(state, descriptor, total)
    state.memory.write_u32(written, total)


def fd_pwrite(state: WasiState, fd: int, iovecs: int, count: int, offset: int, written: int) -> None:
    state.memory.write_u32(written, _write_file(state, _seekable(state, fd), offset, iovecs, count))


def fd_readdir(state: WasiState, fd: int, buffer: int, length: int, cookie: int, used: int) -> None:
    descriptor = _file(state, fd)
    room = state.memory.slice(buffer, length)
    filled = 0
    for next_cookie, name, ino, kind in state.fs.entries(descriptor.ino, cookie, length // DIRENT.size + 1):
        encoded = name.encode("utf-8")
        entry = DIRENT.pack(next_cookie, ino, len(encoded), kind) + encoded
        part = entry[: length - filled]  # a cut entry tells the caller that there is more
        room[filled : filled + len(part)] = part
        filled += len(part)
        if filled == length:
            break
    state.memory.write_u32(used, filled)


def fd_renumber(state: WasiState, fd: int, to: int) -> None:
    if state.files.get(fd).preopen is not None or state.files.get(to).preopen is not None:
        raise FileSystemError(Errno.NOTSUP)
    state.files.renumber(fd, to)


def fd_seek(state: WasiState, fd: int, offset: int, whence: int, new_offset: int) -> None:
    descriptor = _seekable(state, fd)
    stat = _offset_bearer(state, descriptor)
    base = {Whence.SET: 0, Whence.CUR: descriptor.offset, Whence.END: stat.size}.get(whence)  # type: ignore[call-overload]
    if base is None or not 0 <= base + offset <= _MAX_OFFSET:
        raise FileSystemError(Errno.INVAL)
    descriptor.offset = base + offset
    state.memory.write_u64(new_offset, descriptor.offset)


def fd_tell(state: WasiState, fd: int, offset: int) -> None:
    descriptor = _seekable(state, fd)
    _offset_bearer(state, descriptor)
    state.memory.write_u64(offset, descriptor.offset)


def write_filestat(state: WasiState, pointer: int, stat: Stat) -> None:
    """Store ``stat`` as a filestat."""
    times = stat.atime_ns, stat.mtime_ns, stat.ctime_ns
    state.memory.pack(FILESTAT, pointer, _DEVICE, stat.ino, stat.kind, stat.links, stat.size, *times)


def set_times(state: WasiState, ino: int, atime_ns: int, mtime_ns: int, flags: int) -> None:
    """Set times as fstflags say. Raises INVAL on both a time and now, and on a flag that does not exist."""
    if flags & ~DEFINED_TIME_FLAGS:
        raise FileSystemError(Errno.INVAL)
    now = state.clock.realtime_ns()
    atime = _new_time(atime_ns, now, bool(flags & SetTimes.ATIME), bool(flags & SetTimes.ATIME_NOW))
    mtime = _new_time(mtime_ns, now, bool(flags & SetTimes.MTIME), bool(flags & SetTimes.MTIME_NOW))
    state.fs.set_times(ino, atime, mtime)


def _new_time(given_ns: int, now_ns: int, use_given: bool, use_now: bool) -> int | None:
    if use_given and use_now:
        raise FileSystemError(Errno.INVAL)
    if use_now:
        return now_ns
    return given_ns if use_given else None


def _file(state: WasiState, fd: int) -> Descriptor:
    descriptor = state.files.get(fd)
    if descriptor.stream is not None:
        raise FileSystemError(Errno.BADF)
    return descriptor


def _seekable(state: WasiState, fd: int) -> Descriptor:
    descriptor = state.files.get(fd)
    if descriptor.stream is not None:
        raise FileSystemError(Errno.SPIPE)
    return descriptor


def _offset_bearer(state: WasiState, descriptor: Descriptor) -> Stat:
    stat = state.fs.stat(descriptor.ino)
    if stat.kind is Kind.DIRECTORY:
        raise FileSystemError(Errno.BADF)
    return stat


def _check_writable(descriptor: Descriptor) -> None:
    if not descriptor.writable:
        raise FileSystemError(Errno.BADF)


def _file_type(state: WasiState, descriptor: Descriptor) -> int:
    if descriptor.stream is not None:
        return FileType.CHARACTER_DEVICE
    return state.fs.stat(descriptor.ino).kind


def _preopen_name(state: WasiState, fd: int) -> bytes:
    name = state.files.get(fd).preopen
    if name is None:
        raise FileSystemError(Errno.BADF)
    return name.encode("utf-8")


def _buffers(state: WasiState, iovecs: int, count: int, offset: int = 0) -> list[memoryview]:
    """The guest's buffers, all of them checked before any is touched: a bad one changes nothing.

    Raises INVAL if there are too many, or more bytes than the call's result, or the range from ``offset``, can count.
    """
    if count > MAX_IOVECS:
        raise FileSystemError(Errno.INVAL)
    memory = state.memory
    buffers = [memory.slice(*vector) for vector in IOVEC.iter_unpack(memory.read(iovecs, count * IOVEC.size))]
    total = sum(map(len, buffers))
    if total > _MAX_COUNT or offset + total > _MAX_OFFSET:
        raise FileSystemError(Errno.INVAL)
    return buffers


def _read_file(state: WasiState, descriptor: Descriptor, offset: int, iovecs: int, count: int) -> int:
    if not descriptor.readable:
        raise FileSystemError(Errno.BADF)
    total = 0
    for buffer in _buffers(state, iovecs, count, offset):
        got = state.fs.read_into(descriptor.ino, offset + total, buffer)
        total += got
        if got < len(buffer):
            break
    return total


def _write_file(state: WasiState, descriptor: Descriptor, offset: int, iovecs: int, count: int) -> int:
    _check_writable(descriptor)
    total = 0
    for buffer in _buffers(state, iovecs, count, offset):
        if not buffer:
            continue
        try:
            if descriptor.flags & FdFlags.APPEND:
                state.fs.append(descriptor.ino, buffer)
            else:
                state.fs.write(descriptor.ino, offset + total, buffer)
        except FileSystemError:
            if total:  # what was written counts; the next call meets the error again
                return total
            raise
        total += len(buffer)
    return total


def _advance(state: WasiState, descriptor: Descriptor, written: int) -> None:
    if descriptor.flags & FdFlags.APPEND:
        descriptor.offset = state.fs.stat(descriptor.ino).size
    else:
        descriptor.offset += written


def _read_stream(state: WasiState, descriptor: Descriptor, iovecs: int, count: int) -> int:
    if not descriptor.readable:
        raise FileSystemError(Errno.BADF)
    for buffer in _buffers(state, iovecs, count):
        if buffer:
            data = state.input(len(buffer))
            buffer[: len(data)] = data
            return len(data)  # a short read is allowed, and a second one might block
    return 0


def _write_stream(state: WasiState, descriptor: Descriptor, iovecs: int, count: int) -> int:
    _check_writable(descriptor)
    assert descriptor.stream is not None
    buffers = _buffers(state, iovecs, count)
    for buffer in buffers:
        state.output(descriptor.stream, buffer)
    return sum(map(len, buffers))
