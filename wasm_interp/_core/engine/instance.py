"""One guest at work: a wasmtime store, its linear memory, and the one way in.

Rules: one thread at a time is inside (the context's lock sees to it). A store that trapped is never
entered again. The native stack is checked at every entry. A stop arrives as an `Exit` of `enter` and nowhere else.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import wasmtime

from wasm_interp._core.engine import ffi
from wasm_interp._core.engine.engine import Engine
from wasm_interp._core.engine.linker import current, linker
from wasm_interp._core.engine.native_stack import with_enough_stack
from wasm_interp._core.engine.stops import Stopper
from wasm_interp._core.engine.watchdog import Ticker
from wasm_interp._core.images.image import PAGE_BYTES, Image
from wasm_interp._core.images.mapping import Mapper
from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import WasiState
from wasm_interp.errors import GuestTrapped, ProtocolError
from wasm_interp.results import StopKind

MAX_DOOR_BYTES = 64 << 20  # one call of a guest to its host
_MAX_TABLE_ELEMENTS = 1 << 20  # 8 bytes of the host each, which memory_bytes does not count; our guests have 50,000
_FAULT = -2 & 0xFFFFFFFF  # the door's own outcome: the guest sees an OSError
_STACK_TRAPS = {wasmtime.TrapCode.STACK_OVERFLOW}

Door = Callable[[bytes], bytes]  # what the guest sent -> the answer; raises ProtocolError for nonsense


@dataclass(frozen=True, slots=True)
class Exit:
    """How a run came back.

    trap: what ended it, or None when the guest returned by itself; the instance lives on then.
    kind: why it was stopped, or why it was asked to stop though it then returned by itself, or None.
    """

    trap: str | None = None
    kind: StopKind | None = None


class Instance:
    """A guest whose exports take and return 32-bit numbers."""

    def __init__(
        self, engine: Engine, module: wasmtime.Module, wasi: WasiState, door: Door, memory_bytes: int, ticker: Ticker
    ) -> None:
        """Instantiates. Raises GuestTrapped when the module cannot be instantiated within ``memory_bytes``."""
        self.wasi = wasi
        self.failure: BaseException | None = None
        self.stopper = Stopper(wasi.wake)
        wasi.must_stop = self.stopper.must_stop
        self.door = door
        self._ticker = ticker
        self._dead = self._closed = False
        self._memory_bytes = 0
        self._store = store = wasmtime.Store(engine.raw)
        store.set_limits(
            memory_size=memory_bytes, table_elements=_MAX_TABLE_ELEMENTS, instances=1, tables=8, memories=1
        )
        if engine.metered:
            store.set_fuel((1 << 64) - 1)
        store.set_epoch_deadline(1)
        # Weak, or the store's callback would keep the instance, and with it the store, alive in a cycle.
        stopper = weakref.ref(self.stopper)
        self._epoch_callback = ffi.set_epoch_callback(store, lambda: _must_stop(stopper))
        try:
            exports = linker(engine).instantiate(store, module).exports(store)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise GuestTrapped(f"the guest could not be instantiated: {error}") from error
        self._exports = exports
        self._functions: dict[str, ffi.ExportedFunction] = {}
        memory = exports["memory"]
        assert isinstance(memory, wasmtime.Memory)
        self._memory = memory
        self._base = ffi.memory_address(store, memory)
        wasi.memory = self.memory = GuestMemory(self._whole_memory)

    @property
    def is_dead(self) -> bool:
        """Whether it trapped or was closed: it cannot be entered any more."""
        return self._dead

    @property
    def memory_bytes(self) -> int:
        """Size of linear memory, which never shrinks; after ``close`` what it was last seen to be."""
        if not self._closed:
            self._memory_bytes = self._memory.size(self._store) * PAGE_BYTES
        return self._memory_bytes

    def function(self, name: str, parameters: int) -> ffi.ExportedFunction:
        """The export of that name."""
        found = self._functions.get(name)
        if found is None:
            export = self._exports[name]
            assert isinstance(export, wasmtime.Func)
            found = self._functions[name] = ffi.ExportedFunction(self._store, export, parameters)
        return found

    def ask_by_setting(self, words: tuple[tuple[int, int], ...]) -> None:
        """Let a stop be asked for by setting bits in these 32-bit words of the guest, (address, bits) each."""
        if words:
            self.stopper.can_ask(lambda: self._set_bits(words))

    def place(self, image: Image, mapper: Mapper) -> None:
        """Make linear memory equal to ``image``. Raises GuestTrapped when the memory limit is below its size."""
        missing = image.size_bytes // PAGE_BYTES - self._memory.size(self._store)
        try:
            if missing > 0:
                self._memory.grow(self._store, missing)
        except wasmtime.WasmtimeError as error:
            raise GuestTrapped(
                f"the memory limit is below the {image.size_bytes} bytes that the language's image takes"
            ) from error
        mapper.place(image, self._base)

    def enter(self, run: Callable[[], int], deadline: float | None) -> Exit:
        """Call ``run``, which calls exports, until it returns or is stopped; ``deadline`` is on time.monotonic.

        Raises what the host's own side raised meanwhile (KeyboardInterrupt, or a defect).
        """
        if self._dead:
            raise GuestTrapped("the guest has trapped and cannot be entered again")
        self.stopper.begin(deadline)
        self._ticker.watch(self.stopper)
        try:
            outcome = with_enough_stack(lambda: self._enter(run), lambda: self.stopper.request(StopKind.INTERRUPT))
        finally:
            self._ticker.unwatch(self.stopper)
            asked = self.stopper.end()
        if self.failure is not None:
            raise self.failure
        if outcome.trap is None:
            return Exit(None, asked)
        return Exit(outcome.trap, outcome.kind or asked or StopKind.TRAP)

    def answer(self, caller: int, pointer: int, length: int, out_pointer: int, out_length: int) -> int:
        """The door: host.call(pointer, length, out_pointer, out_length) -> 0, or -2 for nonsense.

        The answer's bytes are put where the guest's own allocator says.
        """
        memory = self.memory
        if length > MAX_DOOR_BYTES:
            return _FAULT
        try:
            memory.slice(out_pointer, 4)
            memory.slice(out_length, 4)
            answer = self.door(memory.read(pointer, length))
            place = self.function("host_alloc", 1).call_inside(caller, len(answer))
            if not place:
                return _FAULT
            memory.write(place, answer)
            memory.write_u32(out_pointer, place)
            memory.write_u32(out_length, len(answer))
        except (FileSystemError, ProtocolError):
            return _FAULT
        return Errno.SUCCESS

    def host_failed(self, error: BaseException) -> Any:
        """A host function met ``error``: keep it for the caller; STOP unless the guest can go on."""
        if isinstance(error, KeyboardInterrupt):
            self.stopper.interrupted_by_user(error)
            return Errno.INTR
        if not isinstance(error, wasmtime.Trap | wasmtime.WasmtimeError):  # those end the run by themselves
            self.failure = error
        self._dead = True
        return ffi.STOP

    def close(self) -> None:
        """Give the memory back. Idempotent. Never while a thread is inside."""
        if self._closed:
            return
        self._memory_bytes = self.memory_bytes
        self._dead = self._closed = True
        self.memory.close()
        self._store.close()

    def _enter(self, run: Callable[[], int]) -> Exit:
        former, current.instance = current.instance, self
        try:
            run()
        except (wasmtime.Trap, wasmtime.WasmtimeError) as trap:
            self._dead = True
            return self._trapped(trap)
        finally:
            current.instance = former
        return Exit()

    def _trapped(self, trap: wasmtime.Trap | wasmtime.WasmtimeError) -> Exit:
        """A trap of WebAssembly has a code; what the host stopped is an error without one."""
        code = ffi.trap_code(trap) if isinstance(trap, wasmtime.Trap) else None
        if self.wasi.exit_code is not None:
            return Exit(f"the program ended its interpreter with status {self.wasi.exit_code}", StopKind.EXITED)
        if code in _STACK_TRAPS:
            return Exit("the native stack is exhausted", StopKind.STACK)
        if code is wasmtime.TrapCode.UNREACHABLE:
            return Exit("the interpreter aborted", StopKind.EXITED)
        return Exit(code.name.lower().replace("_", " ") if code else "stopped by the host")

    def _set_bits(self, words: tuple[tuple[int, int], ...]) -> bool:
        for address, bits in words:
            self.memory.write_u32(address, self.memory.read_u32(address) | bits)
        return True

    def _whole_memory(self) -> memoryview:
        size = self.memory_bytes
        return memoryview((ctypes.c_ubyte * size).from_address(self._base)).cast("B")


def _must_stop(stopper: weakref.ref[Stopper]) -> bool:
    found = stopper()
    return found is None or found.must_stop()
