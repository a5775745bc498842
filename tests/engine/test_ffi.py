"""The private side of wasmtime-py: numbers in and out of host functions and exports, traps, addresses."""

import ctypes
from collections.abc import Callable
from typing import Any

import pytest
import wasmtime

from tests.engine.guests import compiled
from wasm_interp._core.engine import Mode, engine, ffi

CALLS_HOST = """(module
  (import "t" "f" (func $f (param i32 i64 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "call") (param i32 i64 i64 i32) (result i32)
    (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "low") (param i64) (result i32) (i32.wrap_i64 (local.get 0)))
  (func (export "high") (param i64) (result i32) (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 32))))
  (func (export "same") (param i32) (result i32) (local.get 0))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "unreachable") (result i32) unreachable))"""

ENGINE = engine(Mode.EPOCHS).raw


class Exports:
    """Exports of CALLS_HOST with one host function."""

    def __init__(self, function: Callable[[tuple[Any, ...]], Any]) -> None:
        linker = wasmtime.Linker(ENGINE)
        ffi.define_host_function(linker, "t", "f", "IQqI", True, function)
        self.store = wasmtime.Store(ENGINE)
        self.store.set_epoch_deadline(1 << 40)
        self._exports = linker.instantiate(self.store, compiled(CALLS_HOST, ENGINE)).exports(self.store)
        self.memory = self._exports["memory"]

    def __call__(self, name: str, *arguments: int) -> int:
        return ffi.ExportedFunction(self.store, self._exports[name], len(arguments))(*arguments)


def test_a_host_function_gets_unsigned_numbers_and_signed_ones_where_it_says_so() -> None:
    seen = []
    exports = Exports(lambda arguments: seen.append(arguments) or 0)
    exports("call", 0xFFFFFFFF, 2**64 - 1, 2**64 - 1, 0x80000000)
    exports("call", 1, 2**63, 2**63, 0)
    exports("call", 0, 0, 2**63 - 1, 7)
    assert seen == [
        (0xFFFFFFFF, 2**64 - 1, -1, 0x80000000),
        (1, 2**63, -(2**63), 0),
        (0, 0, 2**63 - 1, 7),
    ]


@pytest.mark.parametrize("result", [0, 76, 0x7FFFFFFF, 0xFFFFFFFE])
def test_a_host_functions_result_reaches_the_guest(result: int) -> None:
    assert Exports(lambda arguments: result)("call", 1, 2, 3, 4) == result


@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1])
def test_an_export_takes_and_returns_32_bits_unsigned(number: int) -> None:
    assert Exports(lambda arguments: 0)("same", number) == number


def test_an_export_takes_64_bits() -> None:
    exports = Exports(lambda arguments: 0)
    assert exports("low", 0x1234567890ABCDEF) == 0x90ABCDEF
    assert exports("high", 0x1234567890ABCDEF) == 0x12345678


def test_a_host_function_that_raises_traps_its_guest_and_nothing_else() -> None:
    def fail(arguments: tuple[Any, ...]) -> int:
        raise RuntimeError("never to be seen")

    exports = Exports(fail)
    with pytest.raises(wasmtime.WasmtimeError, match=r"\n    a host function failed$"):
        exports("call", 1, 2, 3, 4)
    assert exports("same", 5) == 5


def test_a_result_that_is_no_number_traps_its_guest() -> None:
    with pytest.raises(wasmtime.WasmtimeError, match=r"\n    a host function failed$"):
        Exports(lambda arguments: "text")("call", 1, 2, 3, 4)


def test_stop_traps_the_guest() -> None:
    with pytest.raises(wasmtime.WasmtimeError, match=r"\n    the host stopped the guest$"):
        Exports(lambda arguments: ffi.STOP)("call", 1, 2, 3, 4)


def test_a_fault_of_the_guest_has_a_code() -> None:
    with pytest.raises(wasmtime.Trap) as caught:
        Exports(lambda arguments: 0)("unreachable")
    assert ffi.trap_code(caught.value) is wasmtime.TrapCode.UNREACHABLE


def test_an_export_can_be_called_again_after_the_host_stopped_it() -> None:
    answers = iter([ffi.STOP, 5])
    exports = Exports(lambda arguments: next(answers))
    with pytest.raises(wasmtime.WasmtimeError):
        exports("call", 1, 2, 3, 4)
    assert exports("call", 1, 2, 3, 4) == 5


def test_the_context_inside_a_host_function_is_the_stores() -> None:
    """What `ExportedFunction` relies on when a host function calls it."""
    exports = Exports(lambda arguments: 0)
    seen: list[int] = []

    def note(caller: wasmtime.Caller) -> None:
        seen.append(ctypes.cast(caller._context(), ctypes.c_void_p).value or 0)

    function = wasmtime.Func(exports.store, wasmtime.FuncType([], []), note, access_caller=True)
    ffi.ExportedFunction(exports.store, function, 0)()
    assert seen == [ffi.context_address(exports.store)]


def test_linear_memory_does_not_move_when_it_grows() -> None:
    exports = Exports(lambda arguments: 0)
    before = ffi.memory_address(exports.store, exports.memory)
    for pages in (1, 16, 1000):
        exports("grow", pages)
    assert ffi.memory_address(exports.store, exports.memory) == before
    assert exports.memory.size(exports.store) == 1018


def test_an_epoch_callback_that_fails_stops_the_guest() -> None:
    exports = Exports(lambda arguments: 0)

    def fail() -> bool:
        raise RuntimeError("never to be seen")

    kept = ffi.set_epoch_callback(exports.store, fail)
    exports.store.set_epoch_deadline(1)
    ENGINE.increment_epoch()
    with pytest.raises(wasmtime.WasmtimeError, match="stopped"):
        exports("same", 1)
    assert kept is not None
