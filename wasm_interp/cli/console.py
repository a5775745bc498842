"""A program's conversation with the user at the terminal."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType

from wasm_interp.cli.supplies import PictureFolder
from wasm_interp.cli.terminal import Writer
from wasm_interp.context import CodeContext
from wasm_interp.results import (
    ExecutionError,
    ExecutionResult,
    HostRequest,
    Result,
    StateAfterStop,
    StopKind,
    StopReason,
)


class Console:
    """Runs cells of one context on the process's own standard streams; Ctrl-C stops the cell, not this process."""

    def __init__(self, context: CodeContext, *, may_ask: bool = True, pictures: PictureFolder | None = None) -> None:
        """may_ask: whether ``input()`` reads from stdin. pictures: where those of results go, and are named."""
        self._pictures = pictures
        self._context = context
        self._may_ask = may_ask
        self._stdout = Writer(sys.stdout)
        self._stderr = Writer(sys.stderr)

    def run(self, code: str, timeout: float) -> ExecutionResult:
        """Run a cell; its output and results appear as they come, its error is left to the caller.

        What it asks of its host is asked of the user.
        """
        result = self._stopping_at_ctrl_c(partial(self._context.run, code), timeout)
        shown, truncated = list(result.results), set(result.truncated)
        while result.waiting:
            try:
                answers = {request.id: self._answer(request) for request in result.waiting}
            except KeyboardInterrupt:
                self._context.abandon()
                return _interrupted(result, shown)
            result = self._stopping_at_ctrl_c(partial(self._context.resume, answers), timeout)
            shown += result.results
            truncated |= set(result.truncated)
        return replace(result, results=shown, truncated=tuple(sorted(truncated)))

    def _stopping_at_ctrl_c(self, run: Callable[..., ExecutionResult], timeout: float) -> ExecutionResult:
        with _on_ctrl_c(self._interrupt):
            return run(
                timeout=timeout,
                on_stdout=lambda text: self._write(self._stdout, text),
                on_stderr=lambda text: self._write(self._stderr, text),
                on_result=self._show,
                on_input=self._ask,
            )

    def conclude(self, error: ExecutionError) -> int:
        """Show an error of the program; returns the exit status that it means."""
        if error.exit_code is None:
            self._stderr.line(str(error))
            return 1
        if error.exit_code == 1 and error.value != "1":  # sys.exit("a message")
            self._stderr.line(error.value)
        return error.exit_code

    def _write(self, writer: Writer, text: str) -> None:
        try:
            writer.write(text)
        except OSError:
            self._context.interrupt()  # nobody reads any more
            raise

    def _show(self, result: Result) -> None:
        picture = self._pictures.take(result) if self._pictures is not None else None
        self._stdout.line(str(result) if picture is None else f"{result} -> {picture}")

    def _answer(self, request: HostRequest) -> object:
        """What the user gives for a request of the program's: JSON, else text; an exception where there is nobody."""
        asked = "" if request.payload is None else f" {json.dumps(request.payload, ensure_ascii=False)}"
        self._stdout.write(f"{request.name}{asked}? ")
        if not self._may_ask:
            return EOFError("the program itself was read from stdin")
        with _on_ctrl_c(signal.default_int_handler):
            line = sys.stdin.readline()
        if not line:
            self._stdout.line("")
            return EOFError("end of input")
        line = line.removesuffix("\n")
        try:
            return json.loads(line, parse_constant=_refuse_constant)
        except ValueError:
            return line

    def _ask(self, prompt: str) -> str:
        """The answer to ``input()``, whose prompt is out already. Raises EOFError."""
        if not self._may_ask:
            raise EOFError("the program itself was read from stdin")
        with _on_ctrl_c(signal.default_int_handler):  # here we wait for the user, and the guest for us
            try:
                line = sys.stdin.readline()
            except KeyboardInterrupt:
                self._context.interrupt()
                raise EOFError("interrupted") from None
        if not line:
            raise EOFError("end of input")
        return line.removesuffix("\n")

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._context.interrupt()


def _interrupted(result: ExecutionResult, shown: list[Result]) -> ExecutionResult:
    """Of a cell that waited when its user had enough."""
    text = "the cell was interrupted while it waited"
    error = ExecutionError("KeyboardInterrupt", text, [f"KeyboardInterrupt: {text}"])
    stopped = StopReason(StopKind.INTERRUPT, StateAfterStop.KEPT, text)
    return replace(result, error=error, stopped=stopped, waiting=[], results=shown)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@contextmanager
def _on_ctrl_c(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Call ``handler`` for each Ctrl-C during the block, if this is the main thread: signals go there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
