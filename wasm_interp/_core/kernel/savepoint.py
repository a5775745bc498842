"""A context at rest: its memory and open files, held so that others can be made from it, or it can go back to it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import Enum

from wasm_interp._core.images.arena import arena
from wasm_interp._core.images.checkpoint import Sealed
from wasm_interp._core.images.pages import spread
from wasm_interp._core.kernel.templates import Template
from wasm_interp._core.wasi.descriptors import FileTable
from wasm_interp.errors import SnapshotError, UsageError
from wasm_interp.results import HostRequest

NOT_OURS = (
    "contexts, checkpoints, images and functions belong to the process that made them; "
    "this one was forked from it, and is to make its own"
)


class Told(Enum):
    """What an interpreter knows of where it runs; the rest comes with its next run."""

    NOTHING = "nothing"  # it is as the template made it
    BEFORE_FORK = "before fork"  # its folder and environment; its entropy is that of the context it was forked from
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A cell that has begun and awaits the host: its text, and what it awaits."""

    code: str
    requests: tuple[HostRequest, ...]


@dataclass(slots=True)
class Savepoint:
    """Holds its memory's regions and its descriptors' inodes until it is closed."""

    template: Template
    memory: Sealed
    files: FileTable
    told: Told
    execution_count: int
    waiting: Waiting | None = None
    is_closed: bool = False
    process: int = field(default_factory=os.getpid)

    def check_is_ours(self) -> None:
        """Raises UsageError in a child process, for which the parent keeps nothing."""
        if self.process != os.getpid():
            raise UsageError(NOT_OURS)

    def spread(self) -> None:
        """Be what many short-lived contexts are made from: see `pages.spread`. Raises SnapshotError."""
        room = arena()
        assert room is not None  # or there would be no savepoint
        try:
            memory = spread(self.template.image, room, self.memory)
        except (OSError, MemoryError) as error:
            raise SnapshotError(f"there is no memory to keep what contexts are made from: {error}") from error
        self.memory.release()
        self.memory = memory

    def close(self) -> None:
        """Give up what is held. Idempotent."""
        if not self.is_closed:
            self.is_closed = True
            self.memory.release()
            self.files.close_all()
