"""wasmtime engines, one per mode, and what identifies the code that each compiles."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from dataclasses import dataclass
from enum import StrEnum

import wasmtime

from wasm_interp._core.engine import ffi
from wasm_interp._core.engine.means import protection_is_possible
from wasm_interp._core.engine.native_stack import MAX_WASM_STACK_BYTES
from wasm_interp._core.engine.watchdog import watchdog

_SETTINGS_VERSION = 2  # raise it when new_config or the rewriting of guests changes


class Mode(StrEnum):
    """How guests of an engine are stopped, and whether they are metered."""

    PROTECTED = "protected"  # at full speed; the guest must have been rewritten
    EPOCHS = "epochs"
    METERED = "metered"  # counts fuel, and has epochs


@dataclass(frozen=True, slots=True)
class Engine:
    """wasmtime's engine. ``identity`` changes whenever compiled code of another engine would not fit."""

    raw: wasmtime.Engine
    mode: Mode
    identity: str


def default_mode() -> Mode:
    """The fastest that this system can stop."""
    return Mode.PROTECTED if protection_is_possible() else Mode.EPOCHS


@functools.cache
def engine(mode: Mode) -> Engine:
    """The process's engine of that mode."""
    epochs = mode is not Mode.PROTECTED
    config = ffi.new_config(epochs=epochs, metered=mode is Mode.METERED, max_stack_bytes=MAX_WASM_STACK_BYTES)
    raw = wasmtime.Engine(config)
    if epochs:
        watchdog().every_tick(raw.increment_epoch)
    version = importlib.metadata.version("wasmtime")
    return Engine(raw, mode, f"wasmtime-{version}-{platform.machine()}-{mode}-{_SETTINGS_VERSION}")
