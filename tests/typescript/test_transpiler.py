"""esbuild as a guest: at full speed, ended when a cell's time is over, felt by no other context, and replaced."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from wasm_interp import CodeContext, ExecutionResult, Sandbox
from wasm_interp._core.engine import default_mode
from wasm_interp._core.languages import esbuild
from wasm_interp._core.languages.base import Patience
from wasm_interp._core.languages.esbuild import Script, TranspilerFailed
from wasm_interp.results import StateAfterStop, StopKind

BUSY = "a<" * 12_000  # each `<` may begin type arguments: the work of a minute
CRASH = "(" * 100_000  # deeper than its stack


def services() -> list[esbuild._Service]:
    return list(esbuild._services._idle)


def idle_service() -> esbuild._Service:
    """The only one."""
    while services():
        esbuild._services._idle.pop().end("for a test")
    esbuild.transpile("", "ts", Patience())
    (service,) = services()
    return service


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.005)
    assert condition()


def living_services() -> int:
    return sum(thread.name == "wasm_interp-esbuild" for thread in threading.enumerate())


def stop_of(result: ExecutionResult) -> tuple[StopKind, StateAfterStop]:
    assert result.stopped is not None, result
    return result.stopped.kind, result.stopped.state


def name_of(result: ExecutionResult) -> str:
    assert result.error is not None, result
    return result.error.name


def test_it_runs_without_epochs_where_memory_can_be_taken_away() -> None:
    engine, _ = esbuild._compiled()
    assert engine.mode is default_mode()


def test_one_that_has_answered_serves_the_next_cell() -> None:
    service = idle_service()
    assert isinstance(esbuild.transpile("let a: 1", "ts", Patience()), Script)
    assert services() == [service]


def test_a_source_that_keeps_it_busy_is_stopped_at_the_cells_timeout(context: CodeContext) -> None:
    context.run("let kept: number = 1")
    busy = idle_service()
    started = time.monotonic()
    result = context.run(BUSY, timeout=0.3)
    assert time.monotonic() - started < 1.5
    assert (name_of(result), stop_of(result)) == ("TimeoutError", (StopKind.TIMEOUT, StateAfterStop.KEPT))
    wait_until(lambda: busy._instance.is_dead)
    assert context.run("kept").text == "1"
    assert services()[0] is not busy


def test_a_source_that_keeps_it_busy_can_be_interrupted(context: CodeContext) -> None:
    context.run("let kept: number = 1")
    timer = threading.Timer(0.2, context.interrupt)
    timer.start()
    started = time.monotonic()
    result = context.run(BUSY, timeout=15)
    assert time.monotonic() - started < 1.5
    assert (name_of(result), stop_of(result)) == ("KeyboardInterrupt", (StopKind.INTERRUPT, StateAfterStop.KEPT))
    assert context.run("kept").text == "1"


def test_fifty_of_them_leave_no_thread_behind(context: CodeContext) -> None:
    context.run("let kept: number = 1")
    for moment in range(50):
        assert name_of(context.run(BUSY, timeout=0.02 + moment / 1000)) == "TimeoutError"
    assert context.run("kept").text == "1"
    wait_until(lambda: living_services() == len(services()))


def test_contexts_do_not_wait_for_each_others_sources(shared_sandbox: Sandbox, context: CodeContext) -> None:
    results: list[ExecutionResult] = []
    hog = threading.Thread(target=lambda: results.append(context.run(BUSY, timeout=2)))
    hog.start()
    with shared_sandbox.create_code_context("typescript") as neighbour:
        for _ in range(20):
            assert neighbour.run("const n: number = 5; n", timeout=1.5).text == "5"
        assert hog.is_alive()
    hog.join()
    assert name_of(results[0]) == "TimeoutError"


def test_one_that_crashes_is_a_clear_error_and_is_replaced(context: CodeContext) -> None:
    crashed = idle_service()
    result = context.run(CRASH)
    assert (name_of(result), result.stopped) == ("TranspilerFailed", None)
    assert result.error is not None
    assert result.error.value == "esbuild has ended: the native stack is exhausted"
    assert context.run("const after: number = 3; after").text == "3"
    assert crashed not in services()


def test_one_that_ended_while_it_was_idle_is_replaced(context: CodeContext) -> None:
    ended = idle_service()
    ended.end("for a test")
    assert context.run("const after: number = 3; after").text == "3"
    assert services()[0] is not ended


def test_one_that_has_grown_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    large = idle_service()
    monkeypatch.setattr(esbuild, "_MOST_IDLE_BYTES", 1)
    esbuild.transpile("", "ts", Patience())
    assert services() == []
    wait_until(lambda: large._instance.is_dead)


def test_no_more_than_two_are_kept() -> None:
    idle_service()
    with esbuild._services.one(), esbuild._services.one(), esbuild._services.one():
        assert services() == []
    for service in services():  # three that were asked nothing yet
        assert not service.is_over
    assert len(services()) == 2


def test_a_run_without_time_gets_no_answer() -> None:
    with pytest.raises(TranspilerFailed, match=r"^the run is over$"):
        esbuild.transpile("1", "ts", Patience(deadline=time.monotonic()))
    with pytest.raises(TranspilerFailed, match=r"^the run is over$"):
        esbuild.transpile("1", "ts", Patience(is_interrupted=lambda: True))


def test_one_that_takes_longer_than_any_source_deserves_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esbuild, "_MOST_SECONDS", 0.2)
    with pytest.raises(TranspilerFailed, match=r"^esbuild took longer than 0\.2 s$"):
        esbuild.transpile(BUSY, "ts", Patience())
