"""What the kernel makes of a guest that keeps to no rule. After each, the same kernel runs the next cell."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.guests import new_fs
from tests.kernel.fake import (
    ABORT,
    ABORT_EVER_AFTER,
    ANSWER,
    COUNT,
    DONE,
    LOOP,
    LOOP_FOR_EVER,
    OUT_OF_BOUNDS,
    RECURSE,
    SILENT_EVER_AFTER,
    STATUS,
    err,
    exit_with,
    fake_template,
    frame,
    out,
    send,
    send_from,
)
from wasm_interp import (
    ContextClosed,
    ExecutionError,
    ExecutionResult,
    Limits,
    Result,
    StateAfterStop,
    StopKind,
)
from wasm_interp._core.kernel.collector import Callbacks
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.runs import Run
from wasm_interp._core.languages.base import Start
from wasm_interp._core.protocol.frames import HEADER, MAGIC, FrameKind, encode_frame

NONSENSE = (-2).to_bytes(4, "little", signed=True)  # the door's own word for it
FINE = bytes(4)
CRASHED = (StateAfterStop.LOST, StateAfterStop.ROLLED_BACK)
MIB = 1 << 20


def new_kernel(**limits: Any) -> Kernel:
    return Kernel(fake_template(), new_fs(), Limits(**limits), Start("/", {}))


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = new_kernel()
    yield made
    made.close()


def run(kernel: Kernel, *steps: str, timeout: float | None = 30.0, **callbacks: Any) -> ExecutionResult:
    return kernel.execute(Run("".join(steps), timeout, callbacks=Callbacks(**callbacks)))


def result_frame(**fields: Any) -> str:
    return frame(FrameKind.RESULT, json.dumps(fields).encode())


def error_frame(name: str, value: str, traceback: list[str] | None = None) -> str:
    return frame(FrameKind.ERROR, json.dumps({"name": name, "value": value, "traceback": traceback or []}).encode())


def works(kernel: Kernel) -> bool:
    result = run(kernel, out(b"works"), DONE)
    return (result.logs.stdout, result.error, result.stopped) == (["works"], None, None)


def raw(result: ExecutionResult) -> bytes:
    """The bytes that the guest printed, all below 128 but for the door's outcomes."""
    return b"".join(NONSENSE if chunk.startswith("\ufffd") else chunk.encode() for chunk in result.logs.stdout)


# What is well said


def test_a_cell_that_says_nothing_but_that_it_is_done(kernel: Kernel) -> None:
    result = run(kernel, DONE)
    assert (result.results, result.error, result.stopped, result.execution_count) == ([], None, None, 1)


def test_frames_and_output_become_the_result(kernel: Kernel) -> None:
    result = run(
        kernel,
        out(b"a"),
        result_frame(data={"text/plain": "1"}),
        err(b"b"),
        result_frame(data={"text/plain": "2"}, main=True),
        error_frame("E", "v", ["t"]),
        DONE,
    )
    assert (result.stdout, result.stderr, result.text) == ("a", "b", "2")
    assert [each.text for each in result.results] == ["1", "2"]
    assert (result.error, result.stopped) == (ExecutionError("E", "v", ["t"]), None)


def test_frames_may_be_cut_anywhere_or_come_together(kernel: Kernel) -> None:
    whole = encode_frame(FrameKind.RESULT, b'{"data":{"text/plain":"1"}}') + encode_frame(FrameKind.DONE, b"{}")
    for cut in (1, HEADER.size, HEADER.size + 5, len(whole) - 1, len(whole)):
        result = run(kernel, send(whole[:cut]), send(whole[cut:]))
        assert ([each.text for each in result.results], result.stopped) == (["1"], None)


def test_input_is_asked_and_the_answer_handed_to_the_guest(kernel: Kernel) -> None:
    ask = frame(FrameKind.INPUT, b'{"prompt": "name? "}')
    assert run(kernel, ask, ANSWER, DONE, on_input=lambda prompt: prompt.upper()).stdout == '{"text": "NAME? "}'
    assert run(kernel, ask, ANSWER, DONE).stdout == (
        '{"eof": true, "message": "this run has no input: give on_input= to answer input()"}'
    )


