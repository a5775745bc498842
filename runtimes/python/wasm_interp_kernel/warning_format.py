"""Warnings name cells and libraries, never a line of the kernel.

A warning whose stack level points past the program's own frames would land in the kernel, which means nothing to
the reader: it is shown as coming from the cell.
"""

import warnings
from collections.abc import Coroutine

from wasm_interp_kernel import sources

_KERNEL_DIR = __file__.rpartition("/")[0]
_original = warnings.formatwarning


def formatwarning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """The text of a warning."""
    if filename.startswith(_KERNEL_DIR) or filename in ("<sys>", "sys"):
        return f"{sources.newest() or '<cell>'}: {category.__name__}: {message}\n"
    return _original(message, category, filename, lineno, line)


def _warn_unawaited(coroutine: Coroutine) -> None:
    """The interpreter's own warning, without its advice to enable tracemalloc."""
    name = coroutine.__qualname__
    warnings.warn(f"coroutine '{name}' was never awaited", RuntimeWarning, stacklevel=2)


def install() -> None:
    warnings.formatwarning = formatwarning
    warnings._warn_unawaited_coroutine = _warn_unawaited
