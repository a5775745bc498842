"""Running guests: the only package that knows wasmtime."""

from __future__ import annotations

from wasmtime import Module

from wasm_interp._core.engine.engine import Engine, engine
from wasm_interp._core.engine.instance import Exit, Instance
from wasm_interp._core.engine.modules import is_compiled, load_module
from wasm_interp._core.engine.watchdog import Ticker, ticker

__all__ = ["Engine", "Exit", "Instance", "Module", "Ticker", "engine", "is_compiled", "load_module", "ticker"]
