from __future__ import annotations

import threading
from typing import Any

import pytest

from wasm_interp import ExecutionError, ExecutionResult, HostRequest, Result, UsageError
from wasm_interp._core.kernel import collector as collector_module
from wasm_interp._core.kernel.collector import Callbacks, Collector
from wasm_interp._core.protocol.messages import (
    ClearMessage,
    DoneMessage,
    ErrorMessage,
    InputMessage,
    ResultMessage,
    UpdateMessage,
    WaitingMessage,
)
from wasm_interp._core.wasi.descriptors import Stream

OUT, ERR = Stream.STDOUT, Stream.STDERR


class Run:
    """A collector, what its callbacks were told in order, and how often it asked for an interrupt."""

    def __init__(self, output_bytes: int = 1000, **callbacks: Any) -> None:
        self.told: list[tuple[str, Any]] = []
        self.interrupts = 0
        self.result = ExecutionResult("")
        wanted = {name: self._telling(name) for name in ("on_stdout", "on_stderr", "on_result", "on_error")}
        self.collector = Collector(self.result, Callbacks(**wanted | callbacks), output_bytes, self._interrupt)

    def _telling(self, name: str) -> Any:
        return lambda value: self.told.append((name.removeprefix("on_"), value))

    def _interrupt(self) -> None:
        self.interrupts += 1

    def output(self, stream: Stream, *writes: bytes) -> None:
        for write in writes:
            self.collector.output(stream, memoryview(write))

    def show(self, text: str, *, display_id: str | None = None, main: bool = False, size: int = 1) -> None:
        self.collector.message(ResultMessage({"text/plain": text}, main, display_id), size)

    def update(self, text: str, display_id: str, size: int = 1) -> None:
        self.collector.message(UpdateMessage({"text/plain": text}, display_id), size)

    def error(self, name: str = "E", value: str = "v", traceback: list[str] | None = None) -> None:
        self.collector.message(ErrorMessage(name, value, traceback or []), 1)

    def finish(self) -> ExecutionResult:
        self.collector.flush()
        self.collector.finish()
        return self.result

    @property
    def shown(self) -> list[str | None]:
        return [result.text for result in self.result.results]


# Output


def test_each_write_is_a_chunk_of_its_stream() -> None:
    run = Run()
    run.output(OUT, b"a\n", b"b")
    run.output(ERR, b"c")
    run.output(OUT, b"d")
    logs = run.finish().logs
    assert (logs.stdout, logs.stderr) == (["a\n", "b", "d"], ["c"])
    assert run.told == [("stdout", "a\n"), ("stdout", "b"), ("stderr", "c"), ("stdout", "d")]


def test_output_is_copied_out_of_the_guests_memory() -> None:
    run = Run()
    memory = bytearray(b"kept")
    run.collector.output(OUT, memoryview(memory))
    memory[:] = b"gone"
    assert run.finish().stdout == "kept"


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_character_cut_between_writes_comes_out_whole(cut: int) -> None:
    smile = "\N{GRINNING FACE}".encode()
    run = Run()
    run.output(OUT, b"a" + smile[:cut], smile[cut:] + b"b")
    assert run.finish().logs.stdout == ["a", "\N{GRINNING FACE}b"]


def test_a_character_cut_byte_by_byte_gives_no_empty_chunks() -> None:
    run = Run()
    run.output(OUT, *[bytes([byte]) for byte in "é€".encode()])
    assert run.finish().logs.stdout == ["é", "€"]
    assert run.told == [("stdout", "é"), ("stdout", "€")]


def test_the_streams_do_not_share_a_cut_character() -> None:
    run = Run()
    run.output(OUT, b"\xc3")
    run.output(ERR, b"\xa9")
    run.output(OUT, b"\xa9")
    result = run.finish()
    assert (result.stdout, result.stderr) == ("é", "\ufffd")


def test_a_character_that_never_ends_comes_out_at_the_end() -> None:
    run = Run()
    run.output(OUT, b"a\xf0\x9f")
    assert run.result.logs.stdout == ["a"]
    assert run.finish().logs.stdout == ["a", "\ufffd"]
    assert run.told == [("stdout", "a"), ("stdout", "\ufffd")]


def test_bytes_that_are_no_text_are_replaced() -> None:
    run = Run()
    run.output(OUT, b"\xff\x00\xfe")
    assert run.finish().stdout == "\ufffd\0\ufffd"


def test_output_past_the_limit_is_cut_and_said_to_be() -> None:
    run = Run(output_bytes=10)
    run.output(OUT, b"12345678")
    run.output(ERR, b"abcd")
    run.output(OUT, b"9")
    result = run.finish()
    assert (result.stdout, result.stderr) == ("12345678", "ab")
    assert result.truncated == ("stderr", "stdout")
    assert run.told == [("stdout", "12345678"), ("stderr", "ab")]


def test_output_of_exactly_the_limit_is_whole() -> None:
    run = Run(output_bytes=4)
    run.output(OUT, b"1234", b"")
    assert (run.finish().stdout, run.result.truncated) == ("1234", ())


