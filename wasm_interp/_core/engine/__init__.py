"""Running guests: the only package that knows wasmtime."""

from __future__ import annotations

from wasmtime import Module

from wasm_interp._core.engine.engine import Engine, Mode, default_mode, engine
from wasm_interp._core.engine.instance import MOST_NESTED, Exit, Instance
from wasm_interp._core.engine.linker import HostImport
from wasm_interp._core.engine.means import Words
from wasm_interp._core.engine.modules import is_compiled, load_module
from wasm_interp._core.engine.rewrite import RewriteRefused
from wasm_interp._core.engine.room import room

__all__ = [
    "MOST_NESTED",
    "Engine",
    "Exit",
    "HostImport",
    "Instance",
    "Mode",
    "Module",
    "RewriteRefused",
    "Words",
    "default_mode",
    "engine",
    "is_compiled",
    "load_module",
    "room",
]
