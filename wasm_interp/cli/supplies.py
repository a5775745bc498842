"""What goes into the sandbox before the program runs, and what comes out of it afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wasm_interp.cli.terminal import say
from wasm_interp.errors import UsageError
from wasm_interp.files import FileInfo, Files
from wasm_interp.limits import MIB, Limits
from wasm_interp.results import Result
from wasm_interp.sandbox import Sandbox

_WORKSPACE = "/workspace"
_PICTURES = {"png": ".png", "jpeg": ".jpg", "svg": ".svg", "pdf": ".pdf"}
_SUFFIXES = _PICTURES | {
    "html": ".html",
    "latex": ".tex",
    "markdown": ".md",
    "javascript": ".js",
    "json": ".json",
    "chart": ".chart.json",
    "data": ".data.json",
}


@dataclass(frozen=True, slots=True)
class Supplies:
    """What a sandbox is made with. files: ``HOST[:PATH]`` each. packages: requirements of pure-Python packages."""

    files: list[str]
    environment: dict[str, str]
    limits: Limits
    packages: tuple[str, ...] = ()

    def sandbox(self) -> Sandbox:
        """A new sandbox that has all of it. Raises UsageError, OSError, LimitExceeded."""
        sandbox = Sandbox(limits=self.limits, env_vars=self.environment, packages=self.packages)
        for each in self.files:
            _bring_in(sandbox.files, each)
        return sandbox


def limits_with(memory_mib: int | None) -> Limits:
    """The default limits, or with that much memory."""
    return Limits() if memory_mib is None else Limits(memory_bytes=memory_mib * MIB)


def parse_environment(settings: Iterable[str]) -> dict[str, str]:
    """``NAME=VALUE`` each. Raises UsageError."""
    variables = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise UsageError(f"--env takes NAME=VALUE, not {setting!r}")
        variables[name] = value
    return variables


def take_out(files: Files, before: frozenset[FileInfo], folder: Path) -> list[Path]:
    """Copy each file of /workspace that is new or changed into ``folder``; returns where they are."""
    taken = []
    for info in files.list(_WORKSPACE, recursive=True):
        if info in before or not _leads_to_file(files, info):
            continue
        target = folder / info.path.removeprefix(f"{_WORKSPACE}/")
        # The program chose the name, and what is one name inside may be a path to the host (a backslash, a drive).
        if not target.resolve().is_relative_to(folder.resolve()):
            say(f"{info.path} is left inside: its name leads out of {folder}")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        files.download(info.path, target)
        taken.append(target)
    return taken


def workspace_files(files: Files) -> frozenset[FileInfo]:
    """What is in /workspace now, for ``take_out`` to compare with."""
    return frozenset(files.list(_WORKSPACE, recursive=True))


def save_results(results: Iterable[Result], folder: Path, taken: Iterable[Path]) -> list[Path]:
    """Write each format of each result, plain text aside, as result-1.png, result-1.html and so on.

    A number that meets a name of ``taken`` is passed over.
    """
    names = {path.name for path in taken if path.parent == folder}
    saved: list[Path] = []
    number = 0
    for result in results:
        contents = dict(_contents(result))
        if not contents:
            continue
        number += 1
        while any(f"result-{number}{suffix}" in names for suffix in contents):
            number += 1
        for suffix, content in contents.items():
            path = folder / f"result-{number}{suffix}"
            path.write_bytes(content)
            saved.append(path)
    return saved


class PictureFolder:
    """Where the pictures of a session go: a folder that is made with the first one, and stays."""

    def __init__(self, folder: Path | None) -> None:
        """folder: None for a new one among the temporary files."""
        self._folder = folder
        self._count = 0

    def take(self, result: Result) -> Path | None:
        """Write the picture of a result, in its first format that is sound; None when it has none."""
        for suffix, content in _contents(result):
            if suffix in _PICTURES.values():
                return self._write(suffix, content)
        return None

    def _write(self, suffix: str, content: bytes) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="wasm-interp-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        self._count += 1
        while (path := self._folder / f"picture-{self._count}{suffix}").exists():
            self._count += 1
        path.write_bytes(content)
        return path


def _contents(result: Result) -> Iterator[tuple[str, bytes]]:
    """(suffix, file content) of each format; one that the program sent damaged is left out."""
    for name in result.formats():
        if name not in _SUFFIXES:
            continue
        try:
            yield _SUFFIXES[name], result.content(name)
        except (ValueError, RecursionError) as error:
            say(f"a result's {name} is damaged and not saved: {error}")


def _bring_in(files: Files, wanted: str) -> None:
    host, path = _split(wanted)
    if not host.exists():
        raise UsageError(f"--file {wanted}: there is no file or folder {host}")
    name = Path(os.path.abspath(host)).name
    if not path:
        path = f"{_WORKSPACE}/{name}"
    elif host.is_file() and (path.endswith("/") or _is_folder(files, path)):
        path = f"{path.rstrip('/')}/{name}"
    files.upload(host, path)


def _split(wanted: str) -> tuple[Path, str]:
    host, colon, path = wanted.rpartition(":")
    is_drive = os.name == "nt" and len(host) == 1
    if not colon or is_drive or Path(wanted).exists():
        return Path(wanted), ""
    return Path(host), path


def _is_folder(files: Files, path: str) -> bool:
    return files.exists(path) and files.stat(path).is_directory


def _leads_to_file(files: Files, info: FileInfo) -> bool:
    if info.kind == "symlink":
        return files.exists(info.path) and files.stat(info.path).kind == "file"
    return info.kind == "file"
