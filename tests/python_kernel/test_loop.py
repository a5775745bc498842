from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Iterator

import pytest
from wasm_interp_kernel import loop


@pytest.fixture(autouse=True)
def _fresh_loop() -> Iterator[None]:
    loop._session = None
    yield
    loop.session_loop().close()


async def value(delay: float, result: object) -> object:
    return await asyncio.sleep(delay, result)


def test_a_coroutine_runs_to_its_value() -> None:
    assert loop.run(value(0.001, 5)) == 5


def test_timers_fire_in_order() -> None:
    seen: list[str] = []

    async def note(delay: float, name: str) -> None:
        await asyncio.sleep(delay)
        seen.append(name)

    async def main() -> None:
        await asyncio.gather(note(0.02, "late"), note(0.001, "early"))

    loop.run(main())
    assert seen == ["early", "late"]


def test_pending_tasks_go_on_when_the_loop_runs_next() -> None:
    seen: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0)
        seen.append(1)

    async def start() -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work())

    task = loop.run(start())
    assert seen == []

    async def finish() -> None:
        await task

    loop.run(finish())
    assert seen == [1]


def test_waiting_for_nothing_is_an_error_and_ends_the_coroutine() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.append("cancelled")

    with pytest.raises(RuntimeError, match=r"^every task is waiting and nothing can wake one: "):
        loop.run(wait())
    assert ended == ["cancelled"]


def test_an_interrupt_ends_the_coroutine_where_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    async def wait_here() -> None:
        await asyncio.sleep(10)

    monkeypatch.setattr(loop, "_sleep", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        loop.run(wait_here())
    assert "wait_here" in [entry.name for entry in caught.traceback]


def test_a_wake_up_from_a_signal_handler_ends_the_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        loop.session_loop().call_soon_threadsafe(task.cancel)

    monkeypatch.setattr(loop, "_sleep", sleep)
    task = loop.session_loop().create_task(value(3600, None))

    async def main() -> None:
        await task

    with pytest.raises(asyncio.CancelledError):
        loop.run(main())
    assert slept == [loop.SLICE_SECONDS]


def test_work_for_a_thread_runs_in_place() -> None:
    async def main() -> object:
        return await asyncio.get_running_loop().run_in_executor(None, sum, [1, 2])

    assert loop.run(main()) == 3


def test_errors_of_such_work_are_the_futures() -> None:
    async def main() -> object:
        return await asyncio.get_running_loop().run_in_executor(None, int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        loop.run(main())


def test_context_variables_last() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")

    async def main() -> None:
        variable.set(7)

    loop.run(main())
    assert variable.get() == 7


def test_a_closed_loop_is_replaced() -> None:
    loop.session_loop().close()
    assert loop.run(value(0, 1)) == 1


def test_sleeping_takes_its_time() -> None:
    before = time.monotonic()
    loop.run(value(0.06, None))
    assert time.monotonic() - before >= 0.06
