"""What the interpreter of a context is asked to do, and how what ended it before its program did is told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from wasm_interp._core.kernel.collector import Callbacks
from wasm_interp._core.languages.base import Answers, CallRequest, CellRequest, Language, Patience, Start
from wasm_interp.results import ExecutionError, HostRequest, StateAfterStop, StopKind, StopReason

_ERROR_NAMES = MappingProxyType(
    {
        StopKind.TIMEOUT: "TimeoutError",
        StopKind.INTERRUPT: "KeyboardInterrupt",
        StopKind.EXITED: "SystemExit",
        StopKind.STACK: "RecursionError",
        StopKind.FUEL: "OutOfFuel",
        StopKind.TRAP: "InterpreterCrashed",
    }
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run is asked to do; timeout in seconds, None for none.

    is_transaction: whether a run that ends with an error is undone.
    """

    code: str
    timeout: float | None
    env: dict[str, str] | None = None
    callbacks: Callbacks = field(default_factory=Callbacks)
    is_transaction: bool = False

    def request(self, language: Language, count: int, start: Start | None, patience: Patience) -> bytes:
        """What to tell the guest."""
        return language.run_request(CellRequest(self.code, count, self.env, start, patience))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the function of that name; event: its argument as JSON."""

    name: str
    event: str
    timeout: float | None
    callbacks: Callbacks = field(default_factory=Callbacks)
    is_transaction: bool = False

    @property
    def code(self) -> str:
        """What its result says it ran."""
        return f"{self.name}({self.event})"

    def request(self, language: Language, count: int, start: Start | None, patience: Patience) -> bytes:
        """What to tell the guest."""
        return language.call_request(CallRequest(self.name, self.event, count, start))


@dataclass(frozen=True, slots=True)
class Resumption:
    """How a cell that waits is to go on: the answers by the ids of its requests, see `Answers`."""

    answers: dict[str, dict[str, Any]]
    timeout: float | None
    callbacks: Callbacks = field(default_factory=Callbacks)
    is_transaction: bool = False

    def request(self, language: Language, count: int, start: Start | None, patience: Patience) -> bytes:
        """What to tell the guest."""
        return language.resume_request(Answers(self.answers, start))


AnyRun = Run | Call | Resumption


def error_of_stop(
    reason: StopReason, run: AnyRun, reported: ExecutionError | None, exit_code: int | None
) -> ExecutionError:
    """The error of a run that was stopped; ``reported`` is what its program said of the interrupt, which it saw."""
    name = _ERROR_NAMES[reason.kind]
    value = _describe(reason, run) if exit_code is None else str(exit_code)
    lines = reported.traceback[:-1] if reported and reported.name == "KeyboardInterrupt" else []
    return ExecutionError(name, value, [*lines, f"{name}: {value}"], exit_code)


def listed(requests: Iterable[HostRequest]) -> str:
    """Ids and names, for a message."""
    return ", ".join(f"{request.id} ({request.name})" for request in requests)


def _describe(reason: StopReason, run: AnyRun) -> str:
    match reason.kind:
        case StopKind.TIMEOUT:
            text = f"the run took longer than its timeout of {run.timeout:g} s"
        case StopKind.INTERRUPT:
            text = "the run was interrupted"
        case _:
            text = reason.detail
    if reason.state is StateAfterStop.LOST:
        text += "; the context starts anew, its files are as written"
    if reason.state is StateAfterStop.ROLLED_BACK:
        text += "; the context is as it was before the run, its files are as written"
    return text
