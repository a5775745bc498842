"""Makes the objects of a Python template immortal, so that using them writes to no page of theirs.

Measured on the first cell of a new context: half as many pages become its own, and it runs a third faster.
An immortal object is never freed; in a template nothing is about to be.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from wasm_interp._core.engine import Instance
from wasm_interp._core.protocol.frames import MAGIC

REQUEST = b'{"kind":"addresses"}'
# CPython's object.h and refcount.h for 32-bit builds: the count is the first word of an object;
# from 1 << 30 on it means immortal, and 5 << 28 is what a heap object gets.
_IMMORTAL_FROM = 1 << 30
_IMMORTAL = 5 << 28
_COUNT = Struct("<I")


def immortalise(instance: Instance, send: Callable[[bytes], None]) -> None:
    """Ask the kernel for the objects, and set their counts while it waits, so that none is freed in between."""

    def listen(sent: bytes) -> bool:
        is_addresses = len(sent) % _COUNT.size == 0 and not sent.startswith(MAGIC)
        if is_addresses:
            _set_counts(instance.memory.whole(), sent)
        return is_addresses

    with instance.heard_by(listen):
        send(REQUEST)


def _set_counts(memory: memoryview, addresses: bytes) -> None:
    for (address,) in _COUNT.iter_unpack(addresses):
        (count,) = _COUNT.unpack_from(memory, address)
        if count < _IMMORTAL_FROM:
            _COUNT.pack_into(memory, address, _IMMORTAL)
