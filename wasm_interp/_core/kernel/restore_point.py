"""What a context comes back to when its instance is lost: its memory and file table as they were before the run."""

from __future__ import annotations

import os

from wasm_interp._core.engine import Instance
from wasm_interp._core.images.arena import arena
from wasm_interp._core.images.checkpoint import Checkpoint, Sealed
from wasm_interp._core.images.dirty import scanner
from wasm_interp._core.images.mapping import CopyOnWriteMapper
from wasm_interp._core.images.reference import Reference
from wasm_interp._core.kernel.savepoint import Savepoint, Told, Waiting
from wasm_interp._core.kernel.templates import Files, Template
from wasm_interp._core.vfs import FileSystem
from wasm_interp._core.wasi.descriptors import FileTable
from wasm_interp.errors import SnapshotError
from wasm_interp.limits import Limits

# The policy of rollback="auto" is a budget of bytes to copy. It is full at first, and after any pause in large
# changes; runs fill it by a quarter of what could be copied in the time that they take.
_BUDGET_BYTES = 256 << 20
_REFILL_BYTES_PER_SECOND = 256 << 20


class RestorePoint:
    """At first what the context was made from; taken anew before each run where the policy allows it."""

    def __init__(self, template: Template, fs: FileSystem, limits: Limits, origin: Savepoint | None) -> None:
        """``origin`` is what the context was made from, or None for the template."""
        self._template = template
        self._fs = fs
        self._limits = limits
        memory = Sealed(template.image) if origin is None else origin.memory
        self._checkpoint = _new_checkpoint(template, memory)
        self._held: FileTable | None = None  # holds the inodes of the saved descriptors
        self._saved = template.files
        self.told = Told.NOTHING
        self.waiting: Waiting | None = None
        if origin is not None:
            self.waiting = origin.waiting
            self._save_files(origin.files)
            self.told = _told_after(origin)
        self._budget_bytes = _BUDGET_BYTES
        self._process = os.getpid()

    @property
    def is_valid(self) -> bool:
        """Whether there is something to come back to; else the context begins anew."""
        return self._checkpoint is not None and self._checkpoint.is_valid

    @property
    def is_ours(self) -> bool:
        """Whether the context is this process's, and not that of a parent which was forked."""
        return self._process == os.getpid()

    @property
    def can_seal(self) -> bool:
        """Whether this system has the means for it."""
        return self._checkpoint is not None

    @property
    def files(self) -> Files:
        """The file table as it was."""
        return self._saved

    def take(self, instance: Instance, waiting: Waiting | None, *, is_needed: bool = False) -> None:
        """Remember the instance as it is now, between two runs, if the policy allows the price, or if it is needed."""
        self.told = Told.ALL
        self.waiting = waiting
        if self._checkpoint is None:
            return
        policy = "always" if is_needed else self._limits.rollback
        if policy == "off":
            self._checkpoint.invalidate()
            return
        most_bytes = None if policy == "always" else self._budget_bytes
        instance.take_checkpoint(self._checkpoint, most_bytes)
        if self._checkpoint.is_valid:
            self._budget_bytes -= self._checkpoint.taken_bytes
            self._save_files(instance.wasi.files)

    def seal(self, instance: Instance, told: Told, waiting: Waiting | None) -> Sealed:
        """The instance's memory as it is now, for others; the caller holds it.

        Raises SnapshotError where the system has no memory for it, or no means.
        """
        if self._checkpoint is None:
            raise SnapshotError("fork, checkpoint and snapshot need Linux: memfd_create and /proc/self/pagemap")
        try:
            sealed = instance.seal(self._checkpoint)
        except (OSError, MemoryError) as error:
            raise SnapshotError(f"there is no memory to keep {instance.memory_bytes} bytes: {error}") from error
        self.told = told
        self.waiting = waiting
        self._save_files(instance.wasi.files)
        return sealed

    def start_over(self, instance: Instance, savepoint: Savepoint, fs: FileSystem, reference: Reference) -> bool:
        """Be what it was when it was made from ``savepoint``, over ``fs``; False if the instance is of no more use."""
        if self._checkpoint is None or not instance.bring_back(self._checkpoint, reference.address):
            return False
        self._release_files()
        self._fs = fs
        self._save_files(savepoint.files)
        self.told = _told_after(savepoint)
        self.waiting = savepoint.waiting
        self._budget_bytes = _BUDGET_BYTES
        return True

    def place(self, instance: Instance) -> None:
        """Make a new instance's memory what it was."""
        if self._checkpoint is None or not self._checkpoint.is_valid:
            instance.place(self._template.image, self._template.mapper)
            return
        instance.place_checkpoint(self._checkpoint)

    def ran(self, seconds: float) -> None:
        """A run that began after the last ``take`` took that long."""
        refilled = self._budget_bytes + int(seconds * _REFILL_BYTES_PER_SECOND)
        self._budget_bytes = max(min(refilled, _BUDGET_BYTES), self._budget_bytes)

    def begin_anew(self) -> None:
        """The context lost its state, and starts from its template; its instance is gone."""
        if self._checkpoint is not None:
            self._checkpoint.restart(Sealed(self._template.image))
        self._release_files()
        self._saved = self._template.files
        self.told = Told.NOTHING
        self.waiting = None

    def return_to(self, savepoint: Savepoint) -> None:
        """The context is to be what it was then; its instance is gone."""
        if self._checkpoint is not None:
            self._checkpoint.restart(savepoint.memory)
        self._save_files(savepoint.files)
        self.told = savepoint.told
        self.waiting = savepoint.waiting

    def close(self) -> None:
        """Give all back, when no instance is left. Idempotent."""
        if self._checkpoint is not None:
            self._checkpoint.close()
        self._release_files()

    def _save_files(self, files: FileTable) -> None:
        if self._held is not None and files.is_as_saved(self._saved):
            return
        saved = files.save()
        former, self._held = self._held, FileTable(self._fs, self._limits.open_files, saved)
        self._saved = saved
        if former is not None:
            former.close_all()

    def _release_files(self) -> None:
        if self._held is not None:
            self._held.close_all()
            self._held = None


def _told_after(savepoint: Savepoint) -> Told:
    """What a context that is made from it knows."""
    return Told.BEFORE_FORK if savepoint.told is Told.ALL else savepoint.told


def _new_checkpoint(template: Template, memory: Sealed) -> Checkpoint | None:
    found, room = scanner(), arena()
    if found is None or room is None or not isinstance(template.mapper, CopyOnWriteMapper):
        return None
    return Checkpoint(memory, found, room, template.mapper)
