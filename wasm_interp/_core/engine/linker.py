"""Host functions, registered once per engine and routed to the instance that its thread runs.

Rule: one linker per engine and set of imports. Rule: a host function never raises; it records what went wrong on the
instance and the guest traps. Rule: a host function holds the instance's gate, and touches nothing once it is shut.
Callers nest (a callback of the user may run another sandbox), so each thread keeps the instance that it
entered last, and `Instance.enter` puts the former back.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import wasmtime

from wasm_interp._core.engine import ffi
from wasm_interp._core.engine.engine import Engine
from wasm_interp._core.vfs.errno import FileSystemError
from wasm_interp._core.wasi.calls import CALLS, MODULE, Call, dispatch
from wasm_interp._core.wasi.state import GuestExit

if TYPE_CHECKING:
    from wasm_interp._core.engine.instance import Instance


class CurrentInstance(threading.local):
    """The instance that this thread is inside of."""

    instance: Instance | None = None


current = CurrentInstance()
DOOR_MODULE, DOOR_NAME = "host", "call"


@dataclass(frozen=True, slots=True)
class HostImport:
    """A function that one guest imports beside WASI and the door.

    parameters: `struct` codes, I or Q. function: (instance, arguments) -> result; it may raise GuestExit.
    """

    module: str
    name: str
    parameters: str
    returns: bool
    function: Callable[[Instance, tuple[Any, ...]], int]


@functools.cache
def linker(engine: Engine, imports: tuple[HostImport, ...] = ()) -> wasmtime.Linker:
    """The engine's linker for guests with those imports: every WASI call, the door, and they."""
    made = wasmtime.Linker(engine.raw)
    for call in CALLS:
        ffi.define_host_function(made, MODULE, call.name, call.parameters, call.returns, _host_function(_wasi(call)))
    ffi.define_host_function(made, DOOR_MODULE, DOOR_NAME, "IIII", True, _host_function(_door))
    for each in imports:
        function = _host_function(each.function)
        ffi.define_host_function(made, each.module, each.name, each.parameters, each.returns, function)
    return made


def _wasi(call: Call) -> Callable[[Instance, tuple[Any, ...]], int]:
    function = call.function
    return lambda instance, arguments: dispatch(function, instance.wasi, arguments)


def _door(instance: Instance, arguments: tuple[Any, ...]) -> int:
    return instance.answer(*arguments)


def _host_function(function: Callable[[Instance, tuple[Any, ...]], int]) -> ffi.HostFunction:
    def host_function(arguments: tuple[Any, ...]) -> Any:
        instance = current.instance
        if instance is None:
            return ffi.STOP
        gate = instance.gate
        try:
            with gate.lock:
                if gate.is_shut or instance.failure is not None:
                    return ffi.STOP
                result = function(instance, arguments)
        except (GuestExit, FileSystemError):  # an errno here, where no WASI call tells it, is a pointer into nowhere
            return ffi.STOP
        except BaseException as error:
            return instance.host_failed(error)
        # The watchdog leaves alone a guest that is in here, so it is for us to see that its time is over.
        return ffi.STOP if instance.stopper.must_end else result

    return host_function
