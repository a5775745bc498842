"""The sandbox's files, from the host's side.

Rule: nothing here follows a link of the sandbox onto the host's disk, and no name made by a guest leads out of the
folder that a download was asked to fill. Paths are those of the sandbox; relative ones start at /workspace.
Failures are Python's own OSError family, with the sandbox's path; a full quota is LimitExceeded.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import overload

from wasm_interp._core.languages.tree import WORKSPACE
from wasm_interp._core.vfs import Entry, Errno, FileSystem, FileSystemError, Ino, Kind, Stat
from wasm_interp.errors import LimitExceeded, UsageError

_CHUNK_BYTES = 1 << 20
_KIND_NAMES = {Kind.REGULAR: "file", Kind.DIRECTORY: "directory", Kind.SYMLINK: "symlink"}
# A few WASI names differ from the host's; all others are the host's with an E before them.
_HOST_NAMES = {Errno.TOOBIG: "E2BIG", Errno.NOTCAPABLE: "EPERM"}


@dataclass(frozen=True, slots=True)
class FileInfo:
    """One entry. kind: "file", "directory" or "symlink". size in bytes; modified is UTC."""

    path: str
    name: str
    kind: str
    size: int
    modified: datetime

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory itself (a link to one is not)."""
        return self.kind == "directory"