def test_many_small_writes_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "_MAX_CHUNKS", 3)
    run = Run()
    run.output(OUT, *b"a\r\n b\n c d e".split(b" "))
    run.output(ERR, b"f")
    result = run.finish()
    assert result.logs.stdout == ["a\r\n", "b\n", "c", "de"]
    assert result.logs.stderr == ["f"]
    assert result.truncated == ()
    assert [text for _, text in run.told] == ["a\r\n", "b\n", "c", "d", "e", "f"]


# Results


def test_results_come_in_order_with_their_formats() -> None:
    run = Run()
    bundle = {"text/plain": "x", "text/html": "<b>", "application/json": 0, "application/x-own": [1]}
    run.collector.message(ResultMessage(bundle, is_main_result=False, display_id=None), 1)
    run.show("2", main=True)
    assert run.finish().results == [
        Result(text="x", html="<b>", json=0, extra={"application/x-own": [1]}),
        Result(text="2", is_main_result=True),
    ]
    assert run.told == [("result", run.result.results[0]), ("result", run.result.results[1])]
    assert run.result.text == "2"


@pytest.mark.parametrize("value", [None, 5, ["a"], {"a": 1}, True])
def test_a_text_format_that_is_no_text_is_kept_apart(value: object) -> None:
    run = Run()
    run.collector.message(ResultMessage({"text/plain": value, "image/png": value}, True, None), 1)
    assert run.finish().results == [Result(extra={"text/plain": value, "image/png": value}, is_main_result=True)]
    assert run.result.text is None


def test_an_update_replaces_what_was_displayed() -> None:
    run = Run()
    run.show("a")
    run.show("b", display_id="x", main=True)
    run.show("c")
    run.update("B", "x")
    run.update("BB", "x")
    assert run.shown == ["a", "BB", "c"]
    assert [result.is_main_result for result in run.result.results] == [False, True, False]
    assert [result.text for _, result in run.told] == ["a", "b", "c", "B", "BB"]


def test_an_update_leaves_the_result_that_a_callback_was_given() -> None:
    run = Run()
    run.show("a", display_id="x")
    run.update("b", "x")
    assert run.told[0] == ("result", Result(text="a"))


def test_an_update_of_an_earlier_runs_display_is_a_new_result() -> None:
    run = Run()
    run.update("a", "elsewhere")
    run.update("b", "elsewhere")
    assert run.shown == ["b"]


def test_equal_results_are_not_confused_by_an_update() -> None:
    run = Run()
    run.show("same", display_id="1")
    run.show("same", display_id="2")
    run.update("changed", "2")
    assert run.shown == ["same", "changed"]


def test_clear_drops_what_was_displayed_now_or_with_the_next() -> None:
    run = Run()
    run.show("a")
    run.collector.message(ClearMessage(wait=False), 1)
    assert run.shown == []
    run.show("b")
    run.collector.message(ClearMessage(wait=True), 1)
    assert run.shown == ["b"]
    run.show("c")
    assert run.shown == ["c"]
    run.show("d")
    assert run.shown == ["c", "d"]


def test_an_update_after_a_clear_is_a_new_result() -> None:
    run = Run()
    run.show("a", display_id="x")
    run.collector.message(ClearMessage(wait=False), 1)
    run.update("b", "x")
    assert run.shown == ["b"]


def test_results_past_the_output_limit_are_dropped_and_said_to_be() -> None:
    run = Run(output_bytes=100)
    run.show("a", size=60, display_id="x")
    run.show("b", size=41)
    run.update("c", "x", size=41)
    run.show("d", size=40)
    assert run.shown == ["a", "d"]
    assert run.finish().truncated == ("results",)


def test_output_and_results_share_one_limit() -> None:
    run = Run(output_bytes=10)
    run.show("a", size=8)
    run.output(OUT, b"123")
    assert run.finish().stdout == "12"
    assert run.result.truncated == ("stdout",)


def test_results_without_end_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "_MAX_RESULTS", 2)
    run = Run()
    for text in "abc":
        run.show(text, display_id=text)
    run.update("B", "b")
    assert run.shown == ["a", "B"]
    assert run.finish().truncated == ("results",)


# Errors, and the end


def test_the_error_is_told_once_at_the_end() -> None:
    run = Run()
    run.error("ValueError", "bad", ["line", "ValueError: bad"])
    run.output(OUT, b"late")
    error = ExecutionError("ValueError", "bad", ["line", "ValueError: bad"])
    assert run.finish().error == error
    assert run.told == [("stdout", "late"), ("error", error)]


def test_what_ended_the_run_stands_over_what_the_program_said() -> None:
    run = Run()
    run.error("KeyboardInterrupt", "")
    stop = ExecutionError("TimeoutError", "too long")
    run.collector.fail(stop)
    assert run.finish().error is stop
    assert run.told == [("error", stop)]


def test_without_an_error_on_error_is_not_called() -> None:
    run = Run()
    run.collector.message(DoneMessage(), 1)
    assert run.collector.done
    assert run.finish().error is None
    assert run.told == []


