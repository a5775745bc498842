"""What a context comes back to when its instance is lost: its memory and file table as they were before the run."""

from __future__ import annotations

from wasm_interp._core.engine import Instance
from wasm_interp._core.images.arena import arena
from wasm_interp._core.images.checkpoint import Checkpoint
from wasm_interp._core.images.dirty import scanner
from wasm_interp._core.images.mapping import CopyOnWriteMapper
from wasm_interp._core.kernel.templates import Files, Template
from wasm_interp._core.vfs import FileSystem
from wasm_interp._core.wasi.descriptors import FileTable
from wasm_interp.limits import Limits

# The policy of rollback="auto" is a budget of bytes to copy. It is full at first, and after any pause in large
# changes; runs fill it by a quarter of what could be copied in the time that they take.
_BUDGET_BYTES = 256 << 20
_REFILL_BYTES_PER_SECOND = 256 << 20


class RestorePoint:
    """Taken before each run. Empty where the caller or the system does not have it."""

    def __init__(self, template: Template, fs: FileSystem, limits: Limits) -> None:
        self._fs = fs
        self._limits = limits
        self._checkpoint = _new_checkpoint(template) if limits.rollback != "off" else None
        self._saved: Files = ()
        self._files: FileTable | None = None  # holds the inodes of the saved descriptors
        self._budget_bytes = _BUDGET_BYTES

    @property
    def is_valid(self) -> bool:
        """Whether there is something to come back to."""
        return self._checkpoint is not None and self._checkpoint.is_valid

    @property
    def files(self) -> Files:
        """The file table as it was."""
        return self._saved

    def take(self, instance: Instance) -> None:
        """Remember the instance as it is now, between two runs, if the policy allows the price."""
        if self._checkpoint is None:
            return
        most_bytes = None if self._limits.rollback == "always" else self._budget_bytes
        instance.take_checkpoint(self._checkpoint, most_bytes)
        if self._checkpoint.is_valid:
            self._budget_bytes -= self._checkpoint.taken_bytes
            self._save_files(instance.wasi.files)

    def place(self, instance: Instance) -> None:
        """Make the memory of an instance, in which the template is, what it was."""
        if self._checkpoint is not None:
            instance.place_checkpoint(self._checkpoint)

    def ran(self, seconds: float) -> None:
        """A run that began after the last ``take`` took that long."""
        refilled = self._budget_bytes + int(seconds * _REFILL_BYTES_PER_SECOND)
        self._budget_bytes = max(min(refilled, _BUDGET_BYTES), self._budget_bytes)

    def forget(self) -> None:
        """The context began anew, from its template."""
        self.close()
        self._saved = ()

    def close(self) -> None:
        """Give all back, when no instance is left. Idempotent."""
        if self._checkpoint is not None:
            self._checkpoint.close()
        if self._files is not None:
            self._files.close_all()
            self._files = None

    def _save_files(self, files: FileTable) -> None:
        saved = files.save()
        if saved == self._saved:
            return
        former, self._files = self._files, FileTable(self._fs, self._limits.open_files, saved)
        self._saved = saved
        if former is not None:
            former.close_all()


def _new_checkpoint(template: Template) -> Checkpoint | None:
    found, memory = scanner(), arena()
    if found is None or memory is None or not isinstance(template.mapper, CopyOnWriteMapper):
        return None
    return Checkpoint(template.image, found, memory, template.mapper)