def test_a_guest_that_keeps_sending_after_it_is_done_is_listened_to(kernel: Kernel) -> None:
    result = run(kernel, DONE, DONE, result_frame(data={"text/plain": "late"}), out(b"late"))
    assert (result.stdout, [each.text for each in result.results]) == ("late", ["late"])


# Nonsense through the door: the guest is told so, and that is all


@pytest.mark.parametrize(
    "nonsense",
    [
        b"garbage",
        b"\0" * 100,
        MAGIC[:3] + b"\x02\x03\0\0\0\0\0",
        HEADER.pack(MAGIC, 0, 0),
        HEADER.pack(MAGIC, 255, 0),
        HEADER.pack(MAGIC, FrameKind.RESULT, 16 * MIB + 1),
        HEADER.pack(MAGIC, FrameKind.RESULT, 2**32 - 1),
        encode_frame(FrameKind.RESULT, b"no json"),
        encode_frame(FrameKind.RESULT, b"[]"),
        encode_frame(FrameKind.RESULT, b'{"data": 5}'),
        encode_frame(FrameKind.RESULT, b'{"data": {"text/plain": NaN}}'),
        encode_frame(FrameKind.ERROR, b'{"name": 5, "value": "v"}'),
        encode_frame(FrameKind.INPUT, b'{"prompt": []}'),
        encode_frame(FrameKind.UPDATE, b'{"data": {}}'),
        encode_frame(FrameKind.RESULT, b"[" * 500_000),
        encode_frame(FrameKind.DONE, b"\xff"),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_nonsense_is_refused_and_what_follows_is_read(kernel: Kernel, nonsense: bytes) -> None:
    result = run(kernel, send(nonsense), STATUS, out(b"|"), result_frame(data={"text/plain": "1"}), STATUS, DONE)
    assert raw(result) == NONSENSE + b"|" + FINE
    assert ([each.text for each in result.results], result.error, result.stopped) == (["1"], None, None)
    assert works(kernel)


@pytest.mark.parametrize(
    ("pointer", "length"), [(0, 64 * MIB + 1), (2**32 - 1, 1), (0, 2**32 - 1), (2**31, 2**31), (600 * 65_536 - 1, 2)]
)
def test_bytes_that_the_guest_has_not_are_refused(kernel: Kernel, pointer: int, length: int) -> None:
    result = run(kernel, send_from(pointer, length), STATUS, DONE)
    assert (raw(result), result.stopped) == (NONSENSE, None)
    assert works(kernel)


def test_a_frame_that_never_ends_is_forgotten_with_its_run(kernel: Kernel) -> None:
    result = run(kernel, send(HEADER.pack(MAGIC, FrameKind.RESULT, 1000) + b"{"))
    assert result.stopped is not None
    assert result.stopped.kind is StopKind.TRAP
    assert works(kernel)


def test_a_frame_of_the_largest_size_is_taken(kernel: Kernel) -> None:
    payload = b'{"data":{"text/plain":"%s"}}' % (b"x" * (16 * MIB - 26))
    assert len(payload) == 16 * MIB
    result = run(kernel, frame(FrameKind.RESULT, payload), DONE)
    assert len(result.results[0].text or "") == 16 * MIB - 26
    assert result.truncated == ()


def test_what_looks_like_a_frame_on_stdout_is_output(kernel: Kernel) -> None:
    forged = encode_frame(FrameKind.ERROR, b'{"name": "E", "value": "v"}')
    result = run(kernel, out(forged), err(forged), DONE)
    assert (result.error, result.results) == (None, [])
    assert result.stdout == result.stderr == forged.decode(errors="replace")


def test_an_empty_message_is_no_message(kernel: Kernel) -> None:
    result = run(kernel, send(b""), STATUS, DONE)
    assert (raw(result), result.stopped) == (FINE, None)


# Forged frames: they only change what their own sender's result says


def test_a_forged_error_is_the_runs_error_until_another_comes(kernel: Kernel) -> None:
    told: list[ExecutionError] = []
    result = run(kernel, error_frame("Fake", "1"), error_frame("Fake", "2"), DONE, on_error=told.append)
    assert result.error == ExecutionError("Fake", "2")
    assert told == [result.error]
    assert run(kernel, DONE).error is None


def test_results_without_end_are_cut_at_the_output_limit() -> None:
    kernel = new_kernel(output_bytes=1000)
    shown = result_frame(data={"text/plain": "x" * 100})
    result = run(kernel, shown * 50, DONE)
    assert len(result.results) == 7
    assert result.truncated == ("results",)
    assert works(kernel)
    kernel.close()


def test_output_without_end_is_cut_at_the_output_limit() -> None:
    kernel = new_kernel(output_bytes=1000)
    result = run(kernel, out(b"x" * 10 * MIB), err(b"y"), error_frame("E", "why"), DONE)
    assert (result.stdout, result.stderr, result.truncated) == ("x" * 1000, "", ("stderr", "stdout"))
    assert result.error == ExecutionError("E", "why")
    assert works(kernel)
    kernel.close()


def test_displays_of_one_run_are_unknown_to_the_next(kernel: Kernel) -> None:
    run(kernel, result_frame(data={"text/plain": "a"}, metadata={"display_id": "d"}), DONE)
    result = run(kernel, frame(FrameKind.UPDATE, b'{"data": {"text/plain": "b"}, "display_id": "d"}'), DONE)
    assert result.results == [Result(text="b")]


# Ends


def test_a_run_that_ends_without_done_is_a_crash(kernel: Kernel) -> None:
    result = run(kernel, COUNT, out(b" said"))
    assert result.stdout == "1 said"
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.detail) == (StopKind.TRAP, "the run ended without the kernel's word")
    assert result.stopped.state in CRASHED
    assert result.error is not None
    assert result.error.name == "InterpreterCrashed"
    assert result.error.value.startswith("the run ended without the kernel's word; the context ")
    assert run(kernel, COUNT, DONE).stdout == "1"


@pytest.mark.parametrize(
    ("steps", "kind", "name", "detail"),
    [
        (ABORT, StopKind.EXITED, "SystemExit", "the interpreter aborted"),
        (exit_with(3), StopKind.EXITED, "SystemExit", "the program ended its interpreter with status 3"),
        (exit_with(0), StopKind.EXITED, "SystemExit", "the program ended its interpreter with status 0"),
        (RECURSE, StopKind.STACK, "RecursionError", "the native stack is exhausted"),
        (OUT_OF_BOUNDS, StopKind.TRAP, "InterpreterCrashed", "memory out of bounds"),
    ],
)
@pytest.mark.parametrize("said", ["", DONE, error_frame("Own", "own"), DONE + error_frame("Own", "own")])
def test_a_crash_is_said_to_be_one_whatever_the_guest_said_before(
    kernel: Kernel, steps: str, kind: StopKind, name: str, detail: str, said: str
) -> None:
    told: list[ExecutionError] = []
    result = run(kernel, out(b"before"), said, steps, on_error=told.append)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.detail) == (kind, detail)
    assert result.stopped.state in CRASHED
    assert result.error is not None
    assert (result.error.name, result.stdout) == (name, "before")
    assert told == [result.error]
    assert works(kernel)


