"""The read-only files below every sandbox: what the guests need, and the folders that programs expect.

Contents are mapped from disk, so all sandboxes of all processes share one copy in memory.
"""

from __future__ import annotations

import functools
import mmap
import zipfile
from dataclasses import dataclass
from pathlib import Path

from wasm_interp._core.artifacts import Artifact, artifact, kernel_folder
from wasm_interp._core.private_folder import cache_folder, new_file, trusted_file
from wasm_interp._core.vfs import Base, BaseBuilder

HOME = "/home/user"
WORKSPACE = "/workspace"
TEMPORARY = "/tmp"
PYTHON_KERNEL = "/usr/local/lib/wasm_interp"
PYTHON_PACKAGES = "/usr/local/lib/wasm_interp_packages"
_STDLIB = "/usr/local/lib/python315.zip"  # where the guest was built to look for it
_FONTS_IN_STDLIB = "matplotlib/mpl-data.zip"
_FONTS = f"{_STDLIB}/matplotlib/mpl-data"
_EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01; base files have this time on every machine


@dataclass(frozen=True, slots=True)
class Tree:
    """The base layer, and the directories that a guest finds open: (its name in the guest, inode)."""

    base: Base
    preopens: tuple[tuple[str, int], ...]


def tree() -> Tree:
    """The process's one tree. Raises RuntimeMissing when a guest's files are not there."""
    return tree_with(None)


@functools.cache
def tree_with(packages: Path | None) -> Tree:
    """``tree`` and the contents of an archive of Python packages, which must not change; one per archive.

    Packages come last, so that every inode of ``tree`` has the same number here, and a template fits both.
    """
    builder = BaseBuilder(mtime_ns=_EPOCH_NS)
    builder.directory("/usr", writable=False)
    for folder in (WORKSPACE, TEMPORARY, HOME):
        builder.directory(folder, writable=True)
    stdlib = artifact("python", "python-stdlib.zip")
    builder.file(_STDLIB, _mapped(stdlib.path))
    for path in kernel_sources("python"):
        builder.file(f"{PYTHON_KERNEL}/{path.relative_to(kernel_folder('python')).as_posix()}", path.read_bytes())
    fonts = builder.tree(writable=False)
    for name, content in _fonts(stdlib):
        builder.file(name, content, tree=fonts)
    if packages is not None:
        builder.directory(PYTHON_PACKAGES)
        for name, content in _members(packages):
            builder.file(f"{PYTHON_PACKAGES}/{name}", content)
    # A guest's C library takes the longest name that a path begins with, so the fonts can seem to lie
    # inside the zip file, where matplotlib looks for them.
    return Tree(builder.build(), (("/", builder.root), (_FONTS, fonts)))


def kernel_sources(language: str) -> list[Path]:
    """The files of that language's kernel, in a fixed order."""
    return sorted(kernel_folder(language).rglob("*.py"))


def _fonts(stdlib: Artifact) -> list[tuple[str, memoryview]]:
    """Members of the zip within the zip, which stores them uncompressed, so that they can be mapped."""
    path = cache_folder() / f"{stdlib.sha256[:32]}-mpl-data.zip"
    if not trusted_file(path):
        with zipfile.ZipFile(stdlib.path) as outer, new_file(path) as file:
            file.write(outer.read(_FONTS_IN_STDLIB))
    return _members(path)


def _members(archive: Path) -> list[tuple[str, memoryview]]:
    """Name and content of each file in a zip file."""
    whole = _mapped(archive)
    with zipfile.ZipFile(archive) as opened:
        members = sorted((info for info in opened.infolist() if not info.is_dir()), key=lambda info: info.filename)
        return [(info.filename, _stored(whole, opened, info)) for info in members]


def _stored(whole: memoryview, inner: zipfile.ZipFile, info: zipfile.ZipInfo) -> memoryview:
    if info.compress_type != zipfile.ZIP_STORED:
        return memoryview(inner.read(info))
    lengths = whole[info.header_offset + 26 : info.header_offset + 30]  # of the name and the extra field
    start = info.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    return whole[start : start + info.file_size]


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
