"""AsyncSandbox: the same methods, awaitable.

Each context has a thread of its own while it is in use, so that runs keep their order and contexts run in
parallel. Cancelling a task stops its guest: the cell ends with KeyboardInterrupt inside, and the context lives on.
Callbacks are called in the event loop's thread, in order, and before the run's result is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from wasm_interp.context import CodeContext, Transaction
from wasm_interp.files import FileInfo, Files
from wasm_interp.images import Image
from wasm_interp.limits import Limits
from wasm_interp.results import ExecutionError, ExecutionResult, Result
from wasm_interp.sandbox import DEFAULT_CONTEXT_TIMEOUT, DEFAULT_MAX_CONTEXTS, DEFAULT_TIMEOUT, Sandbox
from wasm_interp.snapshot import Snapshot

P = ParamSpec("P")
T = TypeVar("T")

_DEFAULTS = "defaults"  # no context has this id
_INTERRUPT_AGAIN_SECONDS = 0.02  # a run that has not begun yet cannot be interrupted; ask until it is over


class AsyncSandbox:
    """A Sandbox for asyncio. Use it with ``async with``, or await ``close``."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        env_vars: Mapping[str, str] | None = None,
        max_contexts: int = DEFAULT_MAX_CONTEXTS,
        packages: Sequence[str] = (),
        image: Image | None = None,
    ) -> None:
        """See Sandbox. Packages that are not in the cache yet are downloaded here, which blocks."""
        made = Sandbox(limits=limits, env_vars=env_vars, max_contexts=max_contexts, packages=packages, image=image)
        self._take(made)

    def _take(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self.files = AsyncFiles(sandbox.files)

    async def create_code_context(
        self,
        language: str = "python",
        *,
        cwd: str = "/workspace",
        env_vars: Mapping[str, str] | None = None,
        timeout: float | None = DEFAULT_CONTEXT_TIMEOUT,
        limits: Limits | None = None,
        figure_formats: Sequence[str] = ("png",),
        history_bytes: int | None = None,
    ) -> CodeContext:
        """See Sandbox.create_code_context. Run cells in it with this sandbox's ``run_code``."""
        create = partial(
            self._sandbox.create_code_context,
            cwd=cwd,
            env_vars=env_vars,
            timeout=timeout,
            limits=limits,
            figure_formats=figure_formats,
            history_bytes=history_bytes,
        )
        return await asyncio.to_thread(create, language)

    async def run_code(
        self,
        code: str,
        *,
        context: CodeContext | str | None = None,
        language: str | None = None,
        timeout: float | None = DEFAULT_TIMEOUT,
        env_vars: Mapping[str, str] | None = None,
        on_stdout: Callable[[str], None] | None = None,
        on_stderr: Callable[[str], None] | None = None,
        on_result: Callable[[Result], None] | None = None,
        on_error: Callable[[ExecutionError], None] | None = None,
        on_input: Callable[[str], str] | None = None,
        transaction: Transaction = False,
    ) -> ExecutionResult:
        """See Sandbox.run_code. ``on_input`` alone is called on the guest's thread, since the guest waits for it."""
        chosen = await self._context_for(context, language)
        told = _Told(asyncio.get_running_loop())
        run = partial(
            self._sandbox.run_code,
            code,
            context=chosen,
            timeout=timeout,
            env_vars=env_vars,
            on_stdout=told.in_loop(on_stdout),
            on_stderr=told.in_loop(on_stderr),
            on_result=told.in_loop(on_result),
            on_error=told.in_loop(on_error),
            on_input=on_input,
            transaction=transaction,
        )
        return await self._run_and_tell(chosen, run, told)

    async def resume(
        self,
        context: CodeContext | str,
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
        """See CodeContext.resume."""
        chosen = await self._context_for(context, None)
        told = _Told(asyncio.get_running_loop())
        go_on = partial(
            chosen.resume,
            values,
            timeout=timeout,
            on_stdout=told.in_loop(on_stdout),
            on_stderr=told.in_loop(on_stderr),
            on_result=told.in_loop(on_result),
            on_error=told.in_loop(on_error),
            on_input=on_input,
            transaction=transaction,
        )
        return await self._run_and_tell(chosen, go_on, told)

    async def fork(self) -> AsyncSandbox:
        """See Sandbox.fork."""
        twin = AsyncSandbox.__new__(AsyncSandbox)
        twin._take(await asyncio.to_thread(self._sandbox.fork))
        return twin

    async def snapshot(self) -> Snapshot:
        """See Sandbox.snapshot."""
        return await asyncio.to_thread(self._sandbox.snapshot)

    @classmethod
    async def from_snapshot(
        cls,
        snapshot: Snapshot,
        *,
        limits: Limits | None = None,
        max_contexts: int | None = None,
        packages: Sequence[str] = (),
    ) -> AsyncSandbox:
        """See Sandbox.from_snapshot."""
        go_on = partial(Sandbox.from_snapshot, snapshot, limits=limits, max_contexts=max_contexts, packages=packages)
        made = cls.__new__(cls)
        made._take(await asyncio.to_thread(go_on))
        return made

    async def list_code_contexts(self) -> list[CodeContext]:
        """See Sandbox.list_code_contexts."""
        return self._sandbox.list_code_contexts()

    async def delete_code_context(self, context: CodeContext | str) -> None:
        """See Sandbox.delete_code_context."""
        await asyncio.to_thread(self._sandbox.delete_code_context, context)
        self._let_go(context if isinstance(context, str) else context.id)

    async def close(self) -> None:
        """See Sandbox.close."""
        await asyncio.to_thread(self._sandbox.close)
        for identity in list(self._threads):
            self._let_go(identity)

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _context_for(self, context: CodeContext | str | None, language: str | None) -> CodeContext:
        """Runs keep their order: a context that exists is found at once, and one thread makes default contexts."""
        find = partial(self._sandbox.context_for, context, language)
        if context is not None:
            return find()
        return await asyncio.wrap_future(self._thread(_DEFAULTS).submit(find))

    async def _run_and_tell(
        self, context: CodeContext, run: Callable[[], ExecutionResult], told: _Told
    ) -> ExecutionResult:
        result = await self._run(context, run)
        if told.error is not None:
            raise told.error
        return result

    async def _run(self, context: CodeContext, run: Callable[[], ExecutionResult]) -> ExecutionResult:
        future = self._thread(context.id).submit(run)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if not future.cancel():
                await _interrupt_until_done(context, asyncio.wrap_future(future))
            raise

    def _thread(self, identity: str) -> ThreadPoolExecutor:
        thread = self._threads.get(identity)
        if thread is None:
            thread = self._threads[identity] = ThreadPoolExecutor(1, thread_name_prefix=f"wasm_interp-{identity}")
        return thread

    def _let_go(self, identity: str) -> None:
        thread = self._threads.pop(identity, None)
        if thread is not None:
            thread.shutdown(wait=False)


class AsyncFiles:
    """``sandbox.files``, awaitable; see Files."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def write(self, path: str, data: str | bytes | bytearray | memoryview) -> None:
        """See Files.write."""
        await asyncio.to_thread(self._files.write, path, data)

    @overload
    async def read(self, path: str) -> bytes: ...
    @overload
    async def read(self, path: str, *, encoding: str) -> str: ...
    async def read(self, path: str, *, encoding: str | None = None) -> bytes | str:
        """See Files.read."""
        content = await asyncio.to_thread(self._files.read, path)
        return content if encoding is None else content.decode(encoding)

    async def read_text(self, path: str) -> str:
        """See Files.read_text."""
        return await asyncio.to_thread(self._files.read_text, path)

    async def exists(self, path: str) -> bool:
        """See Files.exists."""
        return await asyncio.to_thread(self._files.exists, path)

    async def stat(self, path: str) -> FileInfo:
        """See Files.stat."""
        return await asyncio.to_thread(self._files.stat, path)

    async def list(self, path: str = "/workspace", *, recursive: bool = False) -> list[FileInfo]:
        """See Files.list."""
        return await asyncio.to_thread(partial(self._files.list, path, recursive=recursive))

    async def mkdir(self, path: str) -> None:
        """See Files.mkdir."""
        await asyncio.to_thread(self._files.mkdir, path)

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        """See Files.remove."""
        await asyncio.to_thread(partial(self._files.remove, path, recursive=recursive))

    async def rename(self, path: str, new_path: str) -> None:
        """See Files.rename."""
        await asyncio.to_thread(self._files.rename, path, new_path)

    async def upload(self, host_path: str | os.PathLike[str], path: str | None = None) -> None:
        """See Files.upload."""
        await asyncio.to_thread(self._files.upload, host_path, path)

    async def download(self, path: str, host_path: str | os.PathLike[str]) -> None:
        """See Files.download."""
        await asyncio.to_thread(self._files.download, path, host_path)


class _Told:
    """Hands values from the guest's thread to callbacks in the event loop; keeps the first error of one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.error: BaseException | None = None

    def in_loop(self, callback: Callable[[Any], None] | None) -> Callable[[Any], None] | None:
        if callback is None:
            return None
        return lambda value: self._hand_over(callback, value)

    def _hand_over(self, callback: Callable[[Any], None], value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._call, callback, value)

    def _call(self, callback: Callable[[Any], None], value: Any) -> None:
        if self.error is not None:
            return
        try:
            callback(value)
        except Exception as error:
            self.error = error


async def _interrupt_until_done(context: CodeContext, done: asyncio.Future[ExecutionResult]) -> None:
    while True:
        context.interrupt()
        finished, _ = await asyncio.wait({done}, timeout=_INTERRUPT_AGAIN_SECONDS)
        if finished:
            done.exception()  # looked at, so that asyncio does not report it
            return
