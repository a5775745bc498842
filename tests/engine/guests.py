"""Guests written as WebAssembly text, and instances of them, without kernels, templates or artifacts.

`CALL_ANYTHING` is the guest of the WASI tests: it exports every call that it imports, so a test says call by
call what the guest does, and each one goes through real WebAssembly.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import wasmtime

from wasm_interp._core.engine import Exit, Instance, Mode, default_mode, engine
from wasm_interp._core.vfs import Base, BaseBuilder, FileSystem, Quota
from wasm_interp._core.wasi.abi import SIGNATURES
from wasm_interp._core.wasi.descriptors import FileTable, Stream, first_table
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import Clock, Entropy, SystemClock, WasiState

WASI = "wasi_snapshot_preview1"
PAGE = 65_536
MIB = 1 << 20
_TYPES = {"I": "i32", "Q": "i64", "q": "i64"}
_ALL_BITS = (1 << 64) - 1  # a negative argument as the guest sees it


def import_line(name: str) -> str:
    """The import of one WASI call, under its own name."""
    parameters = " ".join(_TYPES[code] for code in SIGNATURES[name])
    result = "" if name == "proc_exit" else "(result i32)"
    return f'(import "{WASI}" "{name}" (func ${name} (param {parameters}) {result}))'


def _exported_call(name: str) -> str:
    parameters = " ".join(_TYPES[code] for code in SIGNATURES[name])
    gets = " ".join(f"(local.get {index})" for index in range(len(SIGNATURES[name])))
    result = "(i32.const 0)" if name == "proc_exit" else ""
    return f'(func (export "{name}") (param {parameters}) (result i32) (call ${name} {gets}) {result})'


CALL_ANYTHING = f"""(module
  {" ".join(import_line(name) for name in SIGNATURES)}
  (memory (export "memory") 4)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  {" ".join(_exported_call(name) for name in SIGNATURES)})"""


@functools.cache
def compiled(text: str, raw_engine: wasmtime.Engine) -> wasmtime.Module:
    """The module of a text, compiled once per engine."""
    return wasmtime.Module(raw_engine, wasmtime.wat2wasm(text))


def new_fs(quota: Quota | None = None, base: Base | None = None) -> FileSystem:
    """A file system of its own; empty, if no base is given."""
    return FileSystem(base or BaseBuilder().build(), quota or Quota(bytes=MIB, inodes=1_000), SystemClock.realtime_ns)


@dataclass
class Guest:
    """An instance of a text, with what it says and is told."""

    instance: Instance
    wasi: WasiState
    said: dict[Stream, bytearray] = field(default_factory=dict)

    def run(self, name: str, *arguments: int, deadline: float | None = None) -> tuple[Exit, int | None]:
        """Enter through one export: how that ended, and the result if it returned."""
        result: int | None = None
        function = self.instance.function(name, len(arguments))

        def run() -> int:
            nonlocal result
            result = function(*(argument & _ALL_BITS for argument in arguments))
            return result

        return self.instance.enter(run, deadline), result

    def call(self, name: str, *arguments: int) -> int:
        """The result of an export that is to return by itself."""
        outcome, result = self.run(name, *arguments)
        assert outcome == Exit()
        assert result is not None
        return result

    def read(self, address: int, length: int) -> bytes:
        return self.instance.memory.read(address, length)

    def write(self, address: int, data: bytes) -> None:
        self.instance.memory.write(address, data)

    def close(self) -> None:
        self.wasi.files.close_all()
        self.instance.close()


def no_door(sent: bytes) -> bytes:
    """A host that has no answer."""
    return b""


def new_guest(
    text: str,
    *,
    door: Callable[[bytes], bytes] = no_door,
    fs: FileSystem | None = None,
    memory_bytes: int = 64 * MIB,
    open_files: int = 64,
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    input: Callable[[int], bytes] | None = None,
    mode: Mode | None = None,
    **more: Any,
) -> Guest:
    """An instance of ``text`` with descriptor 3 as the root, under the name "/"."""
    own_fs = fs or new_fs()
    said = {stream: bytearray() for stream in Stream}
    wasi = WasiState(
        GuestMemory(lambda: memoryview(b"")),
        own_fs,
        FileTable(own_fs, open_files, first_table((("/", own_fs.root),))),
        lambda stream, data: said[stream].extend(data),
        **more,
    )
    wasi.clock = clock or wasi.clock
    wasi.entropy = entropy or wasi.entropy
    wasi.input = input or wasi.input
    chosen = engine(mode or default_mode())
    instance = Instance(chosen, compiled(text, chosen.raw), wasi, door, memory_bytes)
    return Guest(instance, wasi, said)
