"""What the process's arena and the mapping budget hold, to see that all is given back."""

from __future__ import annotations

import os

from wasm_interp._core.images.arena import arena
from wasm_interp._core.images.mapping import mapping_budget

_BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system


def bytes_in_use() -> int:
    """Memory of every sealed layer and checkpoint of this process."""
    made = arena()
    assert made is not None
    return os.fstat(made._descriptor).st_blocks * _BLOCK_BYTES


def mappings_left() -> int:
    """How many more runs of layers may be mapped, times two."""
    return mapping_budget()._left
