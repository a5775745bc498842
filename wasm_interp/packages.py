"""Pure-Python packages for ``Sandbox(packages=[...])``: found and downloaded here, run in the sandbox only.

Rule: nothing of a package runs on the host: pip gets wheels and never builds one. Rule: what is in a wheel is not
trusted: each name stays below the folder it is for, and sizes are capped before anything is unpacked.

pip cannot know what the guest brings along (numpy is compiled into it), so it is shown an empty wheel of the right
version in the place of each of those packages. The outcome is one archive in the cache folder per set of requirements,
contents stored as they are, so that sandboxes of all processes map one copy. It stays until it is deleted or was not
used for long, so "humanize==4.*" means the newest of the day when it was first wanted on this machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from wasm_interp._core.artifacts import artifact
from wasm_interp._core.languages.tree import PYTHON_PACKAGES
from wasm_interp._core.private_folder import cache_folder, mark_used, new_file, trusted_file
from wasm_interp.errors import UsageError

MAX_BYTES = 256 << 20  # unpacked; plotly, the largest that people ask for, has 45 MB
MAX_FILES = 20_000
_FORMAT = 1
_MOST_SECONDS = 600
_TARGET = ("--only-binary=:all:", "--platform=any", "--python-version=3.15", "--implementation=py", "--abi=none")
_QUIET = ("--disable-pip-version-check", "--no-input", "--no-color", "--retries=2")
_COMPILED_SUFFIXES = (".so", ".pyd", ".dylib", ".dll")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9._*+!-]+"
# What can name nothing but packages of the index: no option, no path, no address, no marker.
_REQUIREMENT = re.compile(
    rf"({_NAME})\s*(?:\[\s*{_NAME}(?:\s*,\s*{_NAME})*\s*\])?\s*(?:{_CLAUSE}(?:\s*,\s*{_CLAUSE})*)?"
)
_COMPILE_FOLDER = "/tmp/packages"
# A module that does not compile (a template, or for another Python) stays source only. The sources never change, so
# the bytecode need not be checked against them.
_COMPILE = f"""
import os, py_compile
for folder, _, names in os.walk({_COMPILE_FOLDER!r}):
    for name in names:
        path = os.path.join(folder, name)
        shown = {PYTHON_PACKAGES!r} + path.removeprefix({_COMPILE_FOLDER!r})
        try:
            py_compile.compile(path, dfile=shown, doraise=True, invalidation_mode=py_compile.PycInvalidationMode(3))
        except Exception:
            pass
"""
_GUEST_PACKAGE = re.compile(r"([^/]+)-([^/-]+)\.dist-info/METADATA")
_NOT_FOUND = re.compile(r"No matching distribution found for (\S+)")
_CONFLICT = re.compile(r"The conflict is caused by:\n((?: +\S.*\n)+)")
_UNREACHABLE = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError")


def packages_archive(requirements: Sequence[str]) -> Path | None:
    """The archive of what the requirements need beside the guest's own packages; downloaded at the first use.

    None for no requirements. Raises UsageError: for what is no requirement ("name", "name>=1,<2"), when a package
    is not there or not pure Python, when versions contradict each other or the guest's, and without pip or network.
    """
    wanted = _checked(requirements)
    if not wanted:
        return None
    own = _guest_packages()
    path = cache_folder() / f"packages-{_key(wanted, own)}.zip"
    if not trusted_file(path):
        with tempfile.TemporaryDirectory() as folder:
            files = _unpacked(_download(wanted, own, Path(folder)))
        _write(path, files | _bytecode(files))
    mark_used(path)
    return path


def _checked(requirements: Sequence[str]) -> list[str]:
    if isinstance(requirements, str) or not isinstance(requirements, Sequence):
        raise UsageError(f"packages must be a list of requirements, not {requirements!r}")
    for each in requirements:
        if not isinstance(each, str) or not _REQUIREMENT.fullmatch(each.strip()):
            raise UsageError(f"packages: {each!r} is no requirement like 'humanize' or 'humanize>=4,<5'")
    return sorted({each.strip() for each in requirements})


def _key(wanted: list[str], own: dict[str, str]) -> str:
    text = "\n".join([str(_FORMAT), *wanted, *(f"{name}=={version}" for name, version in sorted(own.items()))])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _guest_packages() -> dict[str, str]:
    """Name -> version of every distribution that the guest can import already."""
    with zipfile.ZipFile(artifact("python", "python-stdlib.zip").path) as stdlib:
        found = (_GUEST_PACKAGE.fullmatch(name) for name in stdlib.namelist())
        return {each[1]: each[2] for each in found if each is not None}


def _download(wanted: list[str], own: dict[str, str], folder: Path) -> list[Path]:
    """The wheels that are needed beside the guest's own. Raises UsageError."""
    stubs, target, constraints = folder / "own", folder / "wheels", folder / "constraints.txt"
    stubs.mkdir()
    target.mkdir()
    own_wheels = [_write_stub(stubs, name, version) for name, version in own.items()]
    lines = [f"{name} @ {wheel.as_uri()}" for name, wheel in zip(own, own_wheels, strict=True)]
    constraints.write_text("\n".join(lines), encoding="utf-8")
    done = _pip("download", *_TARGET, "--dest", str(target), "--constraint", str(constraints), *wanted)
    if done.returncode:
        raise UsageError(_explain(wanted, own, done.stdout + done.stderr))
    names = {wheel.name for wheel in own_wheels}
    return sorted(wheel for wheel in target.glob("*.whl") if wheel.name not in names)


