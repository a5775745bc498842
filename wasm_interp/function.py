"""Function: a program's entry point as a callable; each call runs in an interpreter and over files of its own."""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wasm_interp._core.kernel.runs import Call
from wasm_interp._core.kernel.twins import Loan, Twins
from wasm_interp.context import checked_code, checked_timeout
from wasm_interp.errors import ContextClosed, FunctionError, UsageError
from wasm_interp.images import Image
from wasm_interp.limits import Limits
from wasm_interp.results import ExecutionError, ExecutionResult
from wasm_interp.sandbox import DEFAULT_CONTEXT_TIMEOUT, Sandbox

if TYPE_CHECKING:  # programs that need neither do not import them
    from concurrent.futures import Future, ThreadPoolExecutor

_AHEAD = 2  # calls that ``map`` has begun for each worker


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call that succeeded: what the function returned, and everything else that it left."""

    value: Any
    result: ExecutionResult


class Function:
    """A function of untrusted source code, called from here with JSON in and JSON out.

    The source is loaded once. Each call goes on from there, with an interpreter and files of its own, so that nothing
    that one call does can be seen by the next, and calls run in parallel. A call costs less than a millisecond.
    Use it as a context manager, or call ``close``. Thread-safe; a process that is forked makes its own. Linux only.
    """

    def __init__(
        self,
        source: str,
        entrypoint: str = "handler",
        *,
        language: str = "python",
        image: Image | None = None,
        limits: Limits | None = None,
        timeout: float | None = DEFAULT_CONTEXT_TIMEOUT,
        load_timeout: float | None = 60.0,
    ) -> None:
        """``entrypoint`` names a function, plain or async, that takes one argument and returns what JSON can hold, up
        to 16 MiB of it.

        image: what to begin from. limits, timeout (seconds): of each call; load_timeout: of the source.
        Raises FunctionError where the source itself fails, UsageError where it defines no such function.
        """
        checked_code(source)
        if not isinstance(entrypoint, str) or not entrypoint.isidentifier():
            raise UsageError(f"entrypoint must be the name of a function, not {entrypoint!r}")
        self.entrypoint = entrypoint
        self.timeout = checked_timeout(timeout)
        self._is_closed = False
        self._threads_lock = threading.Lock()
        self._sandbox = Sandbox(limits=limits, image=image)
        try:
            self._load(source, language, load_timeout)
        except BaseException:
            self._sandbox.close()
            raise
        self._threads: ThreadPoolExecutor | None = None

    def __call__(self, event: Any = None, *, timeout: float | None = None) -> Any:
        """What the function returns for ``event``.

        Raises FunctionError for an error inside, a stop or a limit; UsageError for an event that is not JSON.
        """
        return self.invoke(event, timeout=timeout).value

    def invoke(self, event: Any = None, *, timeout: float | None = None) -> Invocation:
        """The same, with the call's output, usage and displayed results."""
        encoded = _encoded(event)
        return self._invoke(self._take(), encoded, timeout)

    async def acall(self, event: Any = None, *, timeout: float | None = None) -> Any:
        """The same for asyncio; cancelling it stops the call."""
        import asyncio

        encoded, threads, loan = _encoded(event), self._executor(), self._take()
        try:
            call = asyncio.get_running_loop().run_in_executor(threads, partial(self._invoke, loan, encoded, timeout))
        except BaseException:  # closed meanwhile
            self._calls.give_back(loan)
            raise
        try:
            return (await asyncio.shield(call)).value
        except asyncio.CancelledError:
            self._calls.stop(loan)
            await asyncio.wait([call])
            call.exception()  # so that nobody is told that nobody asked
            raise

    def map(
        self,
        events: Iterable[Any],
        *,
        workers: int | None = None,
        timeout: float | None = None,
        return_errors: bool = False,
    ) -> Iterator[Any]:
        """What the function returns for each of ``events``, in their order, on ``workers`` threads (one per core).

        Events are taken as they are needed. A failed call raises its FunctionError when its turn has come, and no
        further call begins; with ``return_errors`` the error takes the place of the value.
        """
        count = workers if workers is not None else os.cpu_count() or 1
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UsageError(f"workers must be a whole number of at least 1, not {workers!r}")
        self._check_open()
        return self._map(iter(events), count, timeout, return_errors=return_errors)

    def close(self) -> None:
        """Free what was loaded; calls that are going on end by themselves. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        self._calls.close()
        self._sandbox.close()
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    def __enter__(self) -> Function:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Function {self.entrypoint} {self.language}{', closed' if self._is_closed else ''}>"

    def _load(self, source: str, language: str, timeout: float | None) -> None:
        context = self._sandbox.create_code_context(language, timeout=timeout)
        self.language = context.language
        loaded = context.run(source)
        if loaded.error is not None or loaded.waiting:
            raise _failure(loaded, f"the source of {self.entrypoint} could not be loaded: ")
        found = context.run(context._kernel.language.call_setup(self.entrypoint))
        if found.error is not None or (found.text or "").lower() != "true":
            raise UsageError(f"the source defines no function {self.entrypoint!r}")
        self._calls = Twins(context._kernel, self._sandbox._fs)

    def _take(self) -> Loan:
        self._check_open()
        return self._calls.take()

    def _invoke(self, loan: Loan, event: str, timeout: float | None) -> Invocation:
        try:
            limit = self.timeout if timeout is None else checked_timeout(timeout)
            result = loan.kernel.execute(Call(self.entrypoint, event, limit))
        finally:
            self._calls.give_back(loan)
        if result.error is not None or result.waiting:
            raise _failure(result, "")
        return Invocation(_answer(result, self.language), result)

    def _map(self, events: Iterator[Any], workers: int, timeout: float | None, *, return_errors: bool) -> Iterator[Any]:
        from concurrent.futures import ThreadPoolExecutor

        pending: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="wasm_interp-function") as threads:
            try:
                for event in events:
                    pending.append(threads.submit(self, event, timeout=timeout))
                    if len(pending) >= workers * _AHEAD:
                        yield _outcome(pending.popleft(), return_errors=return_errors)
                while pending:
                    yield _outcome(pending.popleft(), return_errors=return_errors)
            finally:
                for call in pending:
                    call.cancel()

    def _executor(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor

        with self._threads_lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="wasm_interp-function")
            return self._threads

    def _check_open(self) -> None:
        if self._is_closed:
            raise ContextClosed(f"the function {self.entrypoint} is closed")


def _encoded(event: Any) -> str:
    try:
        return json.dumps(event, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"the event is not JSON: {error}") from None


def _answer(result: ExecutionResult, language: str) -> Any:
    """Raises FunctionError where the program has put something else in the answer's place."""
    main = next((each for each in reversed(result.results) if each.is_main_result), None)
    text = None if main is None else main.json if language == "python" else main.text
    try:
        return json.loads(text or "")
    except (TypeError, ValueError, RecursionError):
        message = "the answer is no JSON, or is too large: it may have about 16 MB"
        raise FunctionError("ValueError", message, [f"ValueError: {message}"], result) from None


def _outcome(call: Future[Any], *, return_errors: bool) -> Any:
    try:
        return call.result()
    except FunctionError as error:
        if not return_errors:
            raise
        return error


def _failure(result: ExecutionResult, preface: str) -> FunctionError:
    error = result.error or _nobody_answers(result)
    return FunctionError(error.name, preface + error.value, error.traceback, result)


def _nobody_answers(result: ExecutionResult) -> ExecutionError:
    name = result.waiting[0].name
    message = f"host.request({name!r}): nobody answers the requests of a Function; a context's are answered by resume"
    return ExecutionError("RuntimeError", message, [f"RuntimeError: {message}"])
