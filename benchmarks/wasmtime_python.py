"""The same compiled Python guest under wasmtime's own WASI over a folder of the host: the yardstick for our WASI."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

import wasmtime

import wasm_interp._core.engine as engines
from wasm_interp._core.artifacts import artifact

_STDLIB = "python-stdlib.zip"
_NO_HOST = -1
_NO_DEADLINE = 1 << 62


class WasmtimePython:
    """A Python that sees ``folder`` as /workspace. Close it, or use it with ``with``."""

    def __init__(self, folder: Path, beside: Path) -> None:
        """``beside`` gets the standard library, and what the guest prints."""
        library = beside / "lib"
        library.mkdir()
        shutil.copyfile(artifact("python", _STDLIB).path, library / "python315.zip")
        self._printed = beside / "stdout"
        self._said = 0
        self._store = store = wasmtime.Store(self._engine().raw)
        store.set_wasi(self._config(folder, library, beside))
        self._exports = self._linker().instantiate(store, self._module()).exports(store)

    def run(self, code: str) -> str:
        """Run a cell; what it printed. Raises AssertionError if that did not go well."""
        source = code.encode()
        place = self._call("host_alloc", len(source))
        memory = self._exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        memory.write(self._store, source, place)
        status = self._call("turn", place, len(source))
        said = self._printed.read_bytes()
        new, self._said = said[self._said :].decode(), len(said)
        if status:
            raise AssertionError(f"the guest failed under wasmtime's WASI: {status} {new[-500:]}")
        return new

    def close(self) -> None:
        """Free the guest."""
        self._store.close()

    def __enter__(self) -> WasmtimePython:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _engine(self) -> engines.Engine:
        return engines.engine(engines.default_mode())

    def _module(self) -> wasmtime.Module:
        guest = artifact("python", "python-snapshot.wasm")
        return engines.load_module(self._engine(), guest.path, guest.sha256)

    def _config(self, folder: Path, library: Path, beside: Path) -> wasmtime.WasiConfig:
        config = wasmtime.WasiConfig()
        config.argv = ("python",)
        config.env = (("HOME", "/workspace"), ("TMPDIR", "/workspace"), ("PYTHONUTF8", "1"))
        config.stdout_file = str(self._printed)
        config.stderr_file = str(beside / "stderr")
        config.preopen_dir(str(library), "/usr/local/lib")
        config.preopen_dir(str(folder), "/workspace")
        return config

    def _linker(self) -> wasmtime.Linker:
        if engines.default_mode() is not engines.Mode.PROTECTED:
            self._store.set_epoch_deadline(_NO_DEADLINE)
        linker = wasmtime.Linker(self._engine().raw)
        linker.define_wasi()
        signature = wasmtime.FuncType([wasmtime.ValType.i32()] * 4, [wasmtime.ValType.i32()])
        linker.define_func("host", "call", signature, lambda *_: _NO_HOST)
        return linker

    def _call(self, name: str, *arguments: int) -> int:
        function = self._exports[name]
        assert isinstance(function, wasmtime.Func)
        return int(function(self._store, *arguments))