def _write_stub(folder: Path, name: str, version: str) -> Path:
    """An empty wheel of that name and version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def _pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    # With the user's own settings (index, proxy), except those that would change what is resolved for.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_REQUIRE_VIRTUALENV"}
    command = [sys.executable, "-m", "pip", *arguments[:1], *_QUIET, *arguments[1:]]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment, timeout=_MOST_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"packages: pip took longer than {_MOST_SECONDS} s") from None
    if done.returncode and "No module named pip" in done.stderr:
        raise UsageError(f"packages need pip to find them; run: {sys.executable} -m ensurepip")
    return done


def _explain(wanted: list[str], own: dict[str, str], said: str) -> str:
    """Why pip found no answer, in terms of the sandbox."""
    asked = ", ".join(wanted)
    if _UNREACHABLE.search(said):
        return f"packages: the package index cannot be reached, so {asked} cannot be downloaded"
    if found := _NOT_FOUND.search(said):
        return f"packages: {_why_not_found(found[1], asked)}"
    if found := _CONFLICT.search(said):
        return f"packages: {_why_in_conflict(wanted, own, [line.strip() for line in found[1].splitlines()])}"
    return f"packages: pip cannot resolve {asked}: {said.strip()[-500:]}"


def _why_in_conflict(wanted: list[str], own: dict[str, str], causes: list[str]) -> str:
    versions = {_normalized(name): version for name, version in own.items()}
    for requirement in wanted:
        name = _name_of(requirement)
        if (version := versions.get(_normalized(name))) is not None and any(requirement in cause for cause in causes):
            return f"the sandbox has {name} {version} built in, so {requirement} cannot be added"
        if all(cause.split(")")[-1].split()[-1].startswith(name) for cause in causes):
            return _why_not_found(requirement, requirement)
    return (
        f"no versions of {', '.join(wanted)} fit together with what the sandbox has, or one of them needs a package "
        f"with compiled extensions: {'; '.join(causes[:6])}"
    )


def _why_not_found(requirement: str, asked: str) -> str:
    name = _name_of(requirement)
    listed = _pip("index", "versions", name)
    beside = "" if requirement in asked else f" (needed for {asked})"
    if _UNREACHABLE.search(listed.stderr):
        return f"the package index cannot be reached, so {requirement} cannot be downloaded"
    if listed.returncode:
        return f"the package index has no {name}{beside}"
    return (
        f"{requirement}{beside} has no pure-Python wheel: either it needs a compiled extension, which cannot be added "
        f"to a sandbox, or there is no such version ({listed.stdout.strip().splitlines()[0]})"
    )


def _name_of(requirement: str) -> str:
    found = re.match(_NAME, requirement)
    assert found is not None
    return found[0]


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _unpacked(wheels: Iterable[Path]) -> dict[str, bytes]:
    """Path below the packages' folder -> content, of all wheels. Raises UsageError."""
    files: dict[str, bytes] = {}
    left = MAX_BYTES
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            for info in wheel.infolist():
                name = _place(path.name, info.filename)
                if info.is_dir() or name is None:
                    continue
                left -= info.file_size
                if left < 0 or len(files) >= MAX_FILES:
                    raise UsageError(f"packages: they have more than {MAX_BYTES} bytes or {MAX_FILES} files")
                with wheel.open(info) as file:  # read() of the archive would go on past the size that it states
                    files[name] = file.read(info.file_size)
    return files


def _place(wheel: str, name: str) -> str | None:
    """Where a member of a wheel belongs; None for what is not part of the library. Raises UsageError."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or "\\" in name or "\0" in name or ":" in name or ".." in parts:
        raise UsageError(f"packages: {wheel} holds {name!r}, which leads out of its folder")
    if name.endswith(_COMPILED_SUFFIXES):
        raise UsageError(f"packages: {wheel} has a compiled extension, {name}, which cannot be added to a sandbox")
    if parts and parts[0].endswith(".data"):  # scripts, headers and data go to other folders of a system
        parts = parts[2:] if len(parts) > 2 and parts[1] in ("purelib", "platlib") else ()
    return "/".join(parts) or None


def _bytecode(files: dict[str, bytes]) -> dict[str, bytes]:
    """What the guest's own compiler makes of the modules, in a sandbox, so that no context has to compile them."""
    from wasm_interp.limits import Limits
    from wasm_interp.sandbox import Sandbox  # which imports this module

    limits = Limits(file_bytes=4 * MAX_BYTES, file_count=4 * MAX_FILES)
    with Sandbox(limits=limits) as sandbox:
        sandbox.files.mkdir(_COMPILE_FOLDER)
        for name, content in files.items():
            if name.endswith(".py"):
                sandbox.files.write(f"{_COMPILE_FOLDER}/{name}", content)
        result = sandbox.run_code(_COMPILE, timeout=_MOST_SECONDS)
        if result.error is not None:
            raise UsageError(f"packages: they cannot be compiled: {result.error.value}")
        made = [info.path for info in sandbox.files.list(_COMPILE_FOLDER, recursive=True) if info.kind == "file"]
        start = len(_COMPILE_FOLDER) + 1
        return {path[start:]: sandbox.files.read(path) for path in made if path.endswith(".pyc")}


def _write(path: Path, files: dict[str, bytes]) -> None:
    with new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _without_clashes(files):
            archive.writestr(zipfile.ZipInfo(name), content)


def _without_clashes(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Without what would be both a file and a folder."""
    folders = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    yield from sorted((name, content) for name, content in files.items() if name not in folders)
