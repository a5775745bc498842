"""Where in its memory CPython notices a signal.

`_thread.interrupt_main()` sets three 32-bit words: the signal's own flag, "some signal is waiting", and the
bit that makes the evaluation loop look. Setting them from outside does the same: KeyboardInterrupt at the
interpreter's next check. They are found once per template by calling it between two marks, with nothing
but C in between, and keeping the words that change there and nowhere else, in every round.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from wasm_interp._core.engine import Instance

_MARK = b"mark"
_ROUNDS = 3
_BLOCK_BYTES = 4096
_MOST_WORDS = 8  # three are known; many more means that the marks did not bracket what they should
_WORD = struct.Struct("<I")

_PROBE = f"""exec('''
import _host, _thread, functools, operator
mark = functools.partial(_host.call, {_MARK!r})
try:
    list(map(operator.call, [mark, mark, _thread.interrupt_main, mark]))
except KeyboardInterrupt:
    pass
''', {{}})"""


def find_words(instance: Instance, run: Callable[[str], None]) -> tuple[tuple[int, int], ...]:
    """(address, bits) of each word, ascending; none when they cannot be told. ``run`` runs a cell in ``instance``."""
    common: set[tuple[int, int]] | None = None
    for _ in range(_ROUNDS):
        dumps = _dumps_at_marks(instance, lambda: run(_PROBE))
        if len(dumps) != 3:
            return ()
        before, idle, interrupted = dumps
        noise = {address for address, _ in _changed_words(before, idle)}
        changed = {word for word in _changed_words(idle, interrupted) if word[0] not in noise and _is_one_bit(word[1])}
        common = changed if common is None else common & changed
    if not common or len(common) > _MOST_WORDS:
        return ()
    return tuple(sorted(common))


def _is_one_bit(bits: int) -> bool:
    """A flag, or one bit of the eval-breaker; what the probe's own objects leave on the heap differs in many."""
    return bits.bit_count() == 1


def _dumps_at_marks(instance: Instance, probe: Callable[[], None]) -> list[bytes]:
    dumps: list[bytes] = []

    def listen(sent: bytes) -> bool:
        if sent == _MARK:
            dumps.append(bytes(instance.memory.whole()))
        return sent == _MARK

    with instance.heard_by(listen):
        probe()
    return dumps


def _changed_words(old: bytes, new: bytes) -> set[tuple[int, int]]:
    changed = set()
    for start in range(0, min(len(old), len(new)), _BLOCK_BYTES):
        old_block, new_block = old[start : start + _BLOCK_BYTES], new[start : start + _BLOCK_BYTES]
        if old_block == new_block:
            continue
        for (old_word,), (new_word,), address in zip(
            _WORD.iter_unpack(old_block),
            _WORD.iter_unpack(new_block),
            range(start, start + _BLOCK_BYTES, _WORD.size),
            strict=False,
        ):
            if old_word != new_word:
                changed.add((address, old_word ^ new_word))
    return changed
