"""Finding the guests' files, in both layouts."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from wasm_interp import errors
from wasm_interp._core import artifacts

WASM = b"\0asm"
MANIFEST = b"python 3.15.0\npackage numpy 2.5.2\npackage et-xmlfile 2.0.0\npin 00ff numpy-2.5.2.tar.gz\nx-pins a b\n"
LOCK = """
[[artifact]]
name = "guest"
folder = "python"
[[artifact]]
name = "other"
folder = "javascript"
"""
PINS = [{"name": "guest", "folder": "python"}]


def fill(folder: Path) -> None:
    files = {"run.wasm": WASM, "MANIFEST": MANIFEST}
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    record = {
        "pins": PINS,
        "files": {name: {"sha256": f"of {name}", "bytes": len(content)} for name, content in files.items()},
    }
    (folder / "files.json").write_text(json.dumps(record))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The _runtimes folder of an installed package."""
    monkeypatch.setattr(artifacts, "PACKAGE_FOLDER", tmp_path / "wasm_interp")
    runtimes = tmp_path / "wasm_interp" / "_runtimes"
    fill(runtimes / "python")
    (runtimes / "kernels" / "python").mkdir(parents=True)
    return runtimes


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The runtimes folder of a checkout."""
    monkeypatch.setattr(artifacts, "PACKAGE_FOLDER", tmp_path / "wasm_interp")
    runtimes = tmp_path / "runtimes"
    fill(runtimes / "dist" / "python")
    (runtimes / "python").mkdir()
    (runtimes / "lock.toml").write_text(LOCK)
    return runtimes


def test_an_installed_guest_is_found_with_the_recorded_hash(installed: Path) -> None:
    found = artifacts.artifact("python", "run.wasm")
    assert found == artifacts.Artifact(installed / "python" / "run.wasm", "of run.wasm", 4)
    assert artifacts.kernel_folder("python") == installed / "kernels" / "python"


def test_a_checkout_s_guest_is_found_in_dist(checkout: Path) -> None:
    assert artifacts.artifact("python", "run.wasm").path == checkout / "dist" / "python" / "run.wasm"
    assert artifacts.kernel_folder("python") == checkout / "python"


def test_packages_are_those_of_the_manifest_python_first(installed: Path) -> None:
    assert list(artifacts.packages().items()) == [
        ("python", "3.15.0"),
        ("numpy", "2.5.2"),
        ("et-xmlfile", "2.0.0"),
    ]


def missing(message: str) -> "pytest.RaisesExc[errors.RuntimeMissing]":
    return pytest.raises(errors.RuntimeMissing, match=f"^{re.escape(message)}$")


REINSTALL = "run: pip install --force-reinstall wasm_interp"
FETCH = "run, in the checkout: python runtimes/fetch.py"


def test_no_guests_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "PACKAGE_FOLDER", tmp_path)
    with missing(f"the guests are not installed ({tmp_path / '_runtimes'} is missing); {REINSTALL}"):
        artifacts.artifact("python", "run.wasm")


def test_a_checkout_that_was_never_filled(checkout: Path) -> None:
    record = checkout / "dist" / "python" / "files.json"
    record.unlink()
    with missing(f"the python guest is not installed ({record} is missing); {FETCH}"):
        artifacts.artifact("python", "run.wasm")


def test_a_checkout_filled_from_another_lock(checkout: Path) -> None:
    lock = checkout / "lock.toml"
    lock.write_text(LOCK.replace('"guest"', '"newer"'))
    with missing(f"the python guest is not the one that {lock} pins; {FETCH}"):
        artifacts.artifact("python", "run.wasm")


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_damaged_record(installed: Path, text: str) -> None:
    record = installed / "python" / "files.json"
    record.write_text(text)
    with missing(f"{record} is damaged; {REINSTALL}"):
        artifacts.artifact("python", "run.wasm")


def test_a_file_that_is_cut_short(installed: Path) -> None:
    path = installed / "python" / "run.wasm"
    path.write_bytes(WASM[:3])
    with missing(f"{path} has 3 bytes instead of 4; {REINSTALL}"):
        artifacts.artifact("python", "run.wasm")


def test_a_file_that_is_gone(installed: Path) -> None:
    path = installed / "python" / "run.wasm"
    path.unlink()
    with missing(f"{path} is missing; {REINSTALL}"):
        artifacts.artifact("python", "run.wasm")


@pytest.mark.parametrize("name", ["litter", "../python/run.wasm"])
def test_a_file_without_a_record_is_none_of_the_guest(installed: Path, name: str) -> None:
    (installed / "python" / "litter").touch()
    with missing(f"the python guest has no file {name}; {REINSTALL}"):
        artifacts.artifact("python", name)


def test_no_kernel_for_a_language(installed: Path) -> None:
    folder = installed / "kernels" / "cobol"
    with missing(f"there is no kernel for cobol: {folder} is missing; {REINSTALL}"):
        artifacts.kernel_folder("cobol")


def test_what_the_build_records_is_what_is_read_here() -> None:
    found = artifacts.artifact("python", "MANIFEST")
    assert hashlib.sha256(found.path.read_bytes()).hexdigest() == found.sha256
    assert artifacts.packages()["numpy"]
