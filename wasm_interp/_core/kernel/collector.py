"""From messages and output bytes to an ExecutionResult, calling the user's callbacks on the way.

Rule: everything here is untrusted and counted: past the output limit, output is dropped and `truncated` says so.
Rule: a callback's exception ends the callbacks, not the run; the caller gets it when the run is over.
"""

from __future__ import annotations

import codecs
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
)
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp.results import ExecutionError, ExecutionResult, Result

_NO_INPUT = "this run has no input: give on_input= to answer input()"
_MAX_ERROR_CHARS = 1 << 20  # beside the output limit, so that a flood of output does not hide why it ended
_SHORT = 1000
_MAX_CHUNKS = 100_000  # logs are lists of text; a million one-byte chunks would cost far more than their bytes


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the caller wants to be told while the cell runs; each is called on the thread that runs it."""

    on_stdout: Callable[[str], None] | None = None
    on_stderr: Callable[[str], None] | None = None
    on_result: Callable[[Result], None] | None = None
    on_error: Callable[[ExecutionError], None] | None = None
    on_input: Callable[[str], str] | None = None


class Collector:
    """Collects one run."""

    def __init__(self, result: ExecutionResult, callbacks: Callbacks, output_bytes: int) -> None:
        self.result = result
        self.done = False
        self.callback_error: BaseException | None = None
        self._callbacks = callbacks
        self._left = output_bytes
        self._truncated: set[str] = set()
        self._displayed: dict[str, Result] = {}
        self._clear_at_next = False
        logs = result.logs
        self._streams = {
            Stream.STDOUT: _TextStream("stdout", logs.stdout, callbacks.on_stdout),
            Stream.STDERR: _TextStream("stderr", logs.stderr, callbacks.on_stderr),
        }

    def output(self, stream: Stream, data: memoryview) -> None:
        """Bytes that the program wrote to fd 1 or 2."""
        text_stream = self._streams[stream]
        kept = data[: self._left]
        self._left -= len(kept)
        if len(kept) < len(data) or len(text_stream.chunks) >= _MAX_CHUNKS:
            self._truncated.add(text_stream.name)
        if len(text_stream.chunks) < _MAX_CHUNKS:
            self._tell(text_stream.callback, text_stream.add(kept))

    def message(self, message: Message, size: int) -> None:
        """A message of the kernel, ``size`` bytes as a frame."""
        match message:
            case DoneMessage():
                self.done = True
            case ErrorMessage():
                self._error(message)
            case ClearMessage():
                self._clear(wait=message.wait)
            case ResultMessage() | UpdateMessage() if size > self._left:
                self._truncated.add("results")
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
            text = self._callbacks.on_input(message.prompt)
        except EOFError as error:
            return {"eof": True, "message": str(error)}
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.callback_error = self.callback_error or error
            return {"eof": True, "message": "on_input failed"}
        return {"text": str(text)}

    def finish(self) -> None:
        """The run is over: what is left of a cut UTF-8 sequence comes out, and the result is complete."""
        for stream in self._streams.values():
            self._tell(stream.callback, stream.flush())
        self.result.truncated = tuple(sorted(self._truncated))

    def fail(self, error: ExecutionError) -> None:
        """The run's error, whatever the program said before."""
        self.result.error = error
        self._tell(self._callbacks.on_error, error)

    def _error(self, message: ErrorMessage) -> None:
        if len(message.value) + sum(map(len, message.traceback)) <= _MAX_ERROR_CHARS:
            self.fail(ExecutionError(message.name, message.value, message.traceback))
            return
        self._truncated.add("error")
        name, value = message.name[:_SHORT], message.value[:_SHORT]
        self.fail(ExecutionError(name, value, [f"{name}: {value}"]))

    def _show(self, message: ResultMessage) -> None:
        self._clear_if_asked()
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
            callback(value)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.callback_error = error


class _TextStream:
    """UTF-8 text in chunks, as produced; a sequence that is cut between two writes comes out whole."""

    def __init__(self, name: str, chunks: list[str], callback: Callable[[str], None] | None) -> None:
        self.name = name
        self.chunks = chunks
        self.callback = callback
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, data: memoryview) -> str:
        return self._keep(self._decoder.decode(data))

    def flush(self) -> str:
        return self._keep(self._decoder.decode(b"", True))

    def _keep(self, text: str) -> str:
        if text:
            self.chunks.append(text)
        return text
