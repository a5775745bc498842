"""Where the guests' files are at run time.

Rule: a file counts only if its folder's record, files.json, vouches for it (runtimes/fetch.py writes it).
Rule: the size is checked, the hash is not: it is the record's, known when the file was verified, and
      serves as a cache key without reading 100 MB.

An installed package has ``wasm_interp/_runtimes/<folder>/`` and ``.../kernels/<language>/``. A checkout has
``runtimes/dist/<folder>/``, filled by the editable install, and ``runtimes/<language>/``.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from wasm_interp.errors import RuntimeMissing

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]
_REINSTALL = "run: pip install --force-reinstall wasm_interp"
_FETCH = "run, in the checkout: python runtimes/fetch.py"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a guest, as it was when its package was verified."""

    path: Path
    sha256: str
    bytes: int


class _FileRecord(TypedDict):
    sha256: str
    bytes: int


class _Record(TypedDict):
    pins: list[dict[str, object]]
    files: dict[str, _FileRecord]


@dataclass(frozen=True, slots=True)
class _Runtimes:
    """The two layouts behind one shape; ``remedy`` is what the user can do when something is missing."""

    dist: Path
    kernels: Path
    remedy: str
    lock: Path | None  # None where the build put lock and files together, so they cannot disagree


def artifact(folder: str, filename: str) -> Artifact:
    """The file of a guest, for example ``artifact("python", "python-snapshot.wasm")``.

    Raises RuntimeMissing if it is absent, cut short, or from another package than the lock pins.
    """
    runtimes = _locate()
    file = _record(runtimes, folder)["files"].get(filename)
    path = runtimes.dist / folder / filename
    if file is None:
        raise RuntimeMissing(f"the {folder} guest has no file {filename}; {runtimes.remedy}")
    if not path.is_file():
        raise RuntimeMissing(f"{path} is missing; {runtimes.remedy}")
    if (size := path.stat().st_size) != file["bytes"]:
        raise RuntimeMissing(f"{path} has {size} bytes instead of {file['bytes']}; {runtimes.remedy}")
    return Artifact(path, file["sha256"], file["bytes"])


def kernel_folder(language: str) -> Path:
    """The folder of our own sources that run inside the guest of a language.

    Raises RuntimeMissing if there is none.
    """
    runtimes = _locate()
    folder = runtimes.kernels / language
    if not folder.is_dir():
        raise RuntimeMissing(f"there is no kernel for {language}: {folder} is missing; {runtimes.remedy}")
    return folder


def packages() -> dict[str, str]:
    """What the Python guest is made of, in the order of its MANIFEST: name -> version, "python" first.

    Raises RuntimeMissing if the guest is not installed.
    """
    versions = {}
    for line in artifact("python", "MANIFEST").path.read_text("utf-8").splitlines():
        match line.split(" "):
            case ["python", version]:
                versions["python"] = version
            case ["package", name, version]:
                versions[name] = version
    return versions


def _locate() -> _Runtimes:
    installed = PACKAGE_FOLDER / "_runtimes"
    if installed.is_dir():
        return _Runtimes(installed, installed / "kernels", _REINSTALL, lock=None)
    checkout = PACKAGE_FOLDER.parent / "runtimes"
    if (checkout / "lock.toml").is_file():
        return _Runtimes(checkout / "dist", checkout, _FETCH, lock=checkout / "lock.toml")
    raise RuntimeMissing(f"the guests are not installed ({installed} is missing); {_REINSTALL}")


def _record(runtimes: _Runtimes, folder: str) -> _Record:
    path = runtimes.dist / folder / "files.json"
    try:
        loaded = json.loads(path.read_text("utf-8"))
        record = _Record(pins=loaded["pins"], files=loaded["files"])
    except OSError as error:
        raise RuntimeMissing(f"the {folder} guest is not installed ({path} is missing); {runtimes.remedy}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeMissing(f"{path} is damaged; {runtimes.remedy}") from error
    if runtimes.lock is not None and record["pins"] != _pins(runtimes.lock, folder):
        raise RuntimeMissing(f"the {folder} guest is not the one that {runtimes.lock} pins; {runtimes.remedy}")
    return record


def _pins(lock: Path, folder: str) -> list[dict[str, object]]:
    pins: list[dict[str, object]] = tomllib.loads(lock.read_text("utf-8"))["artifact"]
    return [pin for pin in pins if pin["folder"] == folder]
