"""What a run gives back: plain data, safe to keep after the sandbox is gone."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from wasm_interp.charts import Chart
from wasm_interp.errors import UsageError
from wasm_interp.notebook import to_html, to_text

_MIME_OF_FORMAT = {
    "text": "text/plain",
    "html": "text/html",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "latex": "text/latex",
    "markdown": "text/markdown",
    "javascript": "application/javascript",
    "json": "application/json",
    "chart": "application/vnd.wasm-interp.chart+json",
    "data": "application/vnd.wasm-interp.data+json",
}
_FORMAT_OF_MIME = {mime: name for name, mime in _MIME_OF_FORMAT.items()}
_JSON_FORMATS = frozenset({"json", "chart", "data"})
_BASE64_FORMATS = frozenset({"png", "jpeg", "pdf"})
_TEXT_FORMATS = frozenset(_MIME_OF_FORMAT) - _JSON_FORMATS
_FORMAT_OF_SUFFIX = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".svg": "svg",
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".txt": "text",
    ".tex": "latex",
    ".md": "markdown",
    ".js": "javascript",
    ".json": "json",
    ".chart.json": "chart",
    ".data.json": "data",
}
# A JSON null is a value too, and None means "no such format": the latter wins, nulls are not shown.


@dataclass(slots=True)
class Result:
    """One displayed object in every format that it has; absent formats are None.

    png, jpeg and pdf are base64 text (see ``png_bytes``); json and data are JSON values;
    ``extra`` maps further mime types to their values.
    """

    text: str | None = None
    html: str | None = None
    png: str | None = None
    jpeg: str | None = None
    svg: str | None = None
    pdf: str | None = None
    latex: str | None = None
    markdown: str | None = None
    javascript: str | None = None
    json: Any = None
    chart: Chart | None = None
    data: Any = None
    extra: dict[str, Any] = field(default_factory=dict)
    is_main_result: bool = False

    @classmethod
    def from_mime_bundle(cls, bundle: dict[str, Any], *, is_main_result: bool = False) -> Result:
        """Sort a mime bundle into formats. A value of the wrong type lands in ``extra``, as it came."""
        result = cls(is_main_result=is_main_result)
        for mime, value in bundle.items():
            name = _FORMAT_OF_MIME.get(mime)
            if name is None or (name in _TEXT_FORMATS and not isinstance(value, str)):
                result.extra[mime] = value
            elif name == "chart":
                result._set_chart(mime, value)
            else:
                setattr(result, name, value)
        return result

    def _set_chart(self, mime: str, value: Any) -> None:
        try:
            self.chart = None if value is None else Chart.from_dict(value)
        except ValueError:
            self.extra[mime] = value

    def formats(self) -> list[str]:
        """Names of the formats present, ``extra`` aside. A json of 0, False or [] counts."""
        return [name for name in _MIME_OF_FORMAT if getattr(self, name) is not None]

    def to_dict(self) -> dict[str, Any]:
        """The formats present, by name, plus ``extra`` when there is any and ``is_main_result``."""
        shown = self._shown()
        if self.extra:
            shown["extra"] = self.extra
        shown["is_main_result"] = self.is_main_result
        return shown

    @property
    def png_bytes(self) -> bytes | None:
        """The PNG itself, or None. Raises ValueError if the guest gave text that is no base64."""
        return _decoded(self.png)

    @property
    def jpeg_bytes(self) -> bytes | None:
        """The JPEG itself, or None. Raises ValueError if the guest gave text that is no base64."""
        return _decoded(self.jpeg)

    def content(self, name: str) -> bytes:
        """One format as the content of a file: decoded, text in UTF-8, or JSON.

        Raises UsageError when the result has no such format, ValueError if the guest gave text that is no base64.
        """
        if name not in self.formats():
            raise UsageError(f"this result has no {name}; it has: {', '.join(self.formats()) or 'nothing'}")
        value = self._shown()[name]
        if name in _BASE64_FORMATS:
            return _decoded(value) or b""
        if name in _JSON_FORMATS:
            return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        text: str = value
        return text.encode("utf-8", "replace")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one format to a file of the host, chosen by the suffix: "plot.png", "table.html", "table.data.json".

        Raises UsageError when the suffix is of no format, or of one that the result lacks; then nothing is written.
        """
        target = Path(path)
        suffixes = ["".join(target.suffixes[-2:]).lower(), target.suffix.lower()]
        name = next((_FORMAT_OF_SUFFIX[suffix] for suffix in suffixes if suffix in _FORMAT_OF_SUFFIX), None)
        if name is None:
            raise UsageError(f"{target.name} has no suffix of a format: {', '.join(_FORMAT_OF_SUFFIX)}")
        target.write_bytes(self.content(name))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {_MIME_OF_FORMAT[name]: value for name, value in self._shown().items()} | self.extra

    def _shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {name: getattr(self, name) for name in self.formats()}
        if self.chart is not None:
            shown["chart"] = self.chart.to_dict()
        return shown

    def __str__(self) -> str:
        return self.text if self.text is not None else f"<Result: {', '.join(self.formats()) or 'empty'}>"


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode("".join(text.split()), validate=True)  # lines are common in it


