"""Imports point one way, wasmtime stays in the engine, and the pure layers do no I/O.

Every module has a place in LAYERS: its own name's, or that of the nearest package above it. A new one without
a place fails, so that somebody decides where it belongs.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "wasm_interp"

# Bottom to top, names below wasm_interp. A module imports from its own layer and those below it.
LAYERS = [
    ["charts", "errors", "limits", "notebook", "results", "_core.artifacts", "_core.private_folder", "_core.version"],
    ["_core.protocol", "_core.vfs", "_core.images"],
    ["_core.wasi"],
    ["_core.engine"],
    ["_core.languages"],
    ["_core.kernel"],
    ["_core.snapshots"],
    ["sandbox", "context", "files", "function", "images", "packages", "snapshot", "aio"],
    [""],  # wasm_interp itself, the public names
    ["servers", "integrations", "cli", "__main__"],
]
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names} | {"_core": 0}
LENDS_NO_PLACE = {"", "_core"}  # what is directly inside these needs a place of its own

PURE = {
    "_core.protocol": {"os", "socket", "subprocess", "pathlib", "tempfile", "wasmtime"},
    "_core.vfs": {"socket", "subprocess", "pathlib", "tempfile", "wasmtime"},
}
PUBLIC_API_ONLY = ["servers", "integrations"]
WASMTIME_HOME = "_core.engine"
PRIVATE_WASMTIME_HOME = "_core.engine.ffi"


def violations(sources: dict[str, str]) -> list[str]:
    """What is wrong, one sentence each, given the text of each file by its path below wasm_interp."""
    found = []
    for path, source in sorted(sources.items()):
        module = _module_name(path)
        if _place(module) is None:
            found.append(f"{module} has no place in LAYERS")
            continue
        package = module if path.endswith("__init__.py") else _parent(module)
        for target in sorted(set(_used_names(ast.parse(source), package))):
            found.extend(_faults(module, target))
    return found


def _faults(module: str, target: str) -> Iterator[str]:
    top, *inner = target.split(".")
    if any(_is_within(module, layer) and top in banned for layer, banned in PURE.items()):
        yield f"{module} is pure and imports {target}"
    if top == "wasmtime" and not _is_within(module, WASMTIME_HOME):
        yield f"{module} imports {target}, which only {WASMTIME_HOME} may"
    if top == "wasmtime" and any(name.startswith("_") for name in inner) and module != PRIVATE_WASMTIME_HOME:
        yield f"{module} uses {target}, a private name for {PRIVATE_WASMTIME_HOME} alone"
    if top == "wasm_interp":
        yield from _faults_inside(module, ".".join(inner))


def _faults_inside(module: str, target: str) -> Iterator[str]:
    if RANKS[_place(target) or ""] > RANKS[_place(module) or ""]:
        yield f"{module} imports {target or 'wasm_interp'}, which is above it"
    if target.startswith("_core") and any(_is_within(module, client) for client in PUBLIC_API_ONLY):
        yield f"{module} imports {target}, but is a client of the public API"


def _used_names(tree: ast.Module, package: str) -> Iterator[str]:
    """Absolute dotted names of all imports, those inside functions included, and ``wasmtime.<name>``.

    ``from a import b`` gives ``a.b``: a submodule or a name of ``a``, whose place is the same.
    """
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                origin = [*_relative_origin(package, level), *([base] if base else [])]
                yield from (".".join([*origin, alias.name]) for alias in names)
            case ast.Attribute(value=ast.Name(id="wasmtime"), attr=name):
                yield f"wasmtime.{name}"


def _relative_origin(package: str, level: int) -> list[str]:
    if level == 0:
        return []
    parts = ["wasm_interp", *(package.split(".") if package else [])]
    return parts[: len(parts) - (level - 1)]


def _place(module: str) -> str | None:
    if module in RANKS:
        return module
    return None if _parent(module) in LENDS_NO_PLACE else _place(_parent(module))


def _parent(module: str) -> str:
    return module.rpartition(".")[0]


def _is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _module_name(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix("__init__").removesuffix(".")


def test_the_package_keeps_its_layers() -> None:
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert "errors.py" in sources
    assert violations(sources) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        (
            "_core/wasi/calls.py",
            "from wasm_interp._core.engine import instance",
            "_core.wasi.calls imports _core.engine.instance, which is above it",
        ),
        (
            "_core/vfs/layers.py",
            "def late():\n    from ..kernel.kernel import Kernel",
            "_core.vfs.layers imports _core.kernel.kernel.Kernel, which is above it",
        ),
        (
            "_core/vfs/__init__.py",
            "from ..wasi import abi",
            "_core.vfs imports _core.wasi.abi, which is above it",
        ),
        ("context.py", "import wasm_interp", "context imports wasm_interp, which is above it"),
        ("results.py", "from . import sandbox", "results imports sandbox, which is above it"),
        (
            "servers/http.py",
            "from wasm_interp._core.kernel import kernel",
            "servers.http imports _core.kernel.kernel, but is a client of the public API",
        ),
        (
            "_core/kernel/kernel.py",
            "import wasmtime",
            "_core.kernel.kernel imports wasmtime, which only _core.engine may",
        ),
        (
            "_core/engine/linker.py",
            "from wasmtime import _ffi",
            "_core.engine.linker uses wasmtime._ffi, a private name for _core.engine.ffi alone",
        ),
        (
            "_core/engine/linker.py",
            "import wasmtime\nwasmtime._bindings",
            "_core.engine.linker uses wasmtime._bindings, a private name for _core.engine.ffi alone",
        ),
        ("_core/protocol/decoder.py", "import os.path", "_core.protocol.decoder is pure and imports os.path"),
        (
            "_core/vfs/inodes.py",
            "from pathlib import Path",
            "_core.vfs.inodes is pure and imports pathlib.Path",
        ),
        ("_core/newcomer.py", "", "_core.newcomer has no place in LAYERS"),
        ("newcomer/__init__.py", "", "newcomer has no place in LAYERS"),
    ],
)
def test_a_planted_fault_is_named(path: str, source: str, fault: str) -> None:
    assert violations({path: source}) == [fault]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("_core/engine/ffi.py", "import wasmtime._ffi\nfrom wasmtime import Store"),
        (
            "_core/engine/linker.py",
            "from wasmtime import Linker\nfrom wasm_interp._core.engine.ffi import register",
        ),
        ("_core/wasi/abi.py", "from wasm_interp._core import vfs\nfrom .memory import GuestMemory"),
        ("cli.py", "from wasm_interp import Sandbox\nfrom wasm_interp._core.artifacts import packages"),
        ("sandbox.py", "from wasm_interp.context import CodeContext"),
        ("__init__.py", "from wasm_interp.sandbox import Sandbox"),
    ],
)
def test_what_is_allowed_passes(path: str, source: str) -> None:
    assert violations({path: source}) == []
