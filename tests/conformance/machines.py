"""The two sides that are compared: one guest over our WASI, the same guest over wasmtime's own in a folder."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Protocol

import wasmtime

from tests.engine.guests import CALL_ANYTHING, compiled, new_guest
from wasm_interp._core.wasi.abi import SIGNATURES

ARGUMENTS = ("program", "--flag", "ä")
ENVIRONMENT = (("HOME", "/home/user"), ("EMPTY", ""))
STDIN = b"typed in\n"
TRAPPED = -1  # instead of an errno: the call ended the guest


class Machine(Protocol):
    """A guest with descriptor 3 as an empty, writable folder named "/"."""

    def call(self, name: str, *arguments: int) -> int:
        """The errno, or TRAPPED."""

    def read(self, address: int, length: int) -> bytes:
        """Bytes of the guest's memory."""

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into the guest's memory."""

    def close(self) -> None:
        """End the guest."""


class Ours:
    """The package's WASI over its in-memory file system."""

    def __init__(self) -> None:
        pending = bytearray(STDIN)

        def read_input(limit: int) -> bytes:
            taken = bytes(pending[:limit])
            del pending[:limit]
            return taken

        self._guest = new_guest(
            CALL_ANYTHING,
            input=read_input,
            arguments=tuple(argument.encode() for argument in ARGUMENTS),
            environment=tuple(f"{name}={value}".encode() for name, value in ENVIRONMENT),
        )
        self.read = self._guest.read
        self.write = self._guest.write
        self.close = self._guest.close

    def call(self, name: str, *arguments: int) -> int:
        outcome, errno = self._guest.run(name, *arguments)
        return TRAPPED if errno is None or outcome.trap else errno


class Reference:
    """wasmtime's WASI over ``folder``, which must be empty; ``beside`` may hold its stdin and outputs."""

    def __init__(self, folder: Path, beside: Path) -> None:
        config = wasmtime.WasiConfig()
        config.argv = ARGUMENTS
        config.env = ENVIRONMENT
        (beside / "stdin").write_bytes(STDIN)
        config.stdin_file = str(beside / "stdin")
        config.stdout_file = str(beside / "stdout")
        config.stderr_file = str(beside / "stderr")
        config.preopen_dir(str(folder), "/")
        engine = _reference_engine()
        self._store = wasmtime.Store(engine)
        self._store.set_wasi(config)
        linker = wasmtime.Linker(engine)
        linker.define_wasi()
        self._exports = linker.instantiate(self._store, compiled(CALL_ANYTHING, engine)).exports(self._store)
        self._memory = self._exports["memory"]

    def call(self, name: str, *arguments: int) -> int:
        signed = [_signed(argument, code) for argument, code in zip(arguments, SIGNATURES[name], strict=True)]
        try:
            return self._exports[name](self._store, *signed)
        except (wasmtime.Trap, wasmtime.WasmtimeError, wasmtime.ExitTrap):
            return TRAPPED

    def read(self, address: int, length: int) -> bytes:
        return bytes(self._memory.read(self._store, address, address + length))

    def write(self, address: int, data: bytes) -> None:
        self._memory.write(self._store, data, address)

    def close(self) -> None:
        self._store.close()


@functools.cache
def _reference_engine() -> wasmtime.Engine:
    return wasmtime.Engine()


def _signed(value: int, code: str) -> int:
    bits = 32 if code == "I" else 64
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
