"""A context at rest: its memory and open files, held so that others can be made from it, or it can go back to it."""

from __future__ import annotations

from dataclasses import dataclass

from wasm_interp._core.images.checkpoint import Sealed
from wasm_interp._core.kernel.templates import Template
from wasm_interp._core.wasi.descriptors import FileTable


@dataclass(slots=True)
class Savepoint:
    """Holds its memory's regions and its descriptors' inodes until it is closed.

    has_run: whether the interpreter has been told its environment already.
    """

    template: Template
    memory: Sealed
    files: FileTable
    has_run: bool
    execution_count: int
    is_closed: bool = False

    def close(self) -> None:
        """Give up what is held. Idempotent."""
        if not self.is_closed:
            self.is_closed = True
            self.memory.release()
            self.files.close_all()
