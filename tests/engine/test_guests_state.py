"""That all of a guest's state is its linear memory, which is what using an instance again rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from wasm_interp._core.artifacts import artifact
from wasm_interp._core.engine import rewrite

_GLOBAL_SET, _TABLE_SET, _PREFIX = 0x24, 0x26, 0xFC
_MEMORY_COPY, _MEMORY_FILL = 0x0A, 0x0B
_STACK_POINTER = 0  # the first global, as the linker of LLVM has it
# What the rewrite passes over, less what is looked for.
_OTHERS = re.compile(
    rewrite._PLAIN.pattern.replace(rb"\x20-\x26", rb"\x20-\x23\x25")
    .replace(rb"\xfc[\x0c\x0e]", rb"\xfc[\x0a]")
    .replace(rb"[\x09\x0d\x0f\x10\x11]", rb"[\x09\x0d\x10]"),
    re.DOTALL,
)


def interesting(wasm: bytes) -> Iterator[int]:
    """Where instructions begin that set a global or change a table, or whose length needs a look."""
    code = next(section for section in rewrite._sections(wasm) if section.identity == rewrite._CODE)
    count, position = rewrite._number(wasm, code.start)
    for _ in range(count):
        size, start = rewrite._number(wasm, position)
        position, end = rewrite._after_locals(wasm, start), start + size
        while (position := _after_others(wasm, position, end)) < end:
            yield position
            position = _after(wasm, position)


def _after_others(wasm: bytes, position: int, end: int) -> int:
    match = _OTHERS.match(wasm, position, end)
    return match.end() if match else position


def _after(wasm: bytes, position: int) -> int:
    if wasm[position] in (_GLOBAL_SET, _TABLE_SET):
        return rewrite._number(wasm, position + 1)[1]
    for each in (rewrite._MEMORY_COPY, rewrite._MEMORY_FILL):
        if wasm.startswith(each, position):
            return position + len(each)
    return rewrite._after_variable_length(wasm, position)


@pytest.mark.parametrize("name", [("python", "python-snapshot.wasm"), ("javascript", "quickjs.wasm")])
def test_a_guest_changes_no_global_but_the_stack_pointer_and_no_table(name: tuple[str, str]) -> None:
    wasm = artifact(*name).path.read_bytes()
    sets = 0
    for position in interesting(wasm):
        opcode = wasm[position]
        if opcode == _GLOBAL_SET:
            assert rewrite._number(wasm, position + 1)[0] == _STACK_POINTER
            sets += 1
        assert opcode != _TABLE_SET
        assert opcode != _PREFIX or wasm[position + 1] in (_MEMORY_COPY, _MEMORY_FILL)
    assert sets > 500
