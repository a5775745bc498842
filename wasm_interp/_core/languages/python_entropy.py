"""Where in its memory a Python template keeps the state of its random generators.

Every context starts from the same memory, these states included. Seeding them inside costs a context some fifty
pages of its own, for the code and the temporary objects that it takes; writing random words over them from outside
costs six. They are found by what is in them, which the kernel tells.
"""

from __future__ import annotations

from collections.abc import Callable

from wasm_interp._core.engine import Instance
from wasm_interp._core.languages.base import Ranges
from wasm_interp._core.protocol.frames import MAGIC

REQUEST = b'{"kind":"generators"}'
STATE_BYTES = 624 * 4  # of the Mersenne Twister, which Python's random and numpy's global generator both are


def find_generators(instance: Instance, send: Callable[[bytes], None]) -> Ranges:
    """The ranges to fill with entropy; none if one of them cannot be told, and the kernel seeds by itself then."""
    told: list[bytes] = []

    def listen(sent: bytes) -> bool:
        is_states = len(sent) % STATE_BYTES == 0 and not sent.startswith(MAGIC)
        if is_states:
            told.append(sent)
        return is_states

    with instance.heard_by(listen):
        send(REQUEST)
    memory = bytes(instance.memory.whole())
    # Told with every bit turned round, or the message itself would be found too.
    plain = bytes(each ^ 0xFF for each in b"".join(told))
    found = []
    for start in range(0, len(plain), STATE_BYTES):
        state = plain[start : start + STATE_BYTES]
        address = memory.find(state)
        if address < 0 or memory.find(state, address + 1) >= 0:
            return ()
        found.append((address, STATE_BYTES))
    return tuple(found)