@pytest.mark.parametrize(
    ("name", "value", "traceback"),
    [
        ("E" * 2_000, "v" * 2_000_000, []),
        ("E", "v", ["x" * 600_000, "y" * 600_000]),
        ("E", "v", [""] * 2_000_000),
        ("E" * 2_000_000, "", []),
    ],
)
def test_an_error_too_large_is_cut_and_said_to_be(name: str, value: str, traceback: list[str]) -> None:
    run = Run(output_bytes=0)
    run.error(name, value, traceback)
    error = run.finish().error
    assert error is not None
    assert (error.name, error.value) == (name[:1000], value[:1000])
    assert error.traceback == [f"{error.name}: {error.value}"]
    assert run.result.truncated == ("error",)


def test_an_error_is_whole_though_the_output_limit_is_reached() -> None:
    run = Run(output_bytes=0)
    run.output(OUT, b"flood")
    run.error("E", "v" * 100_000)
    assert run.finish().error == ExecutionError("E", "v" * 100_000)
    assert run.result.truncated == ("stdout",)


# Callbacks


def test_a_callback_that_raises_ends_the_callbacks_and_not_the_run() -> None:
    told: list[str] = []

    def on_stdout(text: str) -> None:
        told.append(text)
        raise ValueError(text)

    run = Run(on_stdout=on_stdout)
    run.output(OUT, b"a", b"b")
    run.output(ERR, b"c")
    run.show("d")
    run.error()
    result = run.finish()
    assert told == ["a"]
    assert run.told == []
    assert (result.stdout, result.stderr, run.shown, result.error) == ("ab", "c", ["d"], ExecutionError("E", "v"))
    assert repr(run.collector.callback_error) == "ValueError('a')"
    assert run.interrupts == 0


def test_a_keyboard_interrupt_in_a_callback_stops_the_run() -> None:
    def on_result(result: Result) -> None:
        raise KeyboardInterrupt

    run = Run(on_result=on_result)
    run.show("a")
    assert run.interrupts == 1
    assert isinstance(run.collector.callback_error, KeyboardInterrupt)


def test_a_thread_knows_that_it_is_inside_a_callback() -> None:
    seen: list[bool] = []

    def on_stdout(text: str) -> None:
        seen.append(run.collector.is_calling_back())
        other = threading.Thread(target=lambda: seen.append(run.collector.is_calling_back()))
        other.start()
        other.join()
        if text == "b":
            raise ValueError

    run = Run(on_stdout=on_stdout)
    assert not run.collector.is_calling_back()
    run.output(OUT, b"a")
    assert seen == [True, False]
    assert not run.collector.is_calling_back()
    run.output(OUT, b"b")
    assert not run.collector.is_calling_back()


# Input


def ask(run: Run, prompt: str = "name? ") -> dict[str, object]:
    return run.collector.ask(InputMessage(prompt, password=False))


def test_what_a_cell_waits_for_counts_as_output() -> None:
    run = Run(output_bytes=100)
    run.collector.message(WaitingMessage((HostRequest("a", "n"),)), 101)
    assert (run.result.waiting, run.collector.output_bytes) == ([], 0)
    run.collector.message(WaitingMessage((HostRequest("a", "n"),)), 60)
    assert run.finish().waiting == [HostRequest("a", "n")]
    assert (run.collector.output_bytes, run.result.truncated) == (60, ("requests",))


def test_input_is_what_the_caller_answers() -> None:
    prompts: list[str] = []
    run = Run(on_input=lambda prompt: prompts.append(prompt) or "Ann")
    assert ask(run) == {"text": "Ann"}
    assert prompts == ["name? "]


def test_input_without_a_caller_to_ask_is_at_its_end() -> None:
    assert ask(Run()) == {"eof": True, "message": "this run has no input: give on_input= to answer input()"}


def test_on_input_ends_the_input_with_eof_error() -> None:
    def on_input(prompt: str) -> str:
        raise EOFError("enough")

    run = Run(on_input=on_input)
    assert ask(run) == {"eof": True, "message": "enough"}
    assert run.collector.callback_error is None


@pytest.mark.parametrize("error", [ValueError("own"), SystemExit(3)])
def test_on_input_that_raises_is_the_callers_error(error: BaseException) -> None:
    def on_input(prompt: str) -> str:
        raise error

    run = Run(on_input=on_input)
    assert ask(run) == {"eof": True, "message": "on_input failed"}
    assert run.collector.callback_error is error
    assert run.interrupts == 0


def test_a_keyboard_interrupt_in_on_input_stops_the_run() -> None:
    def on_input(prompt: str) -> str:
        raise KeyboardInterrupt

    run = Run(on_input=on_input)
    ask(run)
    assert run.interrupts == 1
    assert isinstance(run.collector.callback_error, KeyboardInterrupt)


@pytest.mark.parametrize(("answer", "kind"), [(None, "NoneType"), (b"x", "bytes"), (1, "int")])
def test_on_input_must_give_text(answer: object, kind: str) -> None:
    run = Run(on_input=lambda prompt: answer)
    assert ask(run) == {"eof": True, "message": "on_input failed"}
    assert isinstance(run.collector.callback_error, UsageError)
    assert str(run.collector.callback_error) == f"on_input must return str, not {kind}"
