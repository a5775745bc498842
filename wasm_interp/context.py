"""CodeContext: one persistent interpreter of a sandbox."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

from wasm_interp._core.kernel.collector import Callbacks
from wasm_interp._core.kernel.history import History
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.runs import Resumption, Run
from wasm_interp._core.kernel.savepoint import Savepoint
from wasm_interp._core.kernel.turnstile import Turnstile
from wasm_interp._core.snapshots.document import ContextData
from wasm_interp._core.snapshots.rest import pages_of
from wasm_interp._core.vfs import FileSystem
from wasm_interp.errors import ContextClosed, UsageError
from wasm_interp.results import ExecutionError, ExecutionResult, HostRequest, Result
from wasm_interp.snapshot import Checkpoint

Transaction = bool | Literal["files"]


class CodeContext:
    """A persistent interpreter: variables, imports, working directory and environment live on between runs.

    Made by ``Sandbox.create_code_context``. Runs are serialised in the order they come; other contexts
    run in parallel. Use it as a context manager, or call ``close``, to give its memory back early.
    """

    def __init__(
        self,
        identity: str,
        language: str,
        cwd: str,
        timeout: float | None,
        kernel: Kernel,
        history_bytes: int | None = None,
    ) -> None:
        self.id = identity
        self.language = language
        self.cwd = cwd
        self.timeout = timeout
        self.created_at = self.last_used = _now()
        self._kernel = kernel
        self._turnstile = Turnstile()
        self._is_closed = False
        self._history = None if history_bytes is None else History[Checkpoint](history_bytes, _savepoint_of)
        self._held_for: CodeContext | None = None  # whose transaction over files it waits for
        self._on_transaction: Callable[[CodeContext, Callable[[], ExecutionResult]], ExecutionResult] = _no_files
        self._on_close: Callable[[CodeContext], None] = lambda context: None
        self._on_fork: Callable[[CodeContext, Savepoint], CodeContext] = _no_owner

    def run(
        self,
        code: str,
        *,
        timeout: float | None = None,
        env_vars: Mapping[str, str] | None = None,
        on_stdout: Callable[[str], None] | None = None,
        on_stderr: Callable[[str], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
        on_error: Callable[[ExecutionError], None] | None = None,
        on_input: Callable[[str], str] | None = None,
        transaction: Transaction = False,
    ) -> ExecutionResult:
        """Run one cell and wait for its end.

        timeout: seconds; None means this context's own. env_vars: environment of this run only.
        The callbacks run as output is produced, on the thread that runs the guest; on_error once, at the end.
        on_input gets the prompt of ``input()`` and returns the line; without it ``input()`` raises EOFError in the
        program. Raises UsageError for misuse, ContextClosed, and whatever a callback raised (after the run).

        transaction: True: a cell that ends with an error, whichever, or of which a callback of output raises, is
        undone: variables, modules and open files are as before it, and ``result.undone`` says so. "files": all that was
        written to files meanwhile is undone too, by ``sandbox.files`` as well; no other context of the sandbox runs or
        is made until then. Output is kept. A transaction ends where its cell waits for the host; ``resume`` can begin
        another. Linux only; else SnapshotError.
        """
        run = Run(
            checked_code(code),
            checked_timeout(self.timeout if timeout is None else timeout),
            checked_environment(env_vars),
            Callbacks(on_stdout, on_stderr, on_result, on_error, on_input),
            checked_transaction(transaction) is not False,
        )
        return self._serve(lambda: self._kernel.execute(run), transaction)

    def resume(
        self,
        values: Mapping[str, Any],
        *,
        timeout: float | None = None,
        on_stdout: Callable[[str], None] | None = None,
        on_stderr: Callable[[str], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
        on_error: Callable[[ExecutionError], None] | None = None,
        on_input: Callable[[str], str] | None = None,
        transaction: Transaction = False,
    ) -> ExecutionResult:
        """Let the cell that awaits the host go on: ``values`` maps the ids of ``waiting`` to what each await gives.

        A value is JSON, or an exception, which is raised at the await: in Python as the built-in exception of its name,
        if that is an Exception and takes a message, or else as RuntimeError; in JavaScript as an Error of its name.
        Requests without a value go on waiting: the result says so again. A cell waits as soon as nothing in it can go
        on at once: timers that are not due do not keep it, but they go on meanwhile. ``env_vars`` of the run stay set
        until the cell ends.
        The result is of the part that ran now; its ``execution_count`` is the cell's. A context can be forked and
        snapshotted while it waits, and each copy resumed in its own way.
        Raises UsageError for an id that is not waited for, for a value that is not JSON, when there are no values, and
        when nothing waits; else as ``run``.
        """
        resumption = Resumption(
            checked_answers(values),
            checked_timeout(self.timeout if timeout is None else timeout),
            Callbacks(on_stdout, on_stderr, on_result, on_error, on_input),
            checked_transaction(transaction) is not False,
        )
        return self._serve(lambda: self._kernel.resume(resumption), transaction)

    def abandon(self) -> None:
        """Give up the cell that awaits the host, so that others can run; without one: nothing.

        It is cancelled where it is: in Python its clean-up runs, as the next run begins. Raises ContextClosed.
        """
        with self._between_runs():
            self._kernel.abandon()

    @property
    def waiting(self) -> list[HostRequest]:
        """What the last cell awaits of the host, in the order asked; empty when it has ended."""
        return list(self._kernel.waiting)

    @property
    def history(self) -> list[Checkpoint]:
        """What the context was before each of its last runs, the oldest first; as many as ``history_bytes`` hold.

        They belong to the context, which closes them. Raises UsageError for a context that was made without.
        """
        return self._kept_history().states

    def undo(self, count: int = 1) -> None:
        """Be again what the context was before its last ``count`` runs; files stay as written.

        Raises UsageError when the history does not go back so far, ContextClosed.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"count must be a whole number of at least 1, not {count!r}")
        with self._between_runs():
            history = self._kept_history()
            if count > (known := len(history.states)):
                raise UsageError(f"the history of context {self.id} holds {known} runs, not {count}")
            with history.take_back(count) as wanted:
                self._kernel.return_to(wanted._savepoint)

    def fork(self) -> CodeContext:
        """A new context of the same sandbox that goes on from here, independently: variables, modules, open files,
        generators half way, all as they are. The files themselves are shared, as after a Unix fork.

        Random generators get fresh entropy, except where the program seeded them. Costs what was written since the
        last fork or checkpoint, not what the context holds. Waits for a run that is going on. Linux only.
        Raises ContextClosed, LimitExceeded, SnapshotError.
        """
        with self._between_runs():
            savepoint = self._kernel.save()
        try:
            return self._on_fork(self, savepoint)
        finally:
            savepoint.close()

    def checkpoint(self) -> Checkpoint:
        """The interpreter's state, to go back to with ``rollback``. Files are not part of it. Linux only.

        Raises ContextClosed, SnapshotError.
        """
        with self._between_runs():
            return Checkpoint(self, self._kernel.save())

    def rollback(self, checkpoint: Checkpoint) -> None:
        """Be again what the context was at ``checkpoint``; files stay as written.

        Raises UsageError for a checkpoint of another context or a closed one, ContextClosed.
        """
        if not isinstance(checkpoint, Checkpoint):
            raise UsageError(f"checkpoint must be a Checkpoint, not {type(checkpoint).__name__}")
        if checkpoint._context is not self:
            raise UsageError(f"the checkpoint is of another context ({checkpoint.context_id}), not of this {self.id}")
        with self._between_runs():
            if checkpoint.is_closed:
                raise UsageError("the checkpoint is closed")
            self._kernel.return_to(checkpoint._savepoint)

    def interrupt(self) -> None:
        """Stop the run that is going on, from any thread; its result says KeyboardInterrupt. Without one: nothing."""
        self._kernel.interrupt()

    def close(self) -> None:
        """Free the context; a run that is going on is interrupted first. Idempotent.

        In a callback of its cell it returns at once, and the context is freed when the run is over.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._on_close(self)
        self._kernel.refuse_runs()
        if not self._kernel.is_calling_back() and not self._is_held_for_us():
            with self._turnstile:
                self._free()

    def _serve(self, execute: Callable[[], ExecutionResult], transaction: Transaction) -> ExecutionResult:
        if self._kernel.is_calling_back():
            raise UsageError(f"a callback cannot run code in its own context {self.id}, whose cell waits for it")
        self._check_not_held_for_us()
        if transaction == "files":
            return self._on_transaction(self, lambda: self._execute(execute))
        with self._turnstile:
            return self._execute(execute)

    def _execute(self, execute: Callable[[], ExecutionResult]) -> ExecutionResult:
        """The caller holds the context."""
        if self._is_closed:
            raise ContextClosed(f"context {self.id} is closed")
        self.last_used = _now()
        try:
            if self._history is None:
                return execute()
            return self._execute_with_history(execute, self._history)
        finally:
            if self._is_closed:
                self._free()

    def _execute_with_history(
        self, execute: Callable[[], ExecutionResult], history: History[Checkpoint]
    ) -> ExecutionResult:
        """What was refused, or was undone, is no run to go back from."""
        begun = self._kernel.runs_begun
        before = Checkpoint(self, self._kernel.save())
        history.add(before)
        try:
            return execute()
        finally:
            if self._kernel.runs_begun == begun or self._kernel.is_undone:
                before.close()

    def _kept_history(self) -> History[Checkpoint]:
        if self._history is None:
            raise UsageError(f"context {self.id} keeps no history: create_code_context(history_bytes=...)")
        return self._history

    def _free(self) -> None:
        if self._history is not None:
            self._history.close()
        self._kernel.close()

    def _data(self, savepoint: Savepoint) -> ContextData:
        """What a snapshot says of it."""
        runs, pages = pages_of(savepoint)
        return ContextData(
            identity=self.id,
            language=self.language,
            cwd=self.cwd,
            timeout=self.timeout,
            created_at=self.created_at,
            last_used=self.last_used,
            limits=self._kernel.limits,
            start=self._kernel.start,
            told=savepoint.told,
            execution_count=savepoint.execution_count,
            waiting=savepoint.waiting,
            history_bytes=self._history_bytes,
            size_bytes=savepoint.memory.image.size_bytes,
            runs=runs,
            pages=pages,
            files=savepoint.files.save(),
        )

    @classmethod
    def _from_data(cls, data: ContextData, kernel: Kernel) -> CodeContext:
        context = cls(data.identity, data.language, data.cwd, data.timeout, kernel, data.history_bytes)
        context.created_at, context.last_used = data.created_at, data.last_used
        return context

    def _made_from(self, savepoint: Savepoint, fs: FileSystem, identity: str) -> CodeContext:
        """A context like this one that goes on from ``savepoint`` over ``fs``."""
        kernel = self._kernel.made_from(savepoint, fs)
        return CodeContext(identity, self.language, self.cwd, self.timeout, kernel, self._history_bytes)

    @property
    def _history_bytes(self) -> int | None:
        return None if self._history is None else self._history.most_bytes

    @contextmanager
    def _between_runs(self) -> Iterator[None]:
        """Hold the context while it is at rest. Raises ContextClosed."""
        with self._held():
            if self._is_closed:
                raise ContextClosed(f"context {self.id} is closed")
            yield

    def _held(self) -> Turnstile:
        """For ``with``: the context at rest, or closed. Raises UsageError in its own cell's callback."""
        if self._kernel.is_calling_back():
            raise UsageError(f"a callback cannot wait for its own context {self.id}, whose cell waits for it")
        self._check_not_held_for_us()
        return self._turnstile

    def _is_held_for_us(self) -> bool:
        """Whether it waits for a transaction over files, and this is a callback of that, which must not wait for it."""
        return self._held_for is not None and self._held_for._kernel.is_calling_back()

    def _check_not_held_for_us(self) -> None:
        if self._is_held_for_us():
            raise UsageError(f"context {self.id} waits for the transaction over files whose callback this is")

    def _hold_at_once(self, held: ExitStack) -> bool:
        """Let ``held`` hold it, if it is at rest; whether it was. Raises UsageError in its own cell's callback."""
        turnstile = self._held()
        if not turnstile.enter_at_once():
            return False
        held.callback(turnstile.leave)
        return True

    @property
    def is_closed(self) -> bool:
        """Whether it was closed or deleted."""
        return self._is_closed

    def __enter__(self) -> CodeContext:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = ", closed" if self._is_closed else ""
        return f"<CodeContext {self.id} {self.language}{state}>"


