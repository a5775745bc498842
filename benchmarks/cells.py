"""Cells of this package, in this process."""

from __future__ import annotations

from wasm_interp import CodeContext

WRITE_TO_EVERY_PAGE = "for at in range(0, len(data), 4096): data[at] ^= 1"


def run(context: CodeContext, code: str) -> str:
    """What the cell printed. Raises AssertionError if it failed."""
    result = context.run(code)
    if result.error is not None:
        raise AssertionError(f"{code!r}: {result.error}")
    return result.stdout


def hold(context: CodeContext, size_bytes: int) -> None:
    """Let ``data`` be that many bytes, all written."""
    run(context, f"data = bytearray(b'x') * {size_bytes}")
