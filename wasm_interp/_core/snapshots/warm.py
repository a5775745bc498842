"""An image of somebody's own in this process: a context at rest and its files, from which sandboxes start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.savepoint import Savepoint, Told
from wasm_interp._core.kernel.templates import Template
from wasm_interp._core.languages.base import Start
from wasm_interp._core.languages.tree import tree_with
from wasm_interp._core.snapshots.document import SandboxData
from wasm_interp._core.snapshots.rest import check_guests, check_memory, files_of, memory_of
from wasm_interp._core.vfs import FileSystem, Quota
from wasm_interp._core.wasi.descriptors import FileTable
from wasm_interp.errors import LimitExceeded, SnapshotFormatError, UsageError
from wasm_interp.limits import Limits


@dataclass(frozen=True, slots=True)
class Warm:
    """Holds its memory and what it has open until it is closed; a sandbox made from it holds what it needs by itself.

    packages: the archive of packages below its files.
    """

    language: str
    savepoint: Savepoint
    fs: FileSystem
    packages: Path | None

    def files_for(self, limits: Limits) -> FileSystem:
        """A file system of a sandbox's own. Raises LimitExceeded."""
        quota = Quota(limits.file_bytes, limits.file_count)
        used = self.fs.usage()
        if used.bytes > quota.bytes or used.inodes > quota.inodes:
            raise LimitExceeded(
                f"the image's files take {used.bytes} bytes and {used.inodes} inodes; "
                f"the limits are file_bytes {quota.bytes} and file_count {quota.inodes}"
            )
        return self.fs.fork(opens=Counter(self.savepoint.files.inodes()), quota=quota)

    def kernel_for(self, made_from: Template, fs: FileSystem, limits: Limits, start: Start) -> Kernel:
        """An interpreter over ``fs``, which ``files_for`` gave. Raises UsageError."""
        if self.savepoint.is_closed:
            raise UsageError("the image is closed")
        if self.savepoint.memory.image.size_bytes > limits.memory_bytes:
            raise UsageError(
                f"Limits.memory_bytes is {limits.memory_bytes}; the image takes "
                f"{self.savepoint.memory.image.size_bytes} to begin with"
            )
        return Kernel(made_from, fs, limits, start, self.savepoint)

    def close(self) -> None:
        """Give up what is held. Idempotent."""
        self.savepoint.close()


def warm(data: SandboxData, packages: Path | None) -> Warm:
    """An image from a snapshot with one context. Raises SnapshotMismatch, SnapshotFormatError, SnapshotError."""
    if len(data.contexts) != 1:
        raise SnapshotFormatError(f"an image has one context, not {len(data.contexts)}")
    (context,) = data.contexts
    if context.waiting is not None:
        raise SnapshotFormatError("an image cannot wait for a host")
    base = tree_with(packages).base
    check_guests(data, base)
    made_from = check_memory(context, context.limits)
    fs = files_of(data, base, data.limits)
    memory = memory_of(context, made_from)
    files = FileTable(fs, context.limits.open_files, context.files)
    savepoint = Savepoint(made_from, memory, files, Told.NOTHING, 0)
    savepoint.spread()
    return Warm(context.language, savepoint, fs, packages)
