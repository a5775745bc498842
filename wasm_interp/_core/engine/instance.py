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
from contextlib import contextmanager
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
from wasm_interp._core.engine.room import room
from wasm_interp._core.engine.signals import kept_out
from wasm_interp._core.engine.stops import Stopper
from wasm_interp._core.engine.watchdog import watchdog
from wasm_interp._core.images.checkpoint import Checkpoint, Sealed
from wasm_interp._core.images.faults import fault_counter
from wasm_interp._core.images.image import PAGE_BYTES, Image
from wasm_interp._core.images.mapping import Mapper
from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import GuestExit, WasiState
from wasm_interp.errors import GuestTrapped, LimitExceeded, ProtocolError
from wasm_interp.limits import MOST_SPARE_BYTES
from wasm_interp.results import StopKind

_UNLIMITED_FUEL = (1 << 64) - 1
MAX_DOOR_BYTES = 64 << 20  # one call of a guest to its host
# A guest that has all the memory that it may have can serve no request: not the one either that would free some of it.
# So each run may take a little more than there is, up to a bound that many such runs reach together.
_SPARE_BYTES = 2 << 20
_MAX_TABLE_ELEMENTS = 1 << 20  # 8 bytes of the host each, which memory_bytes does not count; our guests have 50,000
# Host functions that call the guest, which calls a host function, and so on. Our guests need three or four levels; each
# takes some 10 KiB of native stack and eight of Python's thousand frames, and past either's end the process dies.
MOST_NESTED = 16
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

        Raises GuestTrapped when the module cannot be instantiated within ``memory_bytes``, LimitExceeded when the
        process has too many instances.
        """
        room().take(self)
        self.wasi = wasi
        self.door = door
        self.gate = MemoryGate()
        self.failure: BaseException | None = None
        self.is_calling_back: Callable[[], bool] = _never
        self.kept: object = None  # what the guest's language has found out about this instance
        self._dead = self._closed = self._is_nested_too_deep = False
        self._nested = 0
        self._inner_trap: BaseException | None = None  # the first one; those around it say only that the host stopped
        self._memory_bytes = 0
        self._own_limit_bytes = memory_bytes
        self._most_memory_bytes = -1
        self._count_faults = fault_counter()
        self._may_have_more_pages = True  # written than the last checkpoint met
        self._functions: dict[str, ffi.ExportedFunction] = {}
        self._store = store = ffi.Store(engine.raw)
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
    def nesting(self) -> int:
        """How many host functions are waiting for an export that they called."""
        return self._nested

    @property
    def memory_bytes(self) -> int:
        """Size of linear memory, which never shrinks; after ``close`` what it was last seen to be."""
        if not self._closed:
            self._memory_bytes = ffi.memory_pages(self._store, self._memory) * PAGE_BYTES
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
        """Copy ``data`` into the guest from inside a run, between calls of its exports.

        Raises GuestExit when its memory was taken away, and for a place that is not in it.
        """
        with self.gate.lock:
            if self.gate.is_shut:
                raise GuestExit
            try:
                self.memory.write(pointer, data)
            except FileSystemError:
                raise GuestExit from None

    def read(self, pointer: int, length: int) -> bytes:
        """A copy of the guest's bytes, from inside a run, between calls of its exports. Raises GuestExit likewise."""
        with self.gate.lock:
            if self.gate.is_shut:
                raise GuestExit
            try:
                return self.memory.read(pointer, length)
            except FileSystemError:
                raise GuestExit from None

    def call_inside(self, name: str, *arguments: int) -> int:
        """Call an export from inside a host function."""
        if self._nested == MOST_NESTED:
            self._is_nested_too_deep = True
            raise GuestExit
        function, lock = self.function(name, len(arguments)), self.gate.lock
        self._nested += 1
        lock.release()  # the guest runs, so it may be stopped; as in `_asleep`, which costs more
        try:
            result = function(*arguments)
        finally:
            lock.acquire()
            self._nested -= 1
        if self.gate.is_shut:
            raise GuestExit
        return result

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
        ffi.limit(self._store, memory_bytes, _MAX_TABLE_ELEMENTS)

    def spare_memory(self) -> None:
        """Let a guest that is at its own limit grow a little more, until the limit is set again.

        Not one that others have left no more.
        """
        wanted = min(self.memory_bytes + _SPARE_BYTES, self._own_limit_bytes + MOST_SPARE_BYTES)
        if wanted > self._own_limit_bytes == self._most_memory_bytes:
            self.limit_memory(wanted)

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
        checkpoint.take(self.memory.whole(), self._base, most_bytes, may_have_more=self._may_have_more_pages)
        self._may_have_more_pages = False

    def bring_back(self, checkpoint: Checkpoint, reference: int) -> bool:
        """Make linear memory what the checkpoint's base is, between runs; ``reference`` is where that can be read.

        It is then as a new instance's: the only global that our guests change, the stack pointer, is back where it
        was whenever an export has returned, and they change no table (tests/engine/test_guests_state.py). False if the
        instance is not to be used again.
        """
        if self._dead:
            return False
        memory, may_have_more = self.memory.whole(), self._may_have_more_pages
        is_back = checkpoint.bring_back(memory, self._base, reference, may_have_more=may_have_more)
        self._may_have_more_pages = not is_back
        return is_back

    def seal(self, checkpoint: Checkpoint) -> Sealed:
        """Linear memory as it is, between runs, for other instances to be made from; the caller holds it."""
        return checkpoint.seal(self.memory.whole(), self._base)

    def place_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Make linear memory, that of a new instance, what it was at the checkpoint."""
        if self._own_limit_bytes < checkpoint.size_bytes <= self._own_limit_bytes + MOST_SPARE_BYTES:
            self.limit_memory(checkpoint.size_bytes)  # it had been spared some; what it has stays
        self._grow_to(checkpoint.size_bytes)
        checkpoint.place(self._base)

    def enter(self, run: Callable[[], int], deadline: float | None) -> Exit:
        """Call ``run``, which calls exports, until it returns or is stopped; ``deadline`` is on time.monotonic.

        Raises KeyboardInterrupt after a Ctrl-C, and what was a defect of the host's side.
        """
        if self._dead:
            raise GuestTrapped(_TRAPPED)
        stopper = self.stopper
        with self._heeding_signals():
            stopper.begin(deadline)
            self._asker.begin()
            watchdog().watch(stopper)
            try:
                outcome = with_enough_stack(lambda: self._enter(run))
            finally:  # also before a signal's handler raises, as the block ends
                watchdog().unwatch(stopper)
                self._give_up_what_was_taken()
                if not self._dead:
                    self._end_asking()
        if self.gate.is_shut and outcome.trap is None:  # its memory was taken just as it returned
            outcome = Exit("stopped by the host")
        if self.failure is not None:
            raise self.failure
        if outcome.trap is None:
            return Exit(None, stopper.requested)
        return Exit(outcome.trap, outcome.kind or stopper.requested or StopKind.TRAP)

    def answer(self, pointer: int, length: int, out_pointer: int, out_length: int) -> int:
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
            place = self.call_inside("host_alloc", len(answer))  # the guest's own, and may never return
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
        if isinstance(error, wasmtime.Trap | wasmtime.WasmtimeError):  # the guest's, which this function had called
            self._inner_trap = self._inner_trap or error
        else:
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
        room().give_back(self)
        instance_closed()

    def _enter(self, run: Callable[[], int]) -> Exit:
        former, current.instance = current.instance, self
        count_faults = self._count_faults
        before = 0 if count_faults is None else count_faults()
        try:
            run()
        except (wasmtime.Trap, wasmtime.WasmtimeError, GuestExit) as trap:
            self._dead = True
            return self._trapped(trap)
        finally:
            current.instance = former
            if count_faults is None or count_faults() != before:
                self._may_have_more_pages = True
        return Exit()

    def _end_asking(self) -> None:
        if self._asker.has_asked:
            self._may_have_more_pages = True  # the watchdog's thread wrote, whose faults are not counted here
            self._asker.end()

    def _trapped(self, trap: BaseException) -> Exit:
        """A fault of WebAssembly has a code; what the host stopped is an error without one."""
        trap = self._inner_trap or trap
        if self.wasi.exit_code is not None:
            return Exit(f"the program ended its interpreter with status {self.wasi.exit_code}", StopKind.EXITED)
        if self._is_nested_too_deep:
            return Exit(f"guest and host called each other {MOST_NESTED} levels deep", StopKind.STACK)
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
        missing = size_bytes // PAGE_BYTES - ffi.memory_pages(self._store, self._memory)
        try:
            if missing > 0:
                ffi.grow_memory(self._store, self._memory, missing)
        except wasmtime.WasmtimeError as error:
            if size_bytes > self._most_memory_bytes:
                raise GuestTrapped(f"the memory limit is below the {size_bytes} bytes that the image takes") from error
            raise LimitExceeded(f"the system refuses the {size_bytes} bytes that the image takes: {error}") from error

    def _heed_epochs(self) -> None:
        self._store.set_epoch_deadline(1)
        # Weak, or the store's callback would keep the instance, and with it the store, alive in a cycle.
        me = weakref.ref(self)
        self._epoch_callback = ffi.set_epoch_callback(self._store, lambda: _must_end(me))

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        if not on_main_thread():
            yield
            return
        with (
            _ctrl_c().watching(self._interrupt, lambda: self.is_calling_back()),
            kept_out(self._interrupt, lambda: self.is_calling_back()),
        ):
            yield

    def _interrupt(self) -> None:
        self.stopper.request(StopKind.INTERRUPT)

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
