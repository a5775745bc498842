"""What the rest of the machine needs to know of a language: its guest, its kernel, and how to speak to them."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from wasm_interp._core.artifacts import Artifact
from wasm_interp._core.engine import HostImport, Instance

_quote = json.encoder.encode_basestring_ascii  # the C function that json.dumps has for text
Ranges = tuple[tuple[int, int], ...]  # (address, length) in linear memory


@dataclass(frozen=True, slots=True)
class Start:
    """What a context learns with its first run after its image was placed.

    cwd, env: None for a fork, which has them already. seed: hexadecimal, for a deterministic context; None for
    fresh entropy, which generators that the program of a fork seeded itself do not get. options: what the language's
    kernel takes beside, by name. is_forked: whether a program has run in what it was made from, an image.
    """

    cwd: str | None = None
    env: dict[str, str] | None = None
    seed: str | None = None
    is_seeded: bool = False  # the host has written entropy where it belongs
    options: dict[str, Any] = field(default_factory=dict)
    is_forked: bool = False


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run can wait for what it needs before it begins: ``deadline`` is on time.monotonic, None for ever."""

    deadline: float | None = None
    is_interrupted: Callable[[], bool] = _never

    def is_over(self) -> bool:
        """Whether the run is to stop."""
        return self.is_interrupted() or (self.deadline is not None and time.monotonic() >= self.deadline)


@dataclass(frozen=True, slots=True)
class CellRequest:
    """One cell to run."""

    code: str
    execution_count: int
    env: dict[str, str] | None = None
    start: Start | None = None
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call of the function of that name, which ``call_setup`` has found; event: its argument as JSON."""

    name: str
    event: str
    execution_count: int
    start: Start | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What the host says to the requests that a cell awaits: id -> {"value": ...} or {"error": {"name", "message"}}."""

    by_id: dict[str, dict[str, Any]]
    start: Start | None = None


class Language(ABC):
    """One language. Stateless: everything of a context is in its instance."""

    name: ClassVar[str]
    aliases: ClassVar[frozenset[str]]  # lower case, the name included
    suffixes: ClassVar[tuple[str, ...]]
    imports: ClassVar[tuple[HostImport, ...]] = ()  # what the guest wants beside WASI and the door
    polls: ClassVar[bool] = False  # whether the guest calls the host, often, to ask if it is to stop
    smallest_cell: ClassVar[str] = "0"  # what any interpreter that is still sound can run

    @abstractmethod
    def guest(self) -> Artifact:
        """The WebAssembly module. Raises RuntimeMissing."""

    @abstractmethod
    def kernel_identity(self) -> str:
        """Changes whenever a template made with this kernel and its preloads would differ."""

    @abstractmethod
    def boot(self) -> bytes:
        """The first request to a new instance: it brings up the kernel, which takes all later ones."""

    @abstractmethod
    def warm_up(self, instance: Instance, send: Callable[[bytes], None]) -> Ranges:
        """Make of a booted instance the template of all contexts.

        ``send`` hands it a request and checks the outcome. Returns where each context is to have random bytes of
        its own; nowhere, if the kernel sees to it when it is told of its start.
        """

    @abstractmethod
    def send(self, instance: Instance, request: bytes) -> int:
        """Hand ``request`` to the guest and let it work; 0 unless the guest says that it failed.

        For `Instance.enter` to call.
        """

    def find_interrupt_words(self, instance: Instance, run: Callable[[str], None]) -> tuple[tuple[int, int], ...]:
        """(address, bits to set) of the 32-bit words by which the guest is asked to stop; none if it cannot be.

        ``run`` runs a cell in ``instance``, which has been booted.
        """
        return ()

    @property
    @abstractmethod
    def endless_loop(self) -> str:
        """A cell that never ends by itself, to try a stop with."""

    def run_request(self, cell: CellRequest) -> bytes:
        """The bytes that make the kernel run ``cell``."""
        if cell.env is None and cell.start is None:  # of most cells; json.dumps makes an encoder each time
            return f'{{"kind":"run","code":{_quote(cell.code)},"count":{cell.execution_count}}}'.encode()
        fields: dict[str, Any] = {"kind": "run", "code": cell.code, "count": cell.execution_count}
        if cell.env:
            fields["env"] = cell.env
        if cell.start is not None:
            fields["start"] = start_fields(cell.start)
        return json.dumps(fields).encode()

    @abstractmethod
    def call_setup(self, name: str) -> str:
        """A cell that makes ready for calls of the function of that name; its value is true if there is one."""

    @abstractmethod
    def call_request(self, call: CallRequest) -> bytes:
        """The bytes that make the kernel call a function. Its main result is JSON text, as json or as text."""

    def make_room(self, instance: Instance, size_bytes: int) -> int:
        """Let the guest have so much more free memory, untouched; for `Instance.enter` to call.

        What a program then takes does not enlarge linear memory, which never shrinks again.
        """
        return 0

    def resume_request(self, answers: Answers) -> bytes:
        """The bytes that make the kernel go on with the cell that waits."""
        fields: dict[str, Any] = {"kind": "resume", "answers": answers.by_id}
        if answers.start is not None:
            fields["start"] = start_fields(answers.start)
        return json.dumps(fields).encode()


def start_fields(start: Start) -> dict[str, Any]:
    """As a kernel reads it."""
    fields: dict[str, Any] = {"entropy": not start.is_seeded if start.seed is None else start.seed}
    if start.cwd is None or start.is_forked:
        fields["forked"] = True
    if start.cwd is not None:
        fields |= start.options | {"cwd": start.cwd, "env": start.env}
    return fields
