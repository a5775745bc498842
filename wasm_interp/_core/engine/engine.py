"""One wasmtime engine per metering mode, and what identifies the code that it compiles."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from dataclasses import dataclass

import wasmtime

from wasm_interp._core.engine import ffi
from wasm_interp._core.engine.native_stack import MAX_WASM_STACK_BYTES

_SETTINGS_VERSION = 1  # raise it when new_config changes


@dataclass(frozen=True, slots=True)
class Engine:
    """wasmtime's engine. ``identity`` changes whenever compiled code of another engine would not fit."""

    raw: wasmtime.Engine
    metered: bool
    identity: str


@functools.cache
def engine(*, metered: bool = False) -> Engine:
    """The process's engine: metered counts fuel and runs a third slower."""
    config = ffi.new_config(metered=metered, max_stack_bytes=MAX_WASM_STACK_BYTES)
    version = importlib.metadata.version("wasmtime")
    mode = "metered" if metered else "plain"
    identity = f"wasmtime-{version}-{platform.machine()}-{mode}-{_SETTINGS_VERSION}"
    return Engine(wasmtime.Engine(config), metered, identity)
