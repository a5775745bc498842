"""One guest at work: a wasmtime store, its linear memory, and the one way in.

Rules: one thread at a time is inside (the context's turnstile sees to it). A store that trapped is never entered
again. The native stack is checked at every entry. The host touches linear memory only through the gate while a run
goes on. A stop arrives as an `Exit` of `enter` and nowhere else.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import wasmtime

from wasm_interp._core.engine import ffi
from wasm_interp._core.engine.ctrl_c import CtrlC, on_main_thread
from wasm_interp._core.engine.engine import Engine, Mode
from wasm_interp._core.engine.heap import instance_closed
from wasm_interp._core.engine.linker import HostImport, current, linker
from wasm_interp._core.engine.means import Asker, ByEpochs, ByProtection, MemoryGate, Words
from wasm_interp._core.engine.native_stack import with_enough_stack
from wasm_interp._core.engine.stops import Stopper
from wasm_interp._core.engine.watchdog import watchdog
from wasm_interp._core.images.checkpoint import Checkpoint, Sealed
from wasm_interp._core.images.image import PAGE_BYTES, Image
from wasm_interp._core.images.mapping import Mapper
from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import GuestExit, WasiState
from wasm_interp.errors import GuestTrapped, ProtocolError
from wasm_interp.results import StopKind

_UNLIMITED_FUEL = (1 << 64) - 1
MAX_DOOR_BYTES = 64 << 20  # one call of a guest to its host
_MAX_TABLE_ELEMENTS = 1 << 20  # 8 bytes of the host each, which memory_bytes does not count; our guests have 50,000
_TRAPPED = "the guest has trapped and cannot be entered again"
_FAULT = -2 & 0xFFFFFFFF  # the door's own outcome: the guest sees an OSError

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
        self,
        engine: Engine,
        module: wasmtime.Module,
        wasi: WasiState,
        door: Door,
        memory_bytes: int,
        imports: tuple[HostImport, ...] = (),
    ) -> None:
        """Instantiates; ``imports`` are what the guest wants beside WASI and the door.

        Raises GuestTrapped when the module cannot be instantiated within ``memory_bytes``.
        """
        self.wasi = wasi
        self.door = door
        self.gate = MemoryGate()
        self.failure: BaseException | None = None
        self.host_depth = 0  # host functions inside one another, where a language counts them
        self.is_calling_back: Callable[[], bool] = _never
        self._dead = self._closed = False
        self._memory_bytes = 0
        self._most_memory_bytes = -1
        self._functions: dict[str, ffi.ExportedFunction] = {}
        self._store = store = wasmtime.Store(engine.raw)
        self.limit_memory(memory_bytes)
        self._is_metered = engine.mode is Mode.METERED
        self.set_fuel(_UNLIMITED_FUEL)
        if engine.mode is not Mode.PROTECTED:
            self._heed_epochs()
        try:
            instance = linker(engine, imports).instantiate(store, module)
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise GuestTrapped(f"the guest could not be instantiated: {error}") from error
        self._raw = instance
        memory = ffi.export(store, instance, "memory")
        assert isinstance(memory, wasmtime.Memory)
        self._memory = memory
        self._base = ffi.memory_address(store, memory)
        wasi.memory = self.memory = guest_memory = GuestMemory(self._whole_memory)
        self._asker = Asker(self.gate, lambda: guest_memory.view)
        means = (
            ByProtection(self._asker, self.gate, self._base) if engine.mode is Mode.PROTECTED else ByEpochs(self._asker)
        )
        self.stopper = Stopper(means, wasi.wake)
        wasi.must_end = self.stopper.must_end_now
        wasi.asleep = self._asleep

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
            if self._dead:
                raise GuestTrapped(_TRAPPED)
            export = ffi.export(self._store, self._raw, name)
            assert isinstance(export, wasmtime.Func)
            found = self._functions[name] = ffi.ExportedFunction(self._store, export, parameters)
        return found

    def write(self, pointer: int, data: bytes) -> None:
        """Copy ``data`` into the guest from inside a run, between calls of its exports."""
        with self.gate.lock:
            if self.gate.is_shut:
                raise GuestExit
            self.memory.write(pointer, data)

    def read(self, pointer: int, length: int) -> bytes:
        """A copy of the guest's bytes, from inside a run, between calls of its exports."""
        with self.gate.lock:
            if self.gate.is_shut:
                raise GuestExit
            return self.memory.read(pointer, length)

    def call_inside(self, caller: int, name: str, *arguments: int) -> int:
        """Call an export from inside a host function, whose ``caller`` it was given."""
        with self._asleep():  # the guest runs, so it may be stopped
            return self.function(name, len(arguments)).call_inside(caller, *arguments)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """While the guest waits in a host function for work that may never come: no stop is carried on meanwhile."""
        watchdog().unwatch(self.stopper)
        try:
            yield
        finally:
            watchdog().watch(self.stopper)

    def ask_by_polling(self) -> None:
        """The guest asks by itself, often, whether its stopper has a request."""
        self._asker.is_polled = True

    def ask_by_setting(self, words: Words) -> None:
        """Let a stop be asked for by setting bits in these words of the guest."""
        self.memory.whole()
        self._asker.use(words)

    def place(self, image: Image, mapper: Mapper) -> None:
        """Make linear memory equal to ``image``. Raises GuestTrapped when the memory limit is below its size."""
        self._grow_to(image.size_bytes)
        mapper.place(image, self._base)

    def limit_memory(self, memory_bytes: int) -> None:
        """How large linear memory may become; what it has stays."""
        if memory_bytes == self._most_memory_bytes:
            return
        self._most_memory_bytes = memory_bytes
        self._store.set_limits(memory_size=memory_bytes, table_elements=_MAX_TABLE_ELEMENTS, instances=1, memories=1)

    @property
    def is_memory_full(self) -> bool:
        """Whether linear memory has come to its limit, within a megabyte."""
        return self.memory_bytes + (1 << 20) > self._most_memory_bytes

    def set_fuel(self, fuel: int) -> None:
        """How many instructions the next run may execute; means nothing unless the engine is metered."""
        if self._is_metered:
            self._store.set_fuel(fuel)

    def fuel_left(self) -> int:
        """What is left of it, after a trap too."""
        return self._store.get_fuel() if self._is_metered else 0

    def take_checkpoint(self, checkpoint: Checkpoint, most_bytes: int | None) -> None:
        """Remember linear memory as it is, between runs."""
        checkpoint.take(self.memory.whole(), self._base, most_bytes)

    def seal(self, checkpoint: Checkpoint) -> Sealed:
        """Linear memory as it is, between runs, for other instances to be made from; the caller holds it."""
        return checkpoint.seal(self.memory.whole(), self._base)

    def place_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Make linear memory, that of a new instance, what it was at the checkpoint."""
        self._grow_to(checkpoint.size_bytes)
        checkpoint.place(self._base)

    def enter(self, run: Callable[[], int], deadline: float | None) -> Exit:
        """Call ``run``, which calls exports, until it returns or is stopped; ``deadline`` is on time.monotonic.

        Raises KeyboardInterrupt after a Ctrl-C, and what was a defect of the host's side.
        """
        if self._dead:
            raise GuestTrapped(_TRAPPED)
        stopper = self.stopper
        with self._heeding_ctrl_c():
            stopper.begin(deadline)
            self._asker.begin()
            watchdog().watch(stopper)
            try:
                outcome = with_enough_stack(lambda: self._enter(run))
            finally:
                watchdog().unwatch(stopper)
                self._give_up_what_was_taken()
        if self.gate.is_shut and outcome.trap is None:  # its memory was taken just as it returned
            outcome = Exit("stopped by the host")
        if outcome.trap is None:
            self._asker.end()
        if self.failure is not None:
            raise self.failure
        if outcome.trap is None:
            return Exit(None, stopper.requested)
        return Exit(outcome.trap, outcome.kind or stopper.requested or StopKind.TRAP)

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
            with self._asleep():  # the allocator is the guest's, and may never return
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
        """A host function met ``error``: keep it for the caller, and trap the guest."""
        if not isinstance(error, wasmtime.Trap | wasmtime.WasmtimeError):  # those end the run by themselves
            self.failure = error
        return ffi.STOP

    def close(self) -> None:
        """Give the memory back. Idempotent. Never while a thread is inside."""
        if self._closed:
            return
        self._memory_bytes = self.memory_bytes
        self._dead = self._closed = True
        self.memory.close()
        self._store.close()
        instance_closed()

    def _enter(self, run: Callable[[], int]) -> Exit:
        former, current.instance = current.instance, self
        try:
            run()
        except (wasmtime.Trap, wasmtime.WasmtimeError, GuestExit) as trap:
            self._dead = True
            return self._trapped(trap)
        finally:
            current.instance = former
        return Exit()

    def _trapped(self, trap: BaseException) -> Exit:
        """A fault of WebAssembly has a code; what the host stopped is an error without one."""
        if self.wasi.exit_code is not None:
            return Exit(f"the program ended its interpreter with status {self.wasi.exit_code}", StopKind.EXITED)
        code = ffi.trap_code(trap) if isinstance(trap, wasmtime.Trap) else None
        with self.gate.lock:  # the watchdog holds it from before it takes the memory until it has said so
            was_taken = self.gate.is_shut
        if code is None or was_taken:
            return Exit("stopped by the host")
        if code is wasmtime.TrapCode.STACK_OVERFLOW:
            return Exit("the native stack is exhausted", StopKind.STACK)
        if code is wasmtime.TrapCode.OUT_OF_FUEL:
            return Exit("out of fuel", StopKind.FUEL)
        if code is wasmtime.TrapCode.UNREACHABLE:
            return Exit("the interpreter aborted", StopKind.EXITED)
        return Exit(code.name.lower().replace("_", " "), StopKind.TRAP)

    def _grow_to(self, size_bytes: int) -> None:
        missing = size_bytes // PAGE_BYTES - self._memory.size(self._store)
        try:
            if missing > 0:
                self._memory.grow(self._store, missing)
        except wasmtime.WasmtimeError as error:
            raise GuestTrapped(f"the memory limit is below the {size_bytes} bytes that the image takes") from error

    def _heed_epochs(self) -> None:
        self._store.set_epoch_deadline(1)
        # Weak, or the store's callback would keep the instance, and with it the store, alive in a cycle.
        me = weakref.ref(self)
        self._epoch_callback = ffi.set_epoch_callback(self._store, lambda: _must_end(me))

    def _heeding_ctrl_c(self) -> AbstractContextManager[None]:
        if not on_main_thread():
            return nullcontext()
        return _ctrl_c().watching(lambda: self.stopper.request(StopKind.INTERRUPT), lambda: self.is_calling_back())

    def _give_up_what_was_taken(self) -> None:
        if self.gate.is_shut:
            self._dead = True
            self.memory.close()  # what touched it now would fault, and end the process

    @contextmanager
    def heard_by(self, listener: Callable[[bytes], bool]) -> Iterator[None]:
        """What the guest sends goes to ``listener`` first, and on to the door where that is not what it listens for."""
        former = self.door
        self.door = lambda sent: b"" if listener(sent) else former(sent)
        try:
            yield
        finally:
            self.door = former

    @contextmanager
    def _asleep(self) -> Iterator[None]:
        """While the guest sleeps in a host function, or runs under one, its memory may be taken away."""
        self.gate.lock.release()
        try:
            yield
        finally:
            self.gate.lock.acquire()
        if self.gate.is_shut:
            raise GuestExit

    def _whole_memory(self) -> memoryview:
        size = self.memory_bytes
        return memoryview((ctypes.c_ubyte * size).from_address(self._base)).cast("B")


@functools.cache
def _ctrl_c() -> CtrlC:
    made = CtrlC()
    watchdog().every_tick(made.poll)
    return made


def _never() -> bool:
    return False


def _must_end(instance: weakref.ref[Instance]) -> bool:
    found = instance()
    return found is None or found.stopper.must_end
