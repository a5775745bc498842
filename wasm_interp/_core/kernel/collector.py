"""From messages and output bytes to an ExecutionResult, calling the user's callbacks on the way.

Rule: everything here is untrusted and counted: past the output limit, output is dropped and `truncated` says so.
Rule: a callback's exception ends the callbacks, not the run; the caller gets it when the run is over.
Rule: the error is told once, at the end, since only then is it known what ended the run.
"""

from __future__ import annotations

import codecs
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wasm_interp._core.protocol.messages import (
    ClearMessage,
    DoneMessage,
    ErrorMessage,
    InputMessage,
    Message,
    ResultMessage,
    UpdateMessage,
    WaitingMessage,
)
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp.errors import UsageError
from wasm_interp.results import ExecutionError, ExecutionResult, Result

_ASKED = "what the cell asks of its host is more than its output limit leaves room for"
_TOO_MUCH_ASKED = ExecutionError("LimitExceeded", _ASKED, [f"LimitExceeded: {_ASKED}"])
_NO_INPUT = "this run has no input: give on_input= to answer input()"
_MAX_ERROR_CHARS = 1 << 20  # beside the output limit, so that a flood of output does not hide why it ended
_SHORT = 1000
_MAX_CHUNKS = 100_000  # a million chunks of one byte would cost far more than their bytes; the rest becomes one chunk
_NEW_DECODER = codecs.getincrementaldecoder("utf-8")
_MAX_RESULTS = 10_000  # as costly: the smallest takes 21 bytes as a frame and some 300 here


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the caller wants to be told while the cell runs; each is called on the thread that runs it."""

    on_stdout: Callable[[str], None] | None = None
    on_stderr: Callable[[str], None] | None = None
    on_result: Callable[[Result], None] | None = None
    on_error: Callable[[ExecutionError], None] | None = None
    on_input: Callable[[str], str] | None = None


class Collector:
    """Collects one run. ``interrupt`` stops it, after a KeyboardInterrupt in a callback."""

    def __init__(
        self, result: ExecutionResult, callbacks: Callbacks, output_bytes: int, interrupt: Callable[[], None]
    ) -> None:
        self.result = result
        self.done = False
        self.callback_error: BaseException | None = None
        self._callbacks = callbacks
        self._interrupt = interrupt
        self._limit = self._left = output_bytes
        self._truncated: set[str] = set()
        self._displayed: dict[str, Result] = {}
        self._clear_at_next = False
        self._calling_thread: int | None = None
        logs = result.logs
        self._streams = {
            Stream.STDOUT: _TextStream("stdout", logs.stdout, callbacks.on_stdout),
            Stream.STDERR: _TextStream("stderr", logs.stderr, callbacks.on_stderr),
        }

    @property
    def output_bytes(self) -> int:
        """Output and results kept so far."""
        return self._limit - self._left

    def output(self, stream: Stream, data: memoryview) -> None:
        """Bytes that the program wrote to fd 1 or 2."""
        text_stream = self._streams[stream]
        kept = data[: self._left]
        self._left -= len(kept)
        if len(kept) < len(data):
            self._truncated.add(text_stream.name)
        self._tell(text_stream.callback, text_stream.add(kept))

    def message(self, message: Message, size: int) -> None:
        """A message of the kernel; ``size`` bytes are what it counts for."""
        match message:
            case DoneMessage():
                self.done = True
            case ErrorMessage():
                self.fail(self._bounded(message))
            case ClearMessage():
                self._clear(wait=message.wait)
            case ResultMessage() | UpdateMessage() if size > self._left:
                self._truncated.add("results")
            case WaitingMessage() if size > self._left:
                self._truncated.add("requests")
                self.fail(_TOO_MUCH_ASKED)
            case WaitingMessage():
                self._left -= size
                self.result.waiting = list(message.requests)
            case ResultMessage():
                self._left -= size
                self._show(message)
            case UpdateMessage():
                self._left -= size
                self._update(message)

    def ask(self, message: InputMessage) -> dict[str, object]:
        """What the caller's on_input answers, as the kernel expects it."""
        if self._callbacks.on_input is None:
            return {"eof": True, "message": _NO_INPUT}
        try:
            text = self._call(self._callbacks.on_input, message.prompt)
            if not isinstance(text, str):
                raise UsageError(f"on_input must return str, not {type(text).__name__}")
        except EOFError as error:
            return {"eof": True, "message": str(error)}
        except BaseException as error:
            self._callback_failed(error)
            return {"eof": True, "message": "on_input failed"}
        return {"text": text}

    def is_calling_back(self) -> bool:
        """Whether this thread is inside one of the callbacks: what waits there for the run's end waits for ever."""
        return self._calling_thread == threading.get_ident()

    def fail(self, error: ExecutionError) -> None:
        """The run's error, whatever the program said before."""
        self.result.error = error

    def flush(self) -> None:
        """The run is over: what is left of a cut UTF-8 sequence comes out."""
        for stream in self._streams.values():
            self._tell(stream.callback, stream.flush())

    def finish(self) -> None:
        """Its outcome is known: the result is complete."""
        self.result.truncated = tuple(sorted(self._truncated))
        self._tell(self._callbacks.on_error, self.result.error)

    def _bounded(self, message: ErrorMessage) -> ExecutionError:
        traceback_chars = sum(len(line) + 1 for line in message.traceback)
        if len(message.name) + len(message.value) + traceback_chars <= _MAX_ERROR_CHARS:
            return ExecutionError(message.name, message.value, message.traceback, message.exit_code)
        self._truncated.add("error")
        name, value = message.name[:_SHORT], message.value[:_SHORT]
        return ExecutionError(name, value, [f"{name}: {value}"])

    def _show(self, message: ResultMessage) -> None:
        self._clear_if_asked()
        if len(self.result.results) >= _MAX_RESULTS:
            self._truncated.add("results")
            return
        result = Result.from_mime_bundle(message.bundle, is_main_result=message.is_main_result)
        self.result.results.append(result)
        if message.display_id is not None:
            self._displayed[message.display_id] = result
        self._tell(self._callbacks.on_result, result)

    def _update(self, message: UpdateMessage) -> None:
        shown = self._displayed.get(message.display_id)
        if shown is None:  # displayed in an earlier run: its result has gone to the caller, so this one is new
            self._show(ResultMessage(message.bundle, is_main_result=False, display_id=message.display_id))
            return
        changed = Result.from_mime_bundle(message.bundle, is_main_result=shown.is_main_result)
        position = next(i for i, result in enumerate(self.result.results) if result is shown)
        self.result.results[position] = self._displayed[message.display_id] = changed
        self._tell(self._callbacks.on_result, changed)

    def _clear(self, *, wait: bool) -> None:
        self._clear_at_next = True
        if not wait:
            self._clear_if_asked()

    def _clear_if_asked(self) -> None:
        if self._clear_at_next:
            self._clear_at_next = False
            self.result.results.clear()
            self._displayed.clear()

    def _tell(self, callback: Callable[[Any], None] | None, value: Any) -> None:
        if callback is None or self.callback_error is not None or value in ("", None):
            return
        try:
            self._call(callback, value)
        except BaseException as error:
            self._callback_failed(error)

    def _call(self, callback: Callable[[Any], Any], value: Any) -> Any:
        self._calling_thread = threading.get_ident()
        try:
            return callback(value)
        finally:
            self._calling_thread = None

    def _callback_failed(self, error: BaseException) -> None:
        if self.callback_error is None:
            self.callback_error = error
        if isinstance(error, KeyboardInterrupt):
            self._interrupt()


class _TextStream:
    """UTF-8 text in chunks, as produced; a sequence that is cut between two writes comes out whole."""

    def __init__(self, name: str, chunks: list[str], callback: Callable[[str], None] | None) -> None:
        self.name = name
        self.callback = callback
        self._chunks = chunks
        self._rest: io.StringIO | None = None
        self._decoder: codecs.IncrementalDecoder | None = None  # most runs write nothing to most streams

    def add(self, data: memoryview) -> str:
        if self._decoder is None:
            self._decoder = _NEW_DECODER("replace")
        return self._keep(self._decoder.decode(data))

    def flush(self) -> str:
        text = "" if self._decoder is None else self._keep(self._decoder.decode(b"", True))
        if self._rest is not None:
            self._chunks.append(self._rest.getvalue())
        return text

    def _keep(self, text: str) -> str:
        if not text:
            return text
        if len(self._chunks) < _MAX_CHUNKS:
            self._chunks.append(text)
            return text
        if self._rest is None:
            self._rest = io.StringIO()
        self._rest.write(text)
        return text
