"""WASI preview1 as bytes: numbers, structures and the signature of every call.

Source: the wasi_snapshot_preview1 witx. A signature's letters are `struct` codes of the parameters as
the guest passes them: I for a 32-bit value or pointer, q signed and Q unsigned 64-bit.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import Final


class FileType(IntEnum):
    """filetype"""

    UNKNOWN = 0
    CHARACTER_DEVICE = 2
    DIRECTORY = 3
    REGULAR_FILE = 4
    SYMBOLIC_LINK = 7


class Rights(IntFlag):
    """The rights that mean something here; the others are granted and never asked about."""

    FD_READ = 1 << 1
    FD_WRITE = 1 << 6
    ALL = (1 << 30) - 1


class OpenFlags(IntFlag):
    """oflags"""

    CREATE = 1
    DIRECTORY = 2
    EXCLUSIVE = 4
    TRUNCATE = 8


class FdFlags(IntFlag):
    """fdflags; the sync flags are accepted and change nothing, since there is no disk"""

    APPEND = 1
    DSYNC = 2
    NONBLOCK = 4
    RSYNC = 8
    SYNC = 16


class Whence(IntEnum):
    """whence"""

    SET = 0
    CUR = 1
    END = 2


class SetTimes(IntFlag):
    """fstflags"""

    ATIME = 1
    ATIME_NOW = 2
    MTIME = 4
    MTIME_NOW = 8


class ClockId(IntEnum):
    """clockid"""

    REALTIME = 0
    MONOTONIC = 1
    PROCESS_CPU = 2
    THREAD_CPU = 3


class EventType(IntEnum):
    """eventtype"""

    CLOCK = 0
    FD_READ = 1
    FD_WRITE = 2


# Plain numbers, since ~ of an IntFlag has no bits but those that it names.
DEFINED_FD_FLAGS: Final = 31
DEFINED_OPEN_FLAGS: Final = 15
DEFINED_TIME_FLAGS: Final = 15
FOLLOW_SYMLINKS: Final = 1  # lookupflags
ABSOLUTE_TIMEOUT: Final = 1  # subclockflags
PREOPEN_DIRECTORY: Final = 0  # prestat tag

FDSTAT: Final = struct.Struct("<BxHxxxxQQ")
FILESTAT: Final = struct.Struct("<QQB7xQQQQQ")
DIRENT: Final = struct.Struct("<QQIB3x")
PRESTAT: Final = struct.Struct("<B3xI")
IOVEC: Final = struct.Struct("<II")
SUBSCRIPTION: Final = struct.Struct("<QB7xI4xQQH6x")
EVENT: Final = struct.Struct("<QHB5xQH6x")

MAX_IOVECS: Final = 1024  # IOV_MAX of Linux
MAX_SUBSCRIPTIONS: Final = 1024

SIGNATURES: Final = {
    "args_get": "II",
    "args_sizes_get": "II",
    "environ_get": "II",
    "environ_sizes_get": "II",
    "clock_res_get": "II",
    "clock_time_get": "IQI",
    "fd_advise": "IQQI",
    "fd_allocate": "IQQ",
    "fd_close": "I",
    "fd_datasync": "I",
    "fd_fdstat_get": "II",
    "fd_fdstat_set_flags": "II",
    "fd_fdstat_set_rights": "IQQ",
    "fd_filestat_get": "II",
    "fd_filestat_set_size": "IQ",
    "fd_filestat_set_times": "IQQI",
    "fd_pread": "IIIQI",
    "fd_prestat_get": "II",
    "fd_prestat_dir_name": "III",
    "fd_pwrite": "IIIQI",
    "fd_read": "IIII",
    "fd_readdir": "IIIQI",
    "fd_renumber": "II",
    "fd_seek": "IqII",
    "fd_sync": "I",
    "fd_tell": "II",
    "fd_write": "IIII",
    "path_create_directory": "III",
    "path_filestat_get": "IIIII",
    "path_filestat_set_times": "IIIIQQI",
    "path_link": "IIIIIII",
    "path_open": "IIIIIQQII",
    "path_readlink": "IIIIII",
    "path_remove_directory": "III",
    "path_rename": "IIIIII",
    "path_symlink": "IIIII",
    "path_unlink_file": "III",
    "poll_oneoff": "IIII",
    "proc_exit": "I",
    "proc_raise": "I",
    "random_get": "II",
    "sched_yield": "",
    "sock_accept": "III",
    "sock_recv": "IIIIII",
    "sock_send": "IIIII",
    "sock_shutdown": "II",
}
