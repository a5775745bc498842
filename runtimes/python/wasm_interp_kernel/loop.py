"""An asyncio event loop for a guest without threads, sockets or a selector.

The only thing that can be waited for is time, so waiting is ``time.sleep``, which reaches the host as
``poll_oneoff`` and stays interruptible. Work meant for another thread runs at once, in place.
"""

import asyncio
import errno
import time
from asyncio import base_events, events
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from types import TracebackType

from wasm_interp_kernel import requests

_sleep, _monotonic = time.sleep, time.monotonic
_copy_context = copy_context

#: asyncio.run turns an interrupt into a call_soon_threadsafe; a longer sleep would not notice it.
SLICE_SECONDS = 0.05


class Suspended(BaseException):
    """A cell awaits the host, and nothing is left to do meanwhile. Never seen by the program.

    ``task`` and ``context`` are what ``go_on`` takes.
    """

    task: asyncio.Task
    context: Context


class _Clock:
    """What BaseEventLoop calls its selector: it only waits."""

    def __init__(self, loop: "KernelEventLoop") -> None:
        self.woken = False
        self._loop = loop

    def select(self, timeout: float | None) -> list[object]:
        # Timers that are not due wait too: a cell that gives the host an hour to answer does not wait that hour here.
        if timeout != 0 and not self.woken and self._loop.may_suspend and requests.any_of(self._loop):
            raise Suspended
        if timeout is None and not self.woken:
            if requests.any_of(self._loop):
                raise RuntimeError(
                    "host.request() is to be awaited by a cell itself, not under asyncio.run(), run_until_complete()"
                    " or %time"
                )
            raise RuntimeError(
                "every task is waiting and nothing can wake one: this sandbox has no threads, sockets or processes"
            )
        if timeout:
            self._wait(_monotonic() + timeout)
        self.woken = False
        return []

    def _wait(self, until: float) -> None:
        while not self.woken and (left := until - _monotonic()) > 0:
            _sleep(left if left < SLICE_SECONDS else SLICE_SECONDS)


class KernelEventLoop(base_events.BaseEventLoop):
    """asyncio's loop with the clock as its only event source."""

    def __init__(self) -> None:
        super().__init__()
        self.may_suspend = False  # whether nothing but the kernel is below it on the stack
        self._selector = _Clock(self)

    def _process_events(self, event_list: list[object]) -> None:
        pass

    def _write_to_self(self) -> None:
        self._selector.woken = True

    def run_in_executor(self, executor: object, func: Callable, *args: object) -> asyncio.Future:
        """Runs ``func`` at once, here: there are no threads."""
        self._check_closed()
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            future.set_exception(exc)
        return future

    async def subprocess_exec(self, protocol_factory: object, program: object, *args: object, **options: object):
        raise OSError(errno.ENOTSUP, f"there are no processes in this sandbox: cannot run {program!r}")

    subprocess_shell = subprocess_exec


class _Policy(getattr(events, "_BaseDefaultEventLoopPolicy", object)):
    """New loops are ours; get_event_loop() where no loop runs answers the session's own."""

    _loop_factory = KernelEventLoop

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        return self._local._loop or session_loop()


_session: KernelEventLoop | None = None


def session_loop() -> KernelEventLoop:
    """The loop on which top-level await runs; tasks left pending go on whenever it runs."""
    global _session
    if _session is None or _session.is_closed():
        _session = KernelEventLoop()
    return _session


def run(coroutine: Coroutine, *, may_suspend: bool = False) -> object:
    """Run a cell's coroutine to its end on the session's loop and return its value.

    Raises what the coroutine raises; Suspended where it may be, and awaits the host. When the loop itself stops (an
    interrupt while it sleeps, nothing left to wait for), the error shows where the cell was waiting.
    """
    context = _copy_context()
    task = session_loop().create_task(coroutine, context=context)
    return _drive(task, context, may_suspend)


def go_on(task: asyncio.Task, context: Context) -> object:
    """The same for a task that was suspended."""
    return _drive(task, context, True)


def _drive(task: asyncio.Task, context: Context, may_suspend: bool) -> object:
    loop = task.get_loop()
    loop.may_suspend = may_suspend
    try:
        return loop.run_until_complete(task)
    except Suspended as suspended:
        suspended.task, suspended.context = task, context
        raise
    except BaseException as exc:
        if task.done():
            raise
        stopped = exc
    finally:
        loop.may_suspend = False
        _adopt(context)
    raise stopped.with_traceback(_cancel(loop, task))


def cancel(task: asyncio.Task) -> None:
    """End a task that was suspended; its clean-up runs."""
    _cancel(task.get_loop(), task)


def _adopt(context) -> None:
    """Context variables set by the cell (decimal's precision, numpy's print options) stay set for later cells."""
    for variable, value in context.items():
        if variable.get(_adopt) is not value:
            variable.set(value)


def _cancel(loop: KernelEventLoop, task: asyncio.Task) -> TracebackType | None:
    """Cancel what is left of a cell; the traceback of the place where it was waiting."""
    task.cancel()
    try:
        loop.run_until_complete(task)
    except BaseException as exc:
        return exc.__traceback__
    return None


def _create_task(coroutine: Coroutine, **options: object) -> asyncio.Task:
    """Schedule a coroutine. In a cell that awaits nothing it starts with the next cell that does."""
    loop = events._get_running_loop() or session_loop()
    return loop.create_task(coroutine, **options)


def install() -> None:
    """Make every way to a new loop give ours, and create_task() work in a cell that does not await."""
    _create_task.__name__ = _create_task.__qualname__ = "create_task"
    asyncio.create_task = _create_task
    if hasattr(events, "_BaseDefaultEventLoopPolicy"):
        events._event_loop_policy = _Policy()
    asyncio.EventLoop = asyncio.SelectorEventLoop = KernelEventLoop
