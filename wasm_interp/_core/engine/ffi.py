"""The one place that uses private names of wasmtime-py.

Why at all: its public `Linker.define_func` costs 27 µs a call against 3 µs here, keeps callbacks in an
unlocked process-wide table (under threads one guest reached another's host function), and passes
exceptions through one global. Its public calls build and check types anew at each call.

Rules: a callback never raises, whatever happens; callback objects live as long as the process. A call of a microsecond
or two keeps the GIL: to let go of it wakes a thread that waits for it, mostly in vain.
Checked against wasmtime-py 50.0.1; the tests of this folder fail if a name or layout changes.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

import wasmtime
from wasmtime import _bindings, _extern
from wasmtime import _ffi as ffi

_VALUE_BYTES = 16  # sizeof(wasmtime_val_raw_t): one slot per argument, the value in its low bytes
_SLOT_CODES = {"I": "I12x", "Q": "Q8x", "q": "q8x"}
_VAL_TYPES = {"I": wasmtime.ValType.i32, "Q": wasmtime.ValType.i64, "q": wasmtime.ValType.i64}
_NO_FINALIZER = ctypes.cast(0, ctypes.CFUNCTYPE(None, ctypes.c_void_p))
# The same C signature as wasmtime_func_unchecked_callback_t, with plain addresses instead of typed
# pointers, which ctypes would build anew at each call.
_HostCallback = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_EpochCallback = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.POINTER(ffi.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(ctypes.c_uint8),
)
_I32 = ctypes.c_int32
_I64 = ctypes.c_int64
# A prototype of our own with plain addresses: the package's converts and checks each argument, which takes longer than
# the call (2.7 µs in all against 0.8 µs measured).
_call_unchecked = ffi.dll["wasmtime_func_call_unchecked"]
_call_unchecked.restype = ctypes.c_void_p
_call_unchecked.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
_UNLIMITED = -1
_kept_alive: list[Any] = []  # callbacks that wasmtime may call until the process ends


def _keeping_the_gil(function: Any) -> Any:
    """The same C function for ctypes to call without letting go of the GIL: for what neither waits nor calls back."""
    prototype = ctypes.PYFUNCTYPE(function.restype, *function.argtypes)
    return prototype(ctypes.cast(function, ctypes.c_void_p).value or 0)


_store_new = _keeping_the_gil(_bindings._wasmtime_store_new)
_store_context = _keeping_the_gil(_bindings._wasmtime_store_context)
_memory_size = _keeping_the_gil(_bindings._wasmtime_memory_size)
_memory_grow = _keeping_the_gil(_bindings._wasmtime_memory_grow)
_memory_data = _keeping_the_gil(_bindings._wasmtime_memory_data)
_instance_export_get = _keeping_the_gil(_bindings._wasmtime_instance_export_get)
_store_limiter = _keeping_the_gil(_bindings._wasmtime_store_limiter)
_trap_new = _keeping_the_gil(_bindings._wasmtime_trap_new)
_error_new = _keeping_the_gil(_bindings._wasmtime_error_new)

STOP = object()  # what a host function returns to trap its guest
HostFunction = Callable[[tuple[Any, ...]], Any]  # arguments -> result, or STOP


def new_config(*, epochs: bool, metered: bool, max_stack_bytes: int) -> wasmtime.Config:
    """Engine settings. Every choice here is part of what a compiled module depends on."""
    config = wasmtime.Config()
    config.wasm_exceptions = True  # the Python guest unwinds with them
    config.wasm_gc = False
    config.gc_support = True  # exception references are counted by it
    config.wasm_threads = False
    config.wasm_memory64 = False
    config.wasm_component_model = False
    config.epoch_interruption = epochs
    config.consume_fuel = metered
    # wasmtime refuses a wasm stack larger than its async stack, though nothing here is async.
    ffi.wasmtime_config_async_stack_size_set(config.ptr(), 2 * max_stack_bytes)
    config.max_wasm_stack = max_stack_bytes
    return config


def define_host_function(
    linker: wasmtime.Linker, module: str, name: str, parameters: str, returns: bool, function: HostFunction
) -> None:
    """Register ``function`` for every instance of ``linker``.

    ``parameters`` are `struct` codes: I, Q or q. ``function`` must not raise; should it, the guest traps.
    """
    layout = struct.Struct("<" + "".join(_SLOT_CODES[code] for code in parameters))
    unpack, slots = layout.unpack_from, ctypes.c_char * max(layout.size, 1)

    def callback(_: Any, __: int, values: int, count: int) -> int:
        try:
            result = function(unpack(slots.from_address(values)))
            if result is STOP:
                return _new_trap("the host stopped the guest")
            if returns:
                _I64.from_address(values).value = result
        except BaseException:
            return _new_trap("a host function failed")
        return 0

    native = _HostCallback(callback)
    _kept_alive.append(native)
    results = [wasmtime.ValType.i32()] if returns else []
    signature = wasmtime.FuncType([_VAL_TYPES[code]() for code in parameters], results)
    encoded_module, encoded_name = module.encode(), name.encode()
    error = ffi.wasmtime_linker_define_func_unchecked(
        linker.ptr(),
        encoded_module,
        len(encoded_module),
        encoded_name,
        len(encoded_name),
        signature.ptr(),
        ctypes.cast(native, ffi.wasmtime_func_unchecked_callback_t),
        None,
        _NO_FINALIZER,
    )
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)


class Store(wasmtime.Store):
    """A store without data of ours; the public class makes a callback type for each, and lets go of the GIL twice."""

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._set_ptr(_store_new(engine.ptr(), None, _NO_FINALIZER))
        self._Store__context = _store_context(self.ptr())
        self.engine = engine


def set_epoch_callback(store: wasmtime.Store, must_stop: Callable[[], bool]) -> Any:
    """Ask ``must_stop`` at every epoch while the guest runs; True traps it. Keep what is returned
    as long as the store lives."""

    def callback(_: Any, __: Any, ticks: Any, ___: Any) -> int:
        ticks[0] = 1
        try:
            stop = must_stop()
        except BaseException:
            stop = True
        return _new_error("stopped") if stop else 0

    native = _EpochCallback(callback)
    expected: Any = _bindings._wasmtime_store_epoch_deadline_callback.argtypes[1]
    ffi.wasmtime_store_epoch_deadline_callback(store.ptr(), ctypes.cast(native, expected), None, _NO_FINALIZER)
    return native


class ExportedFunction:
    """A function of a guest, called without the checks that its fixed signature makes needless.

    Parameters are unsigned numbers of 32 or 64 bits, the result has 32. Callable inside a host function too: a store
    has one context, which is the one that `wasmtime_caller_context` gives as well.
    """

    __slots__ = ("_context", "_count", "_function", "_function_address", "_layout", "_store", "_trap", "_values")

    def __init__(self, store: wasmtime.Store, function: wasmtime.Func, parameters: int) -> None:
        self._store = store
        self._context = context_address(store)
        self._function = function._func
        self._function_address = ctypes.addressof(function._func)
        self._layout = struct.Struct("<" + _SLOT_CODES["Q"] * parameters)
        self._count = max(parameters, 1)
        self._values = (ctypes.c_uint64 * (2 * self._count))()
        self._trap = ctypes.c_void_p()

    def __call__(self, *arguments: int) -> int:
        """The result. Raises wasmtime.Trap for a fault of the guest, WasmtimeError when the host stopped it."""
        values, trap = self._values, self._trap
        self._layout.pack_into(values, 0, *arguments)
        error = _call_unchecked(
            self._context, self._function_address, ctypes.addressof(values), self._count, ctypes.addressof(trap)
        )
        if error:
            raise wasmtime.WasmtimeError._from_ptr(ctypes.cast(error, ctypes.POINTER(ffi.wasmtime_error_t)))
        if trap.value:
            self._trap = ctypes.c_void_p()
            raise wasmtime.Trap._from_ptr(ctypes.cast(trap, ctypes.POINTER(ffi.wasm_trap_t)))
        return values[0] & 0xFFFFFFFF


def context_address(store: wasmtime.Store) -> int:
    """Where the store's context is; it does not move while the store lives."""
    return _address(store._context())


