"""Where our outcome is not wasmtime's, and why: both sides are asserted, so that a change of either is noticed.

A row's setup must go the same way on both sides; then comes the one call, with both outcomes.
"""

from dataclasses import dataclass

from tests.conformance.steps import (
    BOTH,
    MEMORY_BYTES,
    NEVER_OPENED,
    READ,
    ROOT,
    WRITE,
    Fd,
    Outcome,
    Scenario,
    Step,
    advise,
    after,
    allocate,
    close,
    create,
    datasync,
    fdstat,
    file,
    fstat,
    link,
    listing,
    mkdir,
    number_of,
    open_,
    poll,
    raw,
    read,
    readable,
    rename,
    renumber,
    resize,
    rmdir,
    seek,
    set_flags,
    set_rights,
    set_times,
    stat,
    symlink,
    sync,
    unlink,
    writable,
    write,
)
from wasm_interp._core.wasi.abi import ClockId, FdFlags, OpenFlags, Whence


@dataclass(frozen=True)
class Row:
    """One call with two outcomes."""

    setup: Scenario
    step: Step
    ours: Outcome
    reference: Outcome


DONE: Outcome = ("SUCCESS",)
TRAPPED: Outcome = ("TRAPPED",)
CHARACTER_DEVICE, DIRECTORY, REGULAR, UNKNOWN = 2, 3, 4, 0
HALF = 2**63


def _errno(name: str) -> Outcome:
    return (name,)


def _at_directory(step: Step, ours: Outcome, reference: str = "BADF") -> Row:
    return Row([mkdir("d"), open_("d", READ)], step, ours, _errno(reference))


def _on_paths(*steps: tuple[Step, Outcome]) -> list[Row]:
    return [Row([*file("f", b"1"), mkdir("d")], step, ours, _errno("PERM")) for step, ours in steps]


def _sync_flag(flag: FdFlags) -> list[Row]:
    opened = Row([], create("f", flags=flag), DONE, _errno("NOTSUP"))
    return [opened, Row([create("f")], set_flags("f", flag), DONE, _errno("INVAL"))]


def _flags_of(fd: Fd) -> Row:
    return Row([], set_flags(fd, FdFlags.NONBLOCK), DONE, _errno("BADF"))


