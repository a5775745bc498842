"""One context's interpreter: an instance made from its language's template, and what happens in one run.

Rule: one thread at a time (the context's turnstile sees to it), `interrupt` excepted. An instance
that trapped is thrown away; the next run finds the context as it was before, over the same files.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

from wasm_interp._core.engine import Exit, Instance
from wasm_interp._core.images.mapping import Mapper
from wasm_interp._core.images.reference import Reference
from wasm_interp._core.kernel.collector import Callbacks, Collector
from wasm_interp._core.kernel.restore_point import RestorePoint
from wasm_interp._core.kernel.runs import AnyRun, Call, Resumption, Run, error_of_stop, listed
from wasm_interp._core.kernel.savepoint import NOT_OURS, Savepoint, Told, Waiting
from wasm_interp._core.kernel.templates import Template
from wasm_interp._core.languages.base import CellRequest, Language, Patience, Start
from wasm_interp._core.protocol.frames import Frame, FrameDecoder
from wasm_interp._core.protocol.messages import InputMessage, read_message, weight_bytes
from wasm_interp._core.vfs import FileSystem
from wasm_interp._core.wasi.descriptors import FileTable, Stream
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import SystemClock, WasiState
from wasm_interp.errors import ContextClosed, SnapshotError, UsageError
from wasm_interp.limits import Limits, memory_ceiling
from wasm_interp.results import (
    ExecutionResult,
    HostRequest,
    StateAfterStop,
    StopKind,
    StopReason,
    Usage,
)

_TRIAL_SECONDS = 1.0


class Kernel:
    """Runs cells one after the other."""

    def __init__(
        self, template: Template, fs: FileSystem, limits: Limits, start: Start, origin: Savepoint | None = None
    ) -> None:
        """``origin`` is another context's savepoint to go on from, over a file system that has its open files.

        Such a context gets its instance with its first run: of a hundred forks, those that are never run cost nothing.
        """
        if origin is not None:
            origin.check_is_ours()
        self._template = template
        self._fs = fs
        self._limits = limits
        self._start = start
        self._count = 0 if origin is None else origin.execution_count
        self._closed = False
        self._is_interrupted = False
        self._exit_code: int | None = None
        self._collector: Collector | None = None
        self._decoder = FrameDecoder()
        self._restore_point = RestorePoint(template, fs, limits, origin)
        self._told = Told.NOTHING
        self._waiting: Waiting | None = None
        self._is_saved = False  # since the last run
        self.runs_begun = 0  # in this process
        self.is_undone = False  # whether the last of them was a transaction that failed
        self._instance: Instance | None = None
        if origin is None:
            try:
                self._instance = self._new_instance()
            except BaseException:
                self._restore_point.close()
                raise

    @property
    def execution_count(self) -> int:
        """Runs begun so far."""
        return self._count

    @property
    def limits(self) -> Limits:
        """What it may use."""
        return self._limits

    @property
    def language(self) -> Language:
        """What its cells are written in."""
        return self._template.language

    @property
    def start(self) -> Start:
        """What it is, or was, told with its first run."""
        return self._start

    @property
    def mapper(self) -> Mapper:
        """How images get into memory here."""
        return self._template.mapper

    @property
    def can_save(self) -> bool:
        """Whether this system has the means for ``save``."""
        return self._restore_point.can_seal

    @property
    def waiting(self) -> tuple[HostRequest, ...]:
        """What the cell that ran last awaits of the host, in the order asked."""
        waiting = self._waiting
        if self._instance is None:  # what it comes back to
            waiting = self._restore_point.waiting if self._restore_point.is_valid else None
        return () if waiting is None else waiting.requests

    def execute(self, run: Run | Call) -> ExecutionResult:
        """Run one cell, or call a function; its outcome is in the result.

        Raises UsageError while another cell waits, ContextClosed, SnapshotError for a transaction that cannot be,
        KeyboardInterrupt, or what a callback raised.
        """
        if self.waiting:
            raise UsageError(f"the context waits for {listed(self.waiting)}: resume it first")
        return self._serve(run, ExecutionResult(run.code, execution_count=self._count + 1))

    def resume(self, resumption: Resumption) -> ExecutionResult:
        """Let the cell that waits go on; what it does from there is in the result. Raises as ``execute`` does."""
        waiting = self.waiting
        if not waiting:
            raise UsageError("the context waits for nothing")
        known = {request.id for request in waiting}
        for identity in resumption.answers:
            if identity not in known:
                raise UsageError(f"the context does not wait for {identity!r}; it waits for {listed(waiting)}")
        self._living_instance()
        assert self._waiting is not None
        return self._serve(resumption, ExecutionResult(self._waiting.code, execution_count=self._count))

    def abandon(self) -> None:
        """Let go of the cell that waits: the guest's kernel drops it when it is asked to run another; between runs."""
        self._check_usable()
        if self.waiting:
            self._living_instance()
            self._waiting = None

    def _check_usable(self) -> None:
        if self._closed:
            raise ContextClosed("the context is closed")
        if not self._restore_point.is_ours:
            raise UsageError(NOT_OURS)

    def _serve(self, run: AnyRun, result: ExecutionResult) -> ExecutionResult:
        collector = Collector(result, run.callbacks, self._limits.output_bytes, self.interrupt)
        self._is_interrupted = False
        self._collector = collector  # from here on the run can be interrupted
        try:
            self._check_usable()
            self._run(collector, run)
        finally:
            self._collector = None
        if collector.callback_error is not None:
            raise collector.callback_error
        return result

    def interrupt(self) -> None:
        """Stop the run that is going on, if one is. From any thread."""
        if self._collector is None:
            return
        self._is_interrupted = True
        if (instance := self._instance) is not None:
            instance.stopper.request(StopKind.INTERRUPT)

    def refuse_runs(self) -> None:
        """Stop the run that is going on, and begin no other. From any thread; for ``close`` to follow."""
        self._closed = True
        self.interrupt()

    def is_calling_back(self) -> bool:
        """Whether this thread is inside a callback of the run that is going on."""
        collector = self._collector
        return collector is not None and collector.is_calling_back()

    def make_room(self, size_bytes: int) -> None:
        """Give the program so much free memory ahead of its asking, if its limit has room for that; between runs."""
        instance = self._living_instance()
        if instance.memory_bytes + 2 * size_bytes <= self._limits.memory_bytes:
            instance.enter(lambda: self._template.language.make_room(instance, size_bytes), _soon())
        if instance.is_dead:
            self._discard()

    def save(self) -> Savepoint:
        """The context as it is now, between runs; the caller closes it. Raises SnapshotError."""
        self._check_usable()
        instance = self._living_instance()
        memory = self._restore_point.seal(instance, self._told, self._waiting)
        files = FileTable(self._fs, self._limits.open_files, instance.wasi.files.save())
        self._is_saved = True
        return Savepoint(self._template, memory, files, self._told, self._count, self._waiting)

    def made_from(self, savepoint: Savepoint, fs: FileSystem) -> Kernel:
        """A context like this one that goes on from ``savepoint`` over ``fs``, which has its open files."""
        return Kernel(self._template, fs, self._limits, self._start, savepoint)

    def start_over(self, savepoint: Savepoint, fs: FileSystem, reference: Reference) -> bool:
        """Be as ``made_from(savepoint, fs)`` gives it, in the same instance, which was made from that savepoint.

        reference: the savepoint's memory. False where there is no instance that can be; this is to be closed then.
        """
        instance = self._instance
        if self._closed or instance is None or not self._restore_point.is_ours:
            return False
        if not self._restore_point.start_over(instance, savepoint, fs, reference):
            return False
        instance.wasi.files.close_all()
        instance.wasi.fs = self._fs = fs
        instance.wasi.files = FileTable(fs, self._limits.open_files, self._restore_point.files)
        self._told, self._waiting = self._restore_point.told, self._restore_point.waiting
        self._count, self._is_saved, self._exit_code = savepoint.execution_count, False, None
        memory_ceiling.count(self, 0)  # until it runs again, it is nobody's to close
        return True

    def return_to(self, savepoint: Savepoint) -> None:
        """Be what this context was when it was saved; its files stay as written."""
        self._check_usable()
        self._discard()
        self._restore_point.return_to(savepoint)
        self._count = savepoint.execution_count

    def close(self) -> None:
        """Give the memory back. Idempotent. Never while another thread runs a cell."""
        self._closed = True
        self._discard()
        self._restore_point.close()

    def _run(self, collector: Collector, run: AnyRun) -> None:
        instance = self._living_instance()
        self._decoder = FrameDecoder()
        self._remember(instance, is_needed=run.is_transaction)
        self._count_memory(instance)
        self._count = collector.result.execution_count
        self.runs_begun += 1
        self.is_undone = False
        started = time.monotonic()
        outcome: Exit | None = None
        try:
            outcome = self._enter(instance, run, started)
        finally:
            seconds = time.monotonic() - started
            self._restore_point.ran(seconds)
            usage = self._usage(instance, collector, seconds)
            self._count_memory(instance)
            self.is_undone = outcome is None and run.is_transaction
            if instance.is_dead or self.is_undone:
                self._discard()
        collector.flush()
        self._conclude(collector, run, outcome)
        collector.finish()
        collector.result.usage = usage

    def _remember(self, instance: Instance, *, is_needed: bool) -> None:
        """See to it that there is a state to come back to, as the limits say. Raises SnapshotError if it is needed."""
        if self._told is Told.ALL and not self._is_saved:  # else it is what it was made from, or saved as
            self._restore_point.take(instance, self._waiting, is_needed=is_needed)
        self._is_saved = False
        if is_needed and not self._restore_point.is_valid:
            raise SnapshotError(
                "there is no memory, or no means on this system, to keep what a transaction goes back to"
            )

    def _enter(self, instance: Instance, run: AnyRun, started: float) -> Exit:
        start = self._what_to_tell()
        deadline = None if run.timeout is None else started + run.timeout
        patience = Patience(deadline, lambda: self._is_interrupted)
        language = self._template.language
        request = run.request(language, self._count, start, patience)
        instance.wasi.files.open_streams()
        self._told = Told.ALL
        instance.limit_memory(self._most_memory(instance))
        if self._limits.fuel is not None:
            instance.set_fuel(self._limits.fuel)

        def send() -> int:
            self._fill_with_entropy(instance, start)
            if self._is_interrupted:  # since before the stopper began to listen
                instance.stopper.request(StopKind.INTERRUPT)
            elif patience.is_over():  # its time went by before it began
                instance.stopper.request(StopKind.TIMEOUT)
            return language.send(instance, request)

        return instance.enter(send, deadline)

    def _fill_with_entropy(self, instance: Instance, start: Start | None) -> None:
        if start is not None and start.is_seeded:
            for address, length in self._template.entropy:
                instance.write(address, os.urandom(length))

    def _what_to_tell(self) -> Start | None:
        if self._told is Told.NOTHING:
            # An image's program may have seeded generators itself, which the kernel knows and spares.
            is_seeded = self._start.seed is None and bool(self._template.entropy) and not self._start.is_forked
            return replace(self._start, is_seeded=is_seeded)
        return Start(seed=self._start.seed) if self._told is Told.BEFORE_FORK else None

    def _usage(self, instance: Instance, collector: Collector, seconds: float) -> Usage:
        fuel = None if self._limits.fuel is None else self._limits.fuel - instance.fuel_left()
        return Usage(seconds, fuel, instance.memory_bytes, collector.output_bytes, self._fs.usage().bytes)

    def _conclude(self, collector: Collector, run: AnyRun, outcome: Exit) -> None:
        result = collector.result
        has_ended = outcome.trap is None and collector.done
        has_failed_callback = run.is_transaction and collector.callback_error is not None
        if has_ended and result.waiting and result.error is None and not has_failed_callback:
            detail = f"the cell waits for {listed(result.waiting)}"
            result.stopped = StopReason(StopKind.WAITING, StateAfterStop.KEPT, detail)
            self._waiting = Waiting(result.code, tuple(result.waiting))
            return
        result.waiting = []
        self._waiting = None
        if not has_ended or outcome.kind is not None:
            self._tell_why(collector, run, outcome)
        if has_failed_callback or (run.is_transaction and result.error is not None):
            self._undo(result)

    def _undo(self, result: ExecutionResult) -> None:
        """The next run finds the context as it was before this one."""
        if result.stopped is None or result.stopped.state is StateAfterStop.KEPT:
            self._discard()
        is_lost = result.stopped is not None and result.stopped.state is StateAfterStop.LOST
        result.undone = self.is_undone = not is_lost and self._restore_point.is_valid

    def _tell_why(self, collector: Collector, run: AnyRun, outcome: Exit) -> None:
        reason = collector.result.stopped = self._stop_reason(collector, outcome)
        exit_code = self._exit_code if reason.kind is StopKind.EXITED else None
        collector.fail(error_of_stop(reason, run, collector.result.error, exit_code))

    def _stop_reason(self, collector: Collector, outcome: Exit) -> StopReason:
        if outcome.trap is not None:
            return StopReason(outcome.kind or StopKind.TRAP, self._state_after_loss(), outcome.trap)
        if collector.done:
            return StopReason(outcome.kind or StopKind.TRAP, StateAfterStop.KEPT)
        self._discard()  # the program broke the kernel inside; what would the next run be worth
        detail = "the run ended without the kernel's word"
        return StopReason(outcome.kind or StopKind.TRAP, self._state_after_loss(), detail)

    def _state_after_loss(self) -> StateAfterStop:
        if self._restore_point.is_valid and self._can_go_on():
            return StateAfterStop.ROLLED_BACK
        self._restore_point.begin_anew()
        return StateAfterStop.LOST

    def _can_go_on(self) -> bool:
        """Whether what the context would come back to runs a cell at all.

        An earlier run may have left it broken, and then each later one would end as this one did: the interpreter's
        own functions replaced, or a value in `_` that is too deep to be freed.
        """
        instance = self._new_instance()
        language = self._template.language
        request = language.run_request(CellRequest(language.smallest_cell, self._count, None, self._what_to_tell()))
        trial = Collector(ExecutionResult(""), Callbacks(), 0, lambda: None)
        former, self._collector, self._decoder = self._collector, trial, FrameDecoder()
        try:
            outcome = instance.enter(lambda: language.send(instance, request), _soon())
            return outcome == Exit() and trial.done
        finally:
            self._collector = former
            memory_ceiling.count(self, 0)
            instance.wasi.files.close_all()
            instance.close()

    # The guest's side

    def _living_instance(self) -> Instance:
        if self._instance is None:
            self._instance = self._new_instance()
        return self._instance

    def _new_instance(self) -> Instance:
        """An instance as the context last was before a run, or else as the template is."""
        template, restore = self._template, self._restore_point
        if not restore.is_valid:
            restore.begin_anew()
        clock = SystemClock()
        wasi = WasiState(
            GuestMemory(lambda: memoryview(b"")),
            self._fs,
            FileTable(self._fs, self._limits.open_files, restore.files),
            self._output,
            clock=clock,
        )
        imports, memory_bytes = template.language.imports, self._limits.memory_bytes
        instance = Instance(template.engine, template.module, wasi, self._door, memory_bytes, imports)
        instance.is_calling_back = self.is_calling_back
        try:
            restore.place(instance)
            instance.ask_by_setting(template.interrupt_words)
            if template.language.polls:
                instance.ask_by_polling()
        except BaseException:
            wasi.files.close_all()
            instance.close()
            raise
        self._told = restore.told
        self._waiting = restore.waiting
        self._count_memory(instance)
        return instance

    def _most_memory(self, instance: Instance) -> int:
        own, room = self._limits.memory_bytes, memory_ceiling.room()
        return own if room is None else min(own, instance.memory_bytes + room)

    def _count_memory(self, instance: Instance) -> None:
        memory_ceiling.count(self, instance.memory_bytes - self._template.image.size_bytes)

    def _discard(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            memory_ceiling.count(self, 0)
            self._exit_code = instance.wasi.exit_code
            instance.wasi.files.close_all()
            instance.close()

    def _output(self, stream: Stream, data: memoryview) -> None:
        if self._collector is not None:
            self._collector.output(stream, data)

    def _door(self, sent: bytes) -> bytes:
        answer = b""
        for frame in self._decoder.receive_data(sent):
            answer = self._receive(frame)
        return answer

    def _receive(self, frame: Frame) -> bytes:
        collector = self._collector
        if collector is None:
            return b""
        message = read_message(frame)
        if isinstance(message, InputMessage):
            return json.dumps(collector.ask(message)).encode()
        collector.message(message, weight_bytes(frame))
        return b""


def _soon() -> float:
    return time.monotonic() + _TRIAL_SECONDS
