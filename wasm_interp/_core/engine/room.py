"""How many instances a process may have at once.

A process at its system's limit of mappings (Linux: vm.max_map_count) cannot even unmap, and wasmtime then ends it. So
instances are counted, and one too many is an error long before: they get a quarter of the limit, layers of images
half (images/mapping.py), and the host program has the rest.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from weakref import WeakSet

from wasm_interp.errors import LimitExceeded

MAPPINGS_OF_ONE = 4  # an image, memory beyond it, guard pages, tables; 2 to 3 were seen
_MAPPINGS_OF_LINUX = 65_530  # vm.max_map_count, unless the machine's owner chose another


class Room:
    """A number of places. Who takes one and is collected without giving it back has given it back."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._taken: WeakSet[object] = WeakSet()

    def check(self) -> None:
        """Raises LimitExceeded if none is left."""
        with self._lock:
            self._check()

    def take(self, occupant: object) -> None:
        """One place more is taken. Raises LimitExceeded."""
        with self._lock:
            self._check()
            self._taken.add(occupant)

    def give_back(self, occupant: object) -> None:
        """That one is gone. Idempotent."""
        with self._lock:
            self._taken.discard(occupant)

    def _check(self) -> None:
        if len(self._taken) >= self._places:
            raise LimitExceeded(
                f"this process has {len(self._taken)} live contexts; more could meet its system's limit of memory "
                "mappings (vm.max_map_count). Close contexts that are done"
            )


@cache
def room() -> Room:
    """The process's one."""
    try:
        allowed = int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        allowed = _MAPPINGS_OF_LINUX
    return Room(allowed // 4 // MAPPINGS_OF_ONE)