def test_a_crash_loses_no_more_than_its_own_run(kernel: Kernel) -> None:
    assert run(kernel, COUNT, DONE).stdout == "1"
    assert run(kernel, COUNT, DONE).stdout == "2"
    result = run(kernel, COUNT, ABORT)
    assert result.stopped is not None
    kept = result.stopped.state is StateAfterStop.ROLLED_BACK
    assert run(kernel, COUNT, DONE).stdout == ("3" if kept else "1")


@pytest.mark.parametrize(("steps", "kind"), [(ABORT_EVER_AFTER, StopKind.EXITED), (SILENT_EVER_AFTER, StopKind.TRAP)])
def test_a_guest_that_was_broken_before_the_run_is_given_up(kernel: Kernel, steps: str, kind: StopKind) -> None:
    """Rolled back, it would end each later run as it ended this one."""
    assert run(kernel, COUNT, steps, DONE).stdout == "1"
    result = run(kernel, COUNT, DONE)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (kind, StateAfterStop.LOST)
    assert [run(kernel, COUNT, DONE).stdout for _ in range(2)] == ["1", "2"]


def test_a_guest_that_breaks_in_its_run_is_as_it_was_before(kernel: Kernel) -> None:
    run(kernel, COUNT, DONE)
    result = run(kernel, COUNT, ABORT_EVER_AFTER, ABORT)
    assert result.stopped is not None
    kept = result.stopped.state is StateAfterStop.ROLLED_BACK
    assert run(kernel, COUNT, DONE).stdout == ("2" if kept else "1")


