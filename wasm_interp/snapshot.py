"""States of contexts and sandboxes as things to keep."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from wasm_interp._core.kernel.savepoint import Savepoint
from wasm_interp._core.snapshots.document import SandboxData, read, write
from wasm_interp._core.snapshots.envelope import open_envelope, seal
from wasm_interp.errors import UsageError
from wasm_interp.limits import MIB

if TYPE_CHECKING:
    from wasm_interp.context import CodeContext


DEFAULT_MAX_SNAPSHOT_BYTES = 2048 * MIB
MIN_KEY_BYTES = 16


class Checkpoint:
    """What a context was when ``CodeContext.checkpoint`` was called; ``CodeContext.rollback`` goes back to it.

    It costs what the context had written, until it is closed. Any number may be held, and gone back to any number of
    times. Use it as a context manager, or call ``close``.
    """

    def __init__(self, context: CodeContext, savepoint: Savepoint) -> None:
        self.context_id = context.id
        self._context = context
        self.execution_count = savepoint.execution_count
        self.created_at = datetime.now(UTC)
        self._savepoint = savepoint

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, and can no longer be gone back to."""
        return self._savepoint.is_closed

    def close(self) -> None:
        """Give its memory back. Idempotent."""
        self._savepoint.close()

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = ", closed" if self.is_closed else ""
        return f"<Checkpoint of {self.context_id} after {self.execution_count} runs{state}>"


class Snapshot:
    """A sandbox at rest, as data: files, and every context with its memory, open files, environment and counts.

    Made by ``Sandbox.snapshot``; ``Sandbox.from_snapshot`` goes on from it, any number of times, in this process or
    another, on this machine or another that has the same build of the guests. It holds what differs from the
    built-in state, compressed in ``to_bytes``: 30 to 100 KB for a session with a small table.

    A snapshot is trusted input, as a program's own save file is: whoever can change it can change what the program
    inside does and holds, though not more than that program could do by itself. Sign it where others can write to
    where it is kept.
    """

    def __init__(self, data: SandboxData, *, is_trusted: bool) -> None:
        self._data = data
        self._is_trusted = is_trusted  # made in this process, or signed

    @property
    def context_ids(self) -> list[str]:
        """Of the contexts, in order of creation."""
        return [context.identity for context in self._data.contexts]

    def to_bytes(self, *, key: bytes | None = None) -> bytes:
        """The snapshot to keep. ``key``, a secret of at least 16 bytes, signs it (HMAC-SHA256)."""
        metadata, body = write(self._data)
        return seal(metadata, body, _checked_key(key))

    @classmethod
    def from_bytes(
        cls,
        data: bytes | bytearray | memoryview,
        *,
        key: bytes | None = None,
        max_bytes: int = DEFAULT_MAX_SNAPSHOT_BYTES,
    ) -> Snapshot:
        """What ``to_bytes`` gave. With a key, a snapshot that this key did not sign, or that was altered, is refused.

        max_bytes: how large it may be when unpacked; 2 GiB. Raises SnapshotFormatError for bytes that are no snapshot
        or are damaged, SnapshotMismatch for a snapshot of another version of the format.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise UsageError(f"a snapshot is read from bytes, not from {type(data).__name__}")
        opened = open_envelope(memoryview(data).cast("B"), _checked_key(key), max_bytes)
        return cls(read(opened.metadata, opened.body), is_trusted=opened.is_signed)

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self._data.contexts)} contexts and {len(self._data.files.contents)} files>"


def _checked_key(key: bytes | None) -> bytes | None:
    if key is not None and (not isinstance(key, bytes) or len(key) < MIN_KEY_BYTES):
        raise UsageError(f"key must be a secret of at least {MIN_KEY_BYTES} bytes")
    return key