@dataclass(slots=True)
class Logs:
    """Text that the program printed: one entry per chunk, as produced."""

    stdout: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExecutionError:
    """An error of the program: data, not an exception of the host.

    traceback: one entry per line, the user's own frames only, the final "Name: value" line last.
    exit_code: what a SystemExit asked the process to end with (0 for sys.exit(), 1 for sys.exit("a message")), or None.
    """

    name: str
    value: str
    traceback: list[str] = field(default_factory=list)
    exit_code: int | None = None

    @property
    def message(self) -> str:
        """The same as ``value``."""
        return self.value

    def __str__(self) -> str:
        return "\n".join(self.traceback) or f"{self.name}: {self.value}"


@dataclass(frozen=True, slots=True)
class HostRequest:
    """What a cell awaits of the host: ``await host.request(name, payload)`` inside.

    id: to answer it by, with ``CodeContext.resume``; unique in its context. payload: a JSON value of the program's.
    """

    id: str
    name: str
    payload: Any = None


class StopKind(StrEnum):
    """What ended a run before its program did."""

    WAITING = "waiting"  # not ended: the cell awaits the host, and goes on with `CodeContext.resume`
    TIMEOUT = "timeout"
    INTERRUPT = "interrupt"
    EXITED = "exited"  # the program ended its own interpreter: os._exit, os.abort
    FUEL = "fuel"
    STACK = "stack"  # the native stack was exhausted
    TRAP = "trap"  # any other fault of WebAssembly


class StateAfterStop(StrEnum):
    """What is left of the context's variables and modules after a stop."""

    KEPT = "kept"
    ROLLED_BACK = "rolled_back"
    LOST = "lost"  # the context began anew, from its image; files stay as written


@dataclass(frozen=True, slots=True)
class StopReason:
    """Why a run was ended from outside its program, and what that left."""

    kind: StopKind
    state: StateAfterStop
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run took.

    seconds: on the host's monotonic clock. fuel: WebAssembly instructions, None when not metered. memory_bytes: the
    context's linear memory at its largest, shared pages included. output_bytes: stdout, stderr and results that were
    kept. file_bytes: contents of all the sandbox's files, after the run.
    """

    seconds: float = 0.0
    fuel: int | None = None
    memory_bytes: int = 0
    output_bytes: int = 0
    file_bytes: int = 0


@dataclass(slots=True)
class ExecutionResult:
    """Everything that one run gave.

    waiting: what the cell awaits of the host, where ``stopped`` says so; else empty.
    undone: whether the run was a transaction that failed, so that the context is as it was before it.
    truncated: streams ("stdout", "stderr", "results", "requests", "error") that passed the output limit.
    """

    code: str
    logs: Logs = field(default_factory=Logs)
    results: list[Result] = field(default_factory=list)
    error: ExecutionError | None = None
    execution_count: int = 0
    usage: Usage = field(default_factory=Usage)
    stopped: StopReason | None = None
    waiting: list[HostRequest] = field(default_factory=list)
    undone: bool = False
    truncated: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds that the run took."""
        return self.usage.seconds

    @property
    def fuel_used(self) -> int | None:
        """WebAssembly instructions that the run took, or None when it was not metered."""
        return self.usage.fuel

    @property
    def memory_bytes(self) -> int:
        """The context's linear memory at its largest, shared pages included."""
        return self.usage.memory_bytes

    @property
    def text(self) -> str | None:
        """Text of the main result (the last expression), or None."""
        return next((result.text for result in self.results if result.is_main_result), None)

    @property
    def stdout(self) -> str:
        """All that was printed to stdout."""
        return "".join(self.logs.stdout)

    @property
    def stderr(self) -> str:
        """All that was printed to stderr."""
        return "".join(self.logs.stderr)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": to_text(self), "text/html": to_html(self)}

    def to_json(self) -> str:
        """The shape of the service whose API this is: code, logs, error, executionCount, results."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """As ``to_json``, before it becomes text. Each result holds its formats by name."""
        return {
            "code": self.code,
            "logs": {"stdout": self.logs.stdout, "stderr": self.logs.stderr},
            "error": self.error and {name: getattr(self.error, name) for name in ("name", "value", "traceback")},
            "executionCount": self.execution_count,
            "results": [_camel_case(result.to_dict()) for result in self.results],
        }


def _camel_case(shown: dict[str, Any]) -> dict[str, Any]:
    return {("isMainResult" if name == "is_main_result" else name): value for name, value in shown.items()}