def test_the_trial_of_what_was_restored_is_heard_by_nobody(kernel: Kernel) -> None:
    told: list[object] = []
    run(kernel, DONE)
    result = run(kernel, ABORT, on_stdout=told.append, on_result=told.append, on_error=told.append)
    assert told == [result.error]
    assert (result.stdout, result.results, result.truncated) == ("", [], ())
    assert run(kernel, DONE).execution_count == 3


def test_a_guest_that_stops_when_asked_but_says_nothing_is_not_trusted(kernel: Kernel) -> None:
    run(kernel, COUNT, DONE)
    result = run(kernel, COUNT, LOOP, timeout=0.02)
    assert result.stopped is not None
    assert result.stopped.kind is StopKind.TIMEOUT
    assert result.stopped.state in CRASHED
    kept = result.stopped.state is StateAfterStop.ROLLED_BACK
    assert run(kernel, COUNT, DONE).stdout == ("2" if kept else "1")


def test_without_rollback_a_crash_loses_the_state() -> None:
    kernel = new_kernel(rollback="off")
    run(kernel, COUNT, DONE)
    result = run(kernel, ABORT)
    assert result.stopped is not None
    assert result.stopped.state is StateAfterStop.LOST
    assert result.error == ExecutionError(
        "SystemExit",
        "the interpreter aborted; the context starts anew, its files are as written",
        ["SystemExit: the interpreter aborted; the context starts anew, its files are as written"],
    )
    assert run(kernel, COUNT, DONE).stdout == "1"
    kernel.close()


def test_runs_are_counted_crashes_included(kernel: Kernel) -> None:
    counts = [run(kernel, steps).execution_count for steps in (DONE, ABORT, DONE, OUT_OF_BOUNDS, DONE)]
    assert counts == [1, 2, 3, 4, 5]


# Stops


def test_a_guest_that_notices_a_timeout_keeps_its_state(kernel: Kernel) -> None:
    run(kernel, COUNT, DONE)
    result = run(kernel, LOOP, error_frame("KeyboardInterrupt", "", ["line", "KeyboardInterrupt"]), DONE, timeout=0.02)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert result.error == ExecutionError(
        "TimeoutError",
        "the run took longer than its timeout of 0.02 s",
        ["line", "TimeoutError: the run took longer than its timeout of 0.02 s"],
    )
    assert run(kernel, COUNT, DONE).stdout == "2"


def test_a_guest_that_never_notices_is_ended(kernel: Kernel) -> None:
    result = run(kernel, out(b"in"), LOOP_FOR_EVER, timeout=0.01)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stdout) == (StopKind.TIMEOUT, "in")
    assert result.stopped.state in CRASHED
    assert result.error is not None
    assert result.error.name == "TimeoutError"
    assert works(kernel)


def test_an_interrupt_as_the_run_begins_is_not_lost(kernel: Kernel) -> None:
    """It comes after the kernel has taken the run on, and before the engine listens."""
    begin = type(kernel._instance.stopper).begin  # type: ignore[union-attr]

    def begin_late(deadline: float | None) -> None:
        kernel.interrupt()
        begin(kernel._instance.stopper, deadline)  # type: ignore[union-attr]

    kernel._instance.stopper.begin = begin_late  # type: ignore[union-attr, method-assign]
    result = run(kernel, LOOP, DONE, timeout=None)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.INTERRUPT, StateAfterStop.KEPT)


