"""Host functions, registered once per engine and routed to the instance that its thread runs.

Rule: one linker per engine. Rule: a host function never raises; it records what went wrong on the
instance and returns, and the guest traps. Callers nest (a callback of the user may run another
sandbox), so each thread keeps the instance that it entered last, and `Instance.enter` puts the former back.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import wasmtime

from wasm_interp._core.engine import ffi
from wasm_interp._core.engine.engine import Engine
from wasm_interp._core.wasi.calls import CALLS, MODULE, Call, dispatch
from wasm_interp._core.wasi.state import GuestExit

if TYPE_CHECKING:
    from wasm_interp._core.engine.instance import Instance


class CurrentInstance(threading.local):
    """The instance that this thread is inside of."""

    instance: Instance | None = None


current = CurrentInstance()
DOOR_MODULE, DOOR_NAME = "host", "call"


@functools.cache
def linker(engine: Engine) -> wasmtime.Linker:
    """The engine's linker: every WASI call, and the door."""
    made = wasmtime.Linker(engine.raw)
    for call in CALLS:
        ffi.define_host_function(made, MODULE, call.name, call.parameters, call.returns, _wasi_function(call))
    ffi.define_host_function(made, DOOR_MODULE, DOOR_NAME, "IIII", True, _door)
    return made


def _wasi_function(call: Call) -> ffi.HostFunction:
    function = call.function

    def host_function(caller: int, arguments: tuple[Any, ...]) -> Any:
        instance = current.instance
        if instance is None or instance.failure is not None:
            return ffi.STOP
        try:
            return dispatch(function, instance.wasi, arguments)
        except GuestExit:
            return ffi.STOP
        except BaseException as error:
            return instance.host_failed(error)

    return host_function


def _door(caller: int, arguments: tuple[Any, ...]) -> Any:
    instance = current.instance
    if instance is None or instance.failure is not None:
        return ffi.STOP
    try:
        return instance.answer(caller, *arguments)
    except BaseException as error:
        return instance.host_failed(error)
