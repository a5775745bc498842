"""A folder of the user's own that holds native code and memory images.

Rule: what is read from here is trusted as code is, so a folder or file that another user could
have written is refused, never used. Rule: a file appears whole or not at all (temporary name, then
rename), so that several processes may make the same one at once; the last one wins and all are equal.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import platformdirs

from wasm_interp.errors import UsageError

CACHE_VARIABLE = "WASM_INTERP_CACHE"
UNUSED_DAYS = 30.0  # a kernel or a wasmtime of another version leaves half a gigabyte behind
ABANDONED_DAYS = 1.0  # a compile takes minutes
_DAY_SECONDS = 86_400
_HAS_OWNERS = hasattr(os, "getuid")  # Windows has ACLs, and a per-user folder by default


class UnsafeFile(UsageError):
    """A cache folder or file that somebody else could have written."""


def cache_folder() -> Path:
    """The user's cache folder, made 0700 when missing. ``WASM_INTERP_CACHE`` names another."""
    chosen = os.environ.get(CACHE_VARIABLE)
    folder = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("wasm_interp", appauthor=False))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owned(folder)
    return folder


def trusted_file(path: Path) -> bool:
    """Whether ``path`` exists; raises UnsafeFile if it is not a plain file of ours that only we can write."""
    if not path.exists() and not path.is_symlink():
        return False
    _check_owned(path)
    return True


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears at ``path``, 0600 and complete, when the block ends without an error."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 by itself
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def mark_used(path: Path) -> None:
    """Remember, in its time of change, that a file of the cache is in use."""
    with suppress(OSError):  # a cache that is mounted read-only
        os.utime(path)


def remove_unused(days: float = UNUSED_DAYS) -> int:
    """Delete what no process has used for that long, and what interrupted writers left; how many bytes it was."""
    freed = 0
    now = time.time()
    for path in cache_folder().iterdir():
        kept_days = ABANDONED_DAYS if path.name.startswith(".") else days
        with suppress(OSError):  # somebody else deleted it first
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and now - status.st_mtime > kept_days * _DAY_SECONDS:
                path.unlink()
                freed += status.st_size
    return freed


def _check_owned(path: Path) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) and path.is_dir():
        status = path.stat()  # a cache folder may be a link to a larger disk; a file may not
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFile(f"{path} is a symbolic link; delete it and try again")
    if not _HAS_OWNERS:
        return
    if status.st_uid != os.getuid():
        raise UnsafeFile(
            f"{path} belongs to user {status.st_uid}, not to {os.getuid()}; it holds native code, so it is not used. "
            f"Delete it, or set {CACHE_VARIABLE} to a folder of your own"
        )
    if status.st_mode & 0o022:
        raise UnsafeFile(
            f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):o}); it holds native code, "
            f"so it is not used. Run: chmod go-w {path}"
        )
