"""Everything that wasm_interp raises.

    WasmInterpError
    ├── LimitExceeded            a host-side operation would pass a limit of the sandbox
    ├── GuestError               the guest broke: its fault, or ours in driving it
    │   ├── ProtocolError        it sent bytes that are no valid frame
    │   └── GuestTrapped         it stopped in a way that no cell can report
    ├── FunctionError            a call of a Function failed inside
    ├── SnapshotError
    │   ├── SnapshotFormatError  the bytes are no snapshot, or are damaged
    │   └── SnapshotMismatch     a sound snapshot of another guest, template or version
    └── UsageError               the caller's mistake; nothing was changed
        ├── ContextNotFound
        ├── ContextClosed
        ├── UnknownLanguage
        └── RuntimeMissing       a guest's files are not installed, or not the pinned ones

An error in the user's own program is never raised: it is data, in ``ExecutionResult.error``. A Function alone, being
called as Python functions are, raises it as FunctionError.
File operations raise Python's own ``OSError`` family, as a file system does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wasm_interp.results import ExecutionResult


class WasmInterpError(Exception):
    """Base of every error of this package."""


class LimitExceeded(WasmInterpError):
    """An operation of the host would pass a limit; the message names the limit and the value."""


class GuestError(WasmInterpError):
    """The guest failed in a way that no cell can report."""


class ProtocolError(GuestError):
    """The guest sent bytes that are no valid frame."""


class GuestTrapped(GuestError):
    """The guest stopped outside any cell: while it was made, or while it was set up."""


class FunctionError(WasmInterpError):
    """A call of a Function failed inside.

    name, value: the class and text of the program's error, as in ExecutionError. traceback: its lines.
    result: the call's ExecutionResult, with output, usage and, where the call was stopped, the reason.
    """

    def __init__(
        self, name: str, value: str, traceback: Sequence[str] = (), result: ExecutionResult | None = None
    ) -> None:
        super().__init__(name, value, traceback, result)
        self.name = name
        self.value = value
        self.traceback = list(traceback)
        self.result = result

    def __str__(self) -> str:
        inside = "\n".join(self.traceback[:-1])
        return f"{self.name}: {self.value}" + (f"\n{inside}" if inside else "")


class SnapshotError(WasmInterpError):
    """A snapshot cannot be used."""


class SnapshotFormatError(SnapshotError):
    """The bytes are no snapshot, or are damaged."""


class SnapshotMismatch(SnapshotError):
    """A sound snapshot that belongs to another guest, template or version."""


class UsageError(WasmInterpError):
    """The caller asked for something that cannot be; nothing was changed."""


class ContextNotFound(UsageError):
    """No context of this sandbox has that id (it may have been deleted)."""


class ContextClosed(UsageError):
    """The context, or its sandbox, was closed."""


class UnknownLanguage(UsageError):
    """The language is none of those that this package runs."""


class RuntimeMissing(UsageError):
    """A guest's files are not installed, or are not the pinned ones."""


for _error in list(vars().values()):
    if isinstance(_error, type) and issubclass(_error, WasmInterpError):
        _error.__module__ = "wasm_interp"  # tracebacks show the name that callers import
del _error
