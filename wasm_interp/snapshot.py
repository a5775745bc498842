"""States of contexts and sandboxes as things to keep."""

from __future__ import annotations

from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from wasm_interp._core.kernel.savepoint import Savepoint

if TYPE_CHECKING:
    from wasm_interp.context import CodeContext


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
