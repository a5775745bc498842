"""WASI preview1 calls on paths.

Rule: one function per call, named as the call; it raises FileSystemError for any outcome but success.
A path is relative to its directory descriptor; `..` and absolute links stay inside the one tree that
the sandbox has, so nothing needs the capability checks that a host's file system would.
"""

from __future__ import annotations

from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.abi import DEFINED_FD_FLAGS, DEFINED_OPEN_FLAGS, FOLLOW_SYMLINKS, OpenFlags, Rights
from wasm_interp._core.wasi.descriptors import Descriptor
from wasm_interp._core.wasi.fd_calls import set_times, write_filestat
from wasm_interp._core.wasi.state import WasiState

_MAX_PATH_BYTES = 4096  # checked before the bytes are decoded; the file system has finer limits


def path_create_directory(state: WasiState, fd: int, path: int, length: int) -> None:
    state.fs.mkdir(_directory(state, fd), _path(state, path, length))


def path_filestat_get(state: WasiState, fd: int, lookup: int, path: int, length: int, pointer: int) -> None:
    ino = _resolve(state, fd, lookup, path, length)
    write_filestat(state, pointer, state.fs.stat(ino))


def path_filestat_set_times(
    state: WasiState, fd: int, lookup: int, path: int, length: int, atime_ns: int, mtime_ns: int, flags: int
) -> None:
    set_times(state, _resolve(state, fd, lookup, path, length), atime_ns, mtime_ns, flags)


def path_link(
    state: WasiState, old_fd: int, lookup: int, old: int, old_length: int, new_fd: int, new: int, new_length: int
) -> None:
    state.fs.link(
        _directory(state, old_fd),
        _path(state, old, old_length),
        _directory(state, new_fd),
        _path(state, new, new_length),
        follow=_follows(lookup),
    )


def path_open(
    state: WasiState,
    fd: int,
    lookup: int,
    path: int,
    length: int,
    open_flags: int,
    rights: int,
    inheriting: int,
    flags: int,
    opened: int,
) -> None:
    if open_flags & ~DEFINED_OPEN_FLAGS or flags & ~DEFINED_FD_FLAGS:
        raise FileSystemError(Errno.INVAL)
    state.memory.slice(opened, 4)  # before anything is opened that could not be told
    state.files.check_room()
    writable = bool(rights & Rights.FD_WRITE)
    ino = state.fs.open(
        _directory(state, fd),
        _path(state, path, length),
        follow=_follows(lookup),
        create=bool(open_flags & OpenFlags.CREATE),
        exclusive=bool(open_flags & OpenFlags.EXCLUSIVE),
        truncate=bool(open_flags & OpenFlags.TRUNCATE),
        directory=bool(open_flags & OpenFlags.DIRECTORY),
        write=writable,
    )
    number = state.files.add(Descriptor(ino, bool(rights & Rights.FD_READ), writable, flags))
    state.memory.write_u32(opened, number)


def path_readlink(state: WasiState, fd: int, path: int, length: int, buffer: int, room: int, used: int) -> None:
    target = state.fs.readlink(_directory(state, fd), _path(state, path, length)).encode("utf-8")[:room]
    state.memory.write(buffer, target)
    state.memory.write_u32(used, len(target))


def path_remove_directory(state: WasiState, fd: int, path: int, length: int) -> None:
    state.fs.rmdir(_directory(state, fd), _path(state, path, length))


def path_rename(
    state: WasiState, old_fd: int, old: int, old_length: int, new_fd: int, new: int, new_length: int
) -> None:
    state.fs.rename(
        _directory(state, old_fd),
        _path(state, old, old_length),
        _directory(state, new_fd),
        _path(state, new, new_length),
    )


def path_symlink(state: WasiState, target: int, target_length: int, fd: int, path: int, length: int) -> None:
    state.fs.symlink(_path(state, target, target_length), _directory(state, fd), _path(state, path, length))


def path_unlink_file(state: WasiState, fd: int, path: int, length: int) -> None:
    state.fs.unlink(_directory(state, fd), _path(state, path, length))


def _directory(state: WasiState, fd: int) -> int:
    descriptor = state.files.get(fd)
    if descriptor.stream is not None:
        raise FileSystemError(Errno.NOTDIR)
    return descriptor.ino


def _path(state: WasiState, pointer: int, length: int) -> str:
    if length > _MAX_PATH_BYTES:
        raise FileSystemError(Errno.NAMETOOLONG)
    return state.memory.text(pointer, length)


def _resolve(state: WasiState, fd: int, lookup: int, path: int, length: int) -> int:
    return state.fs.resolve(_directory(state, fd), _path(state, path, length), follow=_follows(lookup))


def _follows(lookup: int) -> bool:
    if lookup & ~FOLLOW_SYMLINKS:
        raise FileSystemError(Errno.INVAL)
    return bool(lookup)