DIFFERENCES: dict[str, list[Row]] = {
    "the whole tree is the guest's: absolute paths start at its root, and .. of the root is the root": [
        *_on_paths(
            (symlink("/f", "l"), DONE),
            (stat("/f"), (*DONE, REGULAR, 1, 1)),
            (stat("/"), (*DONE, DIRECTORY)),
            (stat(".."), (*DONE, DIRECTORY)),
            (stat("../x"), _errno("NOENT")),
            (stat("d/../.."), (*DONE, DIRECTORY)),
            (open_("/f"), DONE),
            (mkdir("/g"), DONE),
            (mkdir("/"), _errno("EXIST")),
            (mkdir(".."), _errno("EXIST")),
            (rmdir(".."), _errno("NOTEMPTY")),
            (rmdir("/"), _errno("BUSY")),
            (unlink("../f"), DONE),
            (unlink(".."), _errno("ISDIR")),
            (rename("f", "../g"), DONE),
            (rename("f", "/g"), DONE),
            (rename("/", "x"), _errno("BUSY")),
            (link("f", "../g"), DONE),
        ),
        Row(
            [*file("f", b"1"), mkdir("d"), symlink("../../f", "d/up")],
            stat("d/up"),
            (*DONE, REGULAR, 1, 1),
            _errno("PERM"),
        ),
    ],
    "a sandbox has no sockets, so the calls do not even look at the descriptor": [
        Row([], raw("sock_accept", ROOT, 0, 0), _errno("NOTSUP"), _errno("NOTSOCK")),
        Row([], raw("sock_recv", 0, 0, 0, 0, 0, 8), _errno("NOTSUP"), _errno("NOTSOCK")),
        Row([], raw("sock_send", 1, 0, 0, 0, 8), _errno("NOTSUP"), _errno("NOTSOCK")),
        Row([], raw("sock_shutdown", 1, 1), _errno("NOTSUP"), _errno("NOTSOCK")),
        Row([], raw("sock_shutdown", NEVER_OPENED, 1), _errno("NOTSUP"), _errno("BADF")),
    ],
    "a bad pointer, flag or choice is the guest's mistake, which it is told; wasmtime ends the guest": [
        Row([], raw("clock_time_get", 0, 0, MEMORY_BYTES), _errno("FAULT"), TRAPPED),
        Row([], raw("random_get", 2**32 - 1, 2**32 - 1), _errno("FAULT"), TRAPPED),
        Row([], raw("path_create_directory", ROOT, MEMORY_BYTES - 1, 2), _errno("FAULT"), TRAPPED),
        Row([], raw("clock_time_get", 4, 0, 0), _errno("INVAL"), TRAPPED),
        Row([], raw("clock_res_get", 4, 0), _errno("INVAL"), TRAPPED),
        Row([create("f")], seek("f", 0, 3), _errno("INVAL"), TRAPPED),
        Row([create("f")], raw("fd_advise", 4, 0, 0, 6), _errno("INVAL"), TRAPPED),
        Row([create("f")], set_flags("f", 32), _errno("INVAL"), TRAPPED),
        Row([], create("f", flags=32), _errno("INVAL"), TRAPPED),
        Row([], open_("f", BOTH, 16), _errno("INVAL"), TRAPPED),
        Row(file("f"), set_times("f", 0, 0, 16), _errno("INVAL"), TRAPPED),
        Row(file("f"), raw("path_filestat_get", ROOT, 2, 4096, 1, 0), _errno("INVAL"), TRAPPED),
    ],
    "a pointer need not be aligned: every load and store here is by bytes": [
        Row([], raw("clock_time_get", 0, 0, 1), DONE, TRAPPED),
        Row([], raw("fd_prestat_get", ROOT, 2), DONE, TRAPPED),
        Row([], raw("fd_write", 1, 1, 1, 8), DONE, TRAPPED),
    ],
    "a pointer past the end is one, even to no bytes": [
        Row([], raw("random_get", MEMORY_BYTES + 1, 0), _errno("FAULT"), DONE),
    ],
    "fallocate is easy where there is no disk; wasmtime leaves it out": [
        Row([create("f")], allocate("f", 0, 10), DONE, _errno("NOTSUP")),
        Row([create("f")], allocate("f", 0, 0), _errno("INVAL"), _errno("NOTSUP")),
        Row([create("f")], allocate("f", HALF, 1), _errno("INVAL"), _errno("NOTSUP")),
        Row([create("f")], allocate("f", HALF - 1, HALF - 1), _errno("FBIG"), _errno("NOTSUP")),
        Row([*file("f"), open_("f", READ)], allocate("f", 0, 1), _errno("BADF"), _errno("NOTSUP")),
    ],
    "rights can be given up; wasmtime leaves them out": [
        Row([create("f")], set_rights("f", READ), DONE, _errno("NOTSUP")),
        Row([*file("f"), open_("f", READ)], set_rights("f", BOTH), _errno("NOTCAPABLE"), _errno("NOTSUP")),
        Row([], set_rights(1, WRITE), DONE, _errno("BADF")),
    ],
    "no right to write means none; wasmtime lets whoever may create a file write to it": [
        Row([create("f", READ)], write("f", b"x"), _errno("BADF"), (*DONE, 1)),
        Row([create("f", READ)], write("f", b"x", at=0), _errno("BADF"), (*DONE, 1)),
        Row([create("f", READ)], resize("f", 1), _errno("INVAL"), DONE),
    ],
    "no right to read means none; wasmtime opens for reading when no right is asked for": [
        Row([*file("f", b"1"), open_("f", 0)], read("f", 1), _errno("BADF"), (*DONE, b"1")),
        Row([*file("f"), open_("f", 0)], fdstat("f"), (*DONE, REGULAR, 0, 0), (*DONE, REGULAR, 0, READ)),
    ],
    "the preopened folders stay: without them no path leads anywhere, in later cells either": [
        Row([], close(ROOT), _errno("NOTSUP"), DONE),
        Row([create("f")], renumber("f", ROOT), _errno("NOTSUP"), DONE),
        Row([create("f")], renumber(ROOT, "f"), _errno("NOTSUP"), DONE),
    ],
    "a new descriptor gets the lowest free number, as POSIX asks; wasmtime's gets the one freed last": [
        Row([create("a"), create("b"), close("a"), close("b"), create("c")], number_of("c"), (4,), (5,)),
    ],
    "poll tells of a bad descriptor in its event, as wasi-libc's poll expects": [
        Row([], poll(readable(NEVER_OPENED, 7)), (*DONE, (7, "BADF", 1)), _errno("BADF")),
        Row([], poll(writable(NEVER_OPENED, 7), after(10**12)), (*DONE, (7, "BADF", 2)), _errno("BADF")),
    ],
    "what can never block is ready, as under Linux": [
        Row([], poll(readable(ROOT, 1)), (*DONE, (1, "SUCCESS", 1)), _errno("BADF")),
        Row([], poll(writable(ROOT, 1)), (*DONE, (1, "SUCCESS", 2)), _errno("BADF")),
        Row([], poll(writable(0, 1)), (*DONE, (1, "SUCCESS", 2)), _errno("BADF")),
        Row([], poll(readable(1, 1)), (*DONE, (1, "SUCCESS", 1)), _errno("BADF")),
    ],
    "CPU time is the monotonic clock's: time.process_time works": [
        Row([], raw("clock_time_get", ClockId.PROCESS_CPU, 0, 0), DONE, _errno("BADF")),
        Row([], raw("clock_time_get", ClockId.THREAD_CPU, 0, 0), DONE, _errno("BADF")),
        Row([], raw("clock_res_get", ClockId.PROCESS_CPU, 0), DONE, _errno("BADF")),
        Row([], poll(after(1, 5, ClockId.PROCESS_CPU)), (*DONE, (5, "SUCCESS", 0)), _errno("INVAL")),
    ],
    "link follows a symbolic link when asked to": [
        Row([*file("f"), symlink("f", "l")], link("l", "m", follow=True), DONE, _errno("INVAL")),
    ],
    "the sync flags mean nothing without a disk, so they are granted": [
        *_sync_flag(FdFlags.SYNC),
        *_sync_flag(FdFlags.DSYNC),
        *_sync_flag(FdFlags.RSYNC),
    ],
    "flags are a descriptor's, whatever it is of, as under Linux": [_flags_of(ROOT), _flags_of(0), _flags_of(1)],
    "a directory answers a file's calls as under Linux": [
        _at_directory(read("d", 1), _errno("ISDIR")),
        _at_directory(read("d", 1, at=0), _errno("ISDIR")),
        _at_directory(read("d"), (*DONE, b"")),
        _at_directory(sync("d"), DONE),
        _at_directory(datasync("d"), DONE),
        _at_directory(advise("d"), DONE),
        _at_directory(resize("d", 0), _errno("INVAL")),
        Row([], write(ROOT, b"x"), _errno("ISDIR"), _errno("BADF")),
        Row([], read(ROOT, 1), _errno("ISDIR"), _errno("BADF")),
        Row([], fdstat(ROOT), (*DONE, DIRECTORY, 0, BOTH), (*DONE, DIRECTORY, 0, 0)),
    ],
    "a path or a listing that starts at no directory is NOTDIR, as under Linux": [
        Row([create("f")], listing("f"), _errno("NOTDIR"), _errno("BADF")),
        Row([create("f")], mkdir("x", at="f"), _errno("NOTDIR"), _errno("BADF")),
        Row([create("f")], stat("x", at="f"), _errno("NOTDIR"), _errno("BADF")),
        Row([], open_("x", at=0), _errno("NOTDIR"), _errno("BADF")),
        Row([], stat("x", at=0), _errno("NOTDIR"), _errno("BADF")),
        Row([], mkdir("x", at=1), _errno("NOTDIR"), _errno("BADF")),
    ],
    "of two errors the one that Linux gives": [
        Row(
            [mkdir("d"), symlink("d", "l")],
            open_("l", READ, OpenFlags.DIRECTORY, follow=False),
            _errno("NOTDIR"),
            _errno("LOOP"),
        ),
        Row([mkdir("d"), symlink("d", "l")], unlink("l/"), _errno("NOTDIR"), _errno("ISDIR")),
        Row([mkdir("d"), symlink("d", "l")], rmdir("l/"), _errno("NOTDIR"), _errno("INVAL")),
        Row([symlink("no", "l")], unlink("l/"), _errno("NOTDIR"), _errno("NOENT")),
        Row([mkdir("d")], rmdir("d/.."), _errno("NOTEMPTY"), _errno("INVAL")),
        Row([symlink("l", "l")], link("no", "l/x"), _errno("NOENT"), _errno("LOOP")),
    ],
    "a directory may be removed by a name with a slash behind it": [
        Row([mkdir("d")], rmdir("d/"), DONE, _errno("INVAL")),
    ],
    "open flags that say nothing about directories are left out, as under Linux; wasmtime refuses them together": [
        Row([mkdir("d")], open_("d", READ, OpenFlags.DIRECTORY | OpenFlags.EXCLUSIVE), DONE, _errno("INVAL")),
        Row([], open_("no", READ, OpenFlags.DIRECTORY | OpenFlags.EXCLUSIVE), _errno("NOENT"), _errno("INVAL")),
        Row(
            [mkdir("d")],
            open_("d", READ, OpenFlags.DIRECTORY | OpenFlags.TRUNCATE),
            _errno("ISDIR"),
            _errno("INVAL"),
        ),
        Row(file("f"), open_("f", BOTH, OpenFlags.DIRECTORY | OpenFlags.TRUNCATE), _errno("NOTDIR"), _errno("INVAL")),
    ],
    "the quota ends a file before the largest file does": [
        Row([create("f")], write("f", b"x", at=HALF - 2), _errno("NOSPC"), _errno("FBIG")),
        Row([create("f")], resize("f", HALF - 1), _errno("NOSPC"), _errno("FBIG")),
    ],
    "an offset is a signed number of 64 bits": [
        Row([create("f"), seek("f", HALF - 1)], seek("f", 1, Whence.CUR), _errno("INVAL"), (*DONE, HALF)),
        Row(
            [create("f"), write("f", b"123")],
            seek("f", HALF - 1, Whence.END),
            _errno("INVAL"),
            (*DONE, HALF + 2),
        ),
    ],
    "all buffers are used; wasmtime uses the first that is not empty": [
        Row([create("f")], write("f", b"abc", b"", b"de"), (*DONE, 5), (*DONE, 3)),
        Row([create("f")], write("f", b"abc", b"de", at=1), (*DONE, 5), (*DONE, 3)),
        Row([*file("f", b"12345"), open_("f", READ)], read("f", 2, 10), (*DONE, b"12345"), (*DONE, b"12")),
        Row([*file("f", b"12345"), open_("f", READ)], read("f", 2, 10, at=1), (*DONE, b"2345"), (*DONE, b"23")),
        Row([], write(1, b"abc", b"de"), (*DONE, 5), (*DONE, 3)),
        Row([create("f")], write("f", *[b"x"] * 1024), (*DONE, 1024), (*DONE, 1)),
    ],
    "no more than 1,024 buffers, IOV_MAX of Linux": [
        Row([create("f")], write("f", *[b"x"] * 1025), _errno("INVAL"), (*DONE, 1)),
        Row([create("f")], read("f", *[1] * 1025), _errno("INVAL"), (*DONE, b"")),
        Row([], write(1, *[b"x"] * 1025), _errno("INVAL"), (*DONE, 1)),
    ],
    "the standard streams are character devices; wasmtime says so only of the host's own": [
        Row([], fdstat(0), (*DONE, CHARACTER_DEVICE, 0, READ), (*DONE, UNKNOWN, 0, READ)),
        Row([], fdstat(1), (*DONE, CHARACTER_DEVICE, 0, WRITE), (*DONE, UNKNOWN, 0, WRITE)),
        Row([], fdstat(2), (*DONE, CHARACTER_DEVICE, 0, WRITE), (*DONE, UNKNOWN, 0, WRITE)),
        Row([], fstat(1), (*DONE, CHARACTER_DEVICE, 0, 1), (*DONE, UNKNOWN, 0, 0)),
    ],
}