def test_what_a_run_did_not_notice_does_not_interrupt_the_next(kernel: Kernel) -> None:
    """The guest is asked to stop just as it ends."""

    def ask(text: str) -> None:
        kernel.interrupt()
        kernel._instance.stopper.tick(time.monotonic())  # type: ignore[union-attr]

    result = run(kernel, out(b"a"), DONE, on_stdout=ask)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.INTERRUPT, StateAfterStop.KEPT)
    result = run(kernel, LOOP, DONE, timeout=0.05)
    assert result.stopped is not None
    assert result.stopped.kind is StopKind.TIMEOUT


def test_an_interrupt_between_runs_is_none(kernel: Kernel) -> None:
    kernel.interrupt()
    assert works(kernel)
    kernel.interrupt()
    assert works(kernel)


# The end


def test_a_closed_kernel_runs_nothing(kernel: Kernel) -> None:
    kernel.close()
    kernel.close()
    with pytest.raises(ContextClosed, match=r"^the context is closed$"):
        run(kernel, DONE)


def test_refusing_runs_stops_the_one_that_goes_on(kernel: Kernel) -> None:
    inside = threading.Event()
    results: list[ExecutionResult] = []

    def go() -> None:
        results.append(run(kernel, out(b"in"), LOOP, DONE, timeout=None, on_stdout=lambda text: inside.set()))

    thread = threading.Thread(target=go)
    thread.start()
    assert inside.wait(30)
    kernel.refuse_runs()
    thread.join(30)
    assert results[0].stopped is not None
    assert results[0].stopped.kind is StopKind.INTERRUPT
    with pytest.raises(ContextClosed, match=r"^the context is closed$"):
        run(kernel, DONE)


def test_a_callbacks_error_leaves_the_kernel_as_it_is(kernel: Kernel) -> None:
    def fail(value: object) -> None:
        raise LookupError("own")

    for callbacks in ({"on_stdout": fail}, {"on_stderr": fail}, {"on_result": fail}, {"on_error": fail}):
        with pytest.raises(LookupError, match="own"):
            run(
                kernel,
                out(b"a"),
                err(b"b"),
                result_frame(data={"text/plain": "1"}),
                error_frame("E", "v"),
                COUNT,
                DONE,
                **callbacks,
            )
    assert run(kernel, COUNT, DONE).stdout == "5"


WAITING = frame(FrameKind.WAITING, b'{"requests": [{"id": "a", "name": "n"}]}')


def test_a_guest_that_waits_and_fails_has_failed(kernel: Kernel) -> None:
    failed = frame(FrameKind.ERROR, b'{"name": "E", "value": "v"}')
    result = run(kernel, WAITING + failed + DONE)
    assert (result.waiting, result.stopped, kernel.waiting) == ([], None, ())
    assert run(kernel, DONE).error is None


def test_a_guest_that_waits_and_aborts_waits_for_nothing(kernel: Kernel) -> None:
    result = run(kernel, WAITING + ABORT)
    assert (result.waiting, kernel.waiting) == ([], ())
    assert result.error is not None
    assert run(kernel, DONE).error is None


def test_a_guest_that_says_it_waits_twice_waits_for_the_last(kernel: Kernel) -> None:
    other = frame(FrameKind.WAITING, b'{"requests": [{"id": "b", "name": "n"}]}')
    result = run(kernel, WAITING + other + DONE)
    assert [request.id for request in result.waiting] == [request.id for request in kernel.waiting] == ["b"]


def test_waiting_that_is_nonsense_is_answered_so_and_the_run_goes_on(kernel: Kernel) -> None:
    result = run(kernel, frame(FrameKind.WAITING, b'{"requests": 5}') + STATUS + DONE)
    assert (raw(result), result.waiting, result.stopped) == (NONSENSE, [], None)