def export(store: wasmtime.Store, instance: wasmtime.Instance, name: str) -> Any:
    """The export of that name; `Instance.exports` wraps all of them, of which QuickJS has 450 (4 ms).

    Raises KeyError.
    """
    encoded, found = name.encode(), ffi.wasmtime_extern_t()
    address = ctypes.byref(instance._instance)
    if not _instance_export_get(store._context(), address, encoded, len(encoded), ctypes.byref(found)):
        raise KeyError(name)
    return _extern.wrap_extern(found)


def memory_address(store: wasmtime.Store, memory: wasmtime.Memory) -> int:
    """Where linear memory begins in this process. It does not move while the store lives."""
    return ctypes.addressof(_memory_data(store._context(), ctypes.byref(memory._memory)).contents)


def memory_pages(store: wasmtime.Store, memory: wasmtime.Memory) -> int:
    """How large linear memory is, in pages of 64 KiB."""
    return int(_memory_size(store._context(), ctypes.byref(memory._memory)))


def grow_memory(store: wasmtime.Store, memory: wasmtime.Memory, pages: int) -> None:
    """Raises WasmtimeError where the store's limit or the system refuses."""
    before = ctypes.c_uint64()
    error = _memory_grow(store._context(), ctypes.byref(memory._memory), pages, ctypes.byref(before))
    if error:
        raise wasmtime.WasmtimeError._from_ptr(error)


def limit(store: wasmtime.Store, memory_bytes: int, table_elements: int) -> None:
    """What the guest may grow to; one instance with one memory."""
    _store_limiter(store.ptr(), memory_bytes, table_elements, 1, _UNLIMITED, 1)


def trap_code(trap: wasmtime.Trap) -> wasmtime.TrapCode | None:
    """Which fault of WebAssembly a trap is, or None for one that the host made."""
    code = ctypes.c_uint8()
    if not ffi.wasmtime_trap_code(trap.ptr(), ctypes.byref(code)):
        return None
    try:
        return wasmtime.TrapCode(code.value)
    except ValueError:
        return None


def _new_trap(message: str) -> int:
    encoded = message.encode()
    return _address(_trap_new(encoded, len(encoded)))


def _new_error(message: str) -> int:
    return _address(_error_new(message.encode()))


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0