class Files:
    """``sandbox.files``: the file system that all contexts of the sandbox share. Safe to use while they run."""

    def __init__(self, fs: FileSystem) -> None:
        self._fs = fs

    def write(self, path: str, data: str | bytes | bytearray | memoryview) -> None:
        """Make the file hold ``data`` (text as UTF-8), in the place of what it held; missing parents are made.

        Raises LimitExceeded when the quota is full; the file is then as it was before.
        """
        content = _content(data)
        with _Failures(self._fs, path), self._fs.lock:
            place = _absolute(path)
            is_new = not self._is_taken(place)
            self._make_parents(place)
            ino = self._fs.open(self._fs.root, place, create=True, write=True)
            try:
                self._fs.write(ino, 0, content)  # all or nothing, so what it held is lost only after this
                self._fs.truncate(ino, len(content))
            except FileSystemError:
                if is_new:
                    self._fs.unlink(self._fs.root, place)
                raise
            finally:
                self._fs.release(ino)

    @overload
    def read(self, path: str) -> bytes: ...
    @overload
    def read(self, path: str, *, encoding: str) -> str: ...
    def read(self, path: str, *, encoding: str | None = None) -> bytes | str:
        """The file's content: bytes, or text when an encoding is given."""
        content = b"".join(self._chunks(path))
        return content if encoding is None else content.decode(encoding)

    def read_text(self, path: str) -> str:
        """The file's content as UTF-8 text."""
        return self.read(path, encoding="utf-8")

    def exists(self, path: str) -> bool:
        """Whether there is something, links followed."""
        try:
            self._fs.resolve(self._fs.root, _absolute(path))
        except FileSystemError:
            return False
        return True

    def stat(self, path: str) -> FileInfo:
        """What is there, links followed. Raises FileNotFoundError."""
        with _Failures(self._fs, path):
            place = _absolute(path)
            return _info(place, self._fs.stat(self._fs.resolve(self._fs.root, place)))

    def list(self, path: str = WORKSPACE, *, recursive: bool = False) -> list[FileInfo]:
        """The entries of a directory, by name; with ``recursive`` those below them too. Links are not followed."""
        with _Failures(self._fs, path), self._fs.lock:
            place = _absolute(path)
            return list(self._walk(place, self._fs.resolve(self._fs.root, place), recursive=recursive))

    def mkdir(self, path: str) -> None:
        """Make a directory and its parents; one that is there already is fine."""
        with _Failures(self._fs, path), self._fs.lock:
            place = _absolute(path)
            if not self._is_taken(place):
                self._make_directories(place)
            if self._fs.stat(self._fs.resolve(self._fs.root, place)).kind != Kind.DIRECTORY:
                raise FileSystemError(Errno.EXIST)

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Remove a file, a link or an empty directory; with ``recursive`` a directory and all that is in it."""
        with _Failures(self._fs, path), self._fs.lock:
            self._remove(_absolute(path), recursive=recursive)

    def rename(self, path: str, new_path: str) -> None:
        """Move a file or directory, over an existing file too; missing parents of the new path are made."""
        with _Failures(self._fs, path), self._fs.lock:
            source, target = _absolute(path), _absolute(new_path)
            self._fs.resolve(self._fs.root, source, follow=False)
            self._is_taken(target)
            self._make_parents(target)
            self._fs.rename(self._fs.root, source, self._fs.root, target)

    def upload(self, host_path: str | os.PathLike[str], path: str | None = None) -> None:
        """Copy a file or folder of the host in; ``path`` defaults to its name in /workspace.

        Links on the host are followed, as a reader of the folder would; each folder is entered once.
        """
        source = Path(host_path)
        target = _absolute(source.absolute().name if path is None else path)
        if source.is_dir():
            self._upload_folder(source, target)
        else:
            self._upload_file(source, target)

    def download(self, path: str, host_path: str | os.PathLike[str]) -> None:
        """Copy a file or folder of the sandbox out. A file's parents on the host are made; into an existing folder
        it goes under its own name. Links inside the sandbox are followed for files, and left out for folders; so is
        what lies deeper than a path can name.
        """
        target = Path(host_path)
        info = self.stat(path)
        if info.is_directory:
            self._download_folder(path, target)
        else:
            self._download_file(path, target / _host_name(info.name) if target.is_dir() else target)

    def _chunks(self, path: str) -> Iterator[bytes]:
        with _Failures(self._fs, path):
            ino = self._fs.open(self._fs.root, _absolute(path))
            try:
                offset = 0
                while chunk := self._fs.read(ino, offset, _CHUNK_BYTES):
                    offset += len(chunk)
                    yield bytes(chunk)
            finally:
                self._fs.release(ino)

    def _make_parents(self, place: str) -> None:
        self._make_directories(place.rstrip("/").rpartition("/")[0])

    def _make_directories(self, place: str) -> None:
        made = ""
        for part in place.split("/"):
            if not part:
                continue
            made += "/" + part
            if not self.exists(made):
                self._fs.mkdir(self._fs.root, made)

    def _is_taken(self, place: str) -> bool:
        """Whether there is something, links not followed. Raises for a path at which there can never be anything."""
        try:
            self._fs.resolve(self._fs.root, place, follow=False)
        except FileSystemError as error:
            if error.errno in (Errno.NOENT, Errno.NOTDIR):
                return False
            raise
        return True

    def _walk(self, place: str, ino: Ino, *, recursive: bool) -> Iterator[FileInfo]:
        # No recursion here and below: how deep the directories are is the guest's choice.
        pending = [self._entries(place, ino)]
        while pending:
            for below, entry in pending[-1]:
                yield _info(below, self._fs.stat(entry.ino))
                if recursive and entry.kind == Kind.DIRECTORY and self._is_in_reach(below):
                    pending.append(self._entries(below, entry.ino))
                    break
            else:
                pending.pop()

    def _entries(self, place: str, ino: Ino) -> Iterator[tuple[str, Entry]]:
        """What is in a directory, by name, each with its path."""
        for entry in sorted(self._fs.entries(ino), key=lambda each: each.name):
            if entry.name not in (".", ".."):
                yield f"{place.rstrip('/')}/{entry.name}", entry

    def _is_in_reach(self, place: str) -> bool:
        """A guest can nest directories deeper than any path reaches; what is there is passed over."""
        return len(place.encode()) < self._fs.quota.path_bytes

    def _remove(self, place: str, *, recursive: bool) -> None:
        ino = self._fs.resolve(self._fs.root, place, follow=False)
        if self._fs.stat(ino).kind != Kind.DIRECTORY:
            self._fs.unlink(self._fs.root, place)
            return
        if recursive:
            self._empty(ino)
        self._fs.rmdir(self._fs.root, place)

    def _empty(self, ino: Ino) -> None:
        """Remove all that is in a directory, the deepest first."""
        folders = []
        pending = [ino]
        while pending:
            directory = pending.pop()
            for entry in self._fs.entries(directory):
                if entry.name in (".", ".."):
                    continue
                if entry.kind == Kind.DIRECTORY:
                    folders.append((directory, entry.name))
                    pending.append(entry.ino)
                else:
                    self._fs.unlink(directory, entry.name)
        for parent, name in reversed(folders):
            self._fs.rmdir(parent, name)

    def _upload_folder(self, source: Path, target: str) -> None:
        pending = [(source, target)]
        entered = set()
        while pending:
            folder, place = pending.pop()
            real = folder.resolve()
            if real in entered:
                continue
            entered.add(real)
            self.mkdir(place)
            for child in sorted(folder.iterdir()):
                below = f"{place.rstrip('/')}/{child.name}"
                if child.is_dir():
                    pending.append((child, below))
                elif child.is_file():
                    self._upload_file(child, below)

    def _upload_file(self, source: Path, target: str) -> None:
        if source.exists() and not source.is_file():
            raise UsageError(f"{source} is neither a file nor a folder")
        with source.open("rb") as file:
            room = self._fs.quota.bytes
            if (size := os.fstat(file.fileno()).st_size) > room:
                raise LimitExceeded(f"{source} has {size} bytes; the limit file_bytes is {room}")
            self.write(target, file.read())

    def _download_folder(self, path: str, target: Path) -> None:
        root = _absolute(path).rstrip("/") + "/"
        found = self.list(path, recursive=True)
        # All names first: one that the host cannot hold is refused before anything is written.
        below = [target.joinpath(*map(_host_name, info.path.removeprefix(root).split("/"))) for info in found]
        target.mkdir(parents=True, exist_ok=True)
        for info, place in zip(found, below, strict=True):
            if info.is_directory:
                place.mkdir(exist_ok=True)
            elif info.kind == "file" or (self.exists(info.path) and self.stat(info.path).kind == "file"):
                self._download_file(info.path, place)

    def _download_file(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.writelines(self._chunks(path))


class _Failures:
    """Turns a FileSystemError of the block into what a user of this package expects."""

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, FileSystemError):
            return
        if error.errno in (Errno.NOSPC, Errno.DQUOT):
            quota, usage = self._fs.quota, self._fs.usage()
            raise LimitExceeded(
                f"no room for {self._path}: {usage.bytes} of {quota.bytes} bytes (file_bytes) and "
                f"{usage.inodes} of {quota.inodes} files (file_count) are in use"
            ) from None
        number = getattr(errno, _HOST_NAMES.get(error.errno, f"E{error.errno.name}"), errno.EIO)
        raise OSError(number, os.strerror(number), self._path) from None


def _content(data: str | bytes | bytearray | memoryview) -> bytes | bytearray:
    match data:
        case str():
            return data.encode("utf-8")
        case memoryview():
            return data.tobytes()
        case bytes() | bytearray():
            return data
    raise UsageError(f"data must be str or bytes, not {type(data).__name__}")


def _absolute(path: str) -> str:
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise UsageError(f"a path must be str, not {type(text).__name__}")
    if not text or "\0" in text:
        raise UsageError(f"{text!r} is no path")
    return text if text.startswith("/") else f"{WORKSPACE}/{text}"


def _info(place: str, stat: Stat) -> FileInfo:
    name = place.rstrip("/").rpartition("/")[2]
    modified = datetime.fromtimestamp(min(stat.mtime_ns / 1e9, 253_402_300_799), UTC)
    return FileInfo(place, name, _KIND_NAMES[stat.kind], stat.size, modified)


def _host_name(name: str) -> str:
    """A name made by a guest, as one plain name on the host.

    Raises UsageError where the host would read more into it.
    """
    if name in ("", ".", "..") or "/" in name or (os.name == "nt" and set(name) & set('\\:*?"<>|')):
        raise UsageError(f"the host cannot hold a file named {name!r}")
    return name