def _no_owner(context: CodeContext, savepoint: Savepoint) -> CodeContext:
    raise ContextClosed(f"context {context.id} belongs to no sandbox")


def _no_files(context: CodeContext, execute: Callable[[], ExecutionResult]) -> ExecutionResult:
    raise ContextClosed(f"context {context.id} belongs to no sandbox")


def _savepoint_of(checkpoint: Checkpoint) -> Savepoint:
    return checkpoint._savepoint


def checked_code(code: str) -> str:
    """Raises UsageError unless it is text."""
    if not isinstance(code, str):
        raise UsageError(f"code must be str, not {type(code).__name__}")
    return code


def checked_timeout(timeout: float | None) -> float | None:
    """Seconds, or None for no limit. Raises UsageError for what is no duration."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise UsageError(f"timeout must be a number of seconds or None, not {timeout!r}")
    if math.isnan(timeout) or timeout < 0:
        raise UsageError(f"timeout must be at least 0 seconds, not {timeout}")
    return None if math.isinf(timeout) else float(timeout)


def checked_transaction(transaction: Transaction) -> Transaction:
    """Raises UsageError for what is no kind of transaction."""
    if transaction is True or transaction is False or transaction == "files":
        return transaction
    raise UsageError(f'transaction must be True, False or "files", not {transaction!r}')


def checked_answers(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """As `Answers` has them. Raises UsageError for what cannot be told."""
    if not isinstance(values, Mapping):
        raise UsageError(f"values must be a mapping of ids to values, not {type(values).__name__}")
    if not values:
        raise UsageError("give a value for at least one of the requests that the cell waits for")
    return {identity: _answer(identity, value) for identity, value in values.items()}


def _answer(identity: str, value: Any) -> dict[str, Any]:
    if isinstance(value, BaseException):
        arguments = value.args  # str() of a KeyError is the repr of its key
        message = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], str) else str(value)
        return {"error": {"name": type(value).__name__, "message": message}}
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the value for {identity!r} is not JSON: {error}") from None
    return {"value": value}


def checked_environment(variables: Mapping[str, str] | None) -> dict[str, str] | None:
    """Raises UsageError for what no environment can hold."""
    if variables is None:
        return None
    if not isinstance(variables, Mapping):
        raise UsageError(f"env_vars must be a mapping of str to str, not {type(variables).__name__}")
    for name, value in variables.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise UsageError(f"environment variables must be str, not {name!r}={value!r}")
        if not name or "=" in name or "\0" in name + value:
            raise UsageError(f"no environment can hold {name!r}={value!r}")
        try:
            (name + value).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise UsageError(f"no environment can hold {name!r}={value!r}") from None
    return dict(variables)


def _now() -> datetime:
    return datetime.now(UTC)
