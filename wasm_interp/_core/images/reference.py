"""A sealed memory as readable bytes of this process: what an instance is brought back to where it stands.

Nothing is written here once it is made, so any number of threads may read it.
"""

from __future__ import annotations

import ctypes
import mmap

from wasm_interp._core.images.checkpoint import Sealed
from wasm_interp._core.images.copies import write_runs
from wasm_interp._core.images.mapping import Mapper


class Reference:
    """Holds the sealed memory until it is closed; takes memory of its own for what is scattered, and no more."""

    def __init__(self, sealed: Sealed, mapper: Mapper) -> None:
        """Raises OSError when the system refuses."""
        self.size_bytes = sealed.image.size_bytes
        self._memory = mmap.mmap(-1, self.size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.address = ctypes.addressof(ctypes.c_ubyte.from_buffer(self._memory))
        self._sealed = sealed
        sealed.retain()
        try:
            mapper.place(sealed.image, self.address)
            write_runs(self.address, sealed.scattered.runs, sealed.scattered.data)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give it back. Idempotent. Never while somebody reads it."""
        if not self._memory.closed:
            self._memory.close()
            self._sealed.release()
