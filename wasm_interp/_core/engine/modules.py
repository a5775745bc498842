"""Compiled guests, kept in the user's cache: compiling the Python guest takes over a minute, loading it 12 ms.

Rule: a compiled module is native code, so it is loaded only from a file that nobody else can write.
Rule: several processes may compile the same guest at once; each writes the whole file and renames it.
"""

from __future__ import annotations

import threading
from pathlib import Path

import wasmtime

from wasm_interp._core.engine.engine import Engine, Mode
from wasm_interp._core.engine.rewrite import without_bulk_memory
from wasm_interp._core.private_folder import cache_folder, mark_used, new_file, trusted_file

_loaded: dict[Path, wasmtime.Module] = {}
_lock = threading.Lock()


def compiled_path(engine: Engine, sha256: str) -> Path:
    """Where the compiled form of the guest with that hash is kept."""
    return cache_folder() / f"{sha256[:32]}-{engine.identity}.cwasm"


def is_compiled(engine: Engine, sha256: str) -> bool:
    """Whether ``load_module`` will find it ready."""
    return trusted_file(compiled_path(engine, sha256))


def load_module(engine: Engine, wasm: Path, sha256: str) -> wasmtime.Module:
    """The guest ``wasm``, whose hash is ``sha256``, compiled; loaded once per process.

    Raises RewriteRefused if the engine stops guests by protection and this one could not be made ready for it.
    """
    path = compiled_path(engine, sha256)
    with _lock:
        module = _loaded.get(path)
        if module is None:
            if not trusted_file(path):
                _compile(engine, wasm, path)
            module = _loaded[path] = _deserialize(engine, wasm, path)
            mark_used(path)
        return module


def _deserialize(engine: Engine, wasm: Path, path: Path) -> wasmtime.Module:
    try:
        return wasmtime.Module.deserialize_file(engine.raw, str(path))
    except wasmtime.WasmtimeError:
        # Cut short by a full disk, or made by a build that names itself the same. It is replaced, not deleted first:
        # another process may be at the same, and must never find the file that it has just written gone.
        _compile(engine, wasm, path)
        return wasmtime.Module.deserialize_file(engine.raw, str(path))


def _compile(engine: Engine, wasm: Path, path: Path) -> None:
    code = wasm.read_bytes()
    if engine.mode is Mode.PROTECTED:
        code = without_bulk_memory(code)
    compiled = wasmtime.Module(engine.raw, code).serialize()
    with new_file(path) as file:
        file.write(compiled)
