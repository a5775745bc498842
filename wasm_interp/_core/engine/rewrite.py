"""Replaces `memory.copy` and `memory.fill` in a guest by functions written in WebAssembly.

Why: a guest that does not yield is stopped by taking its memory away. Its own loads and stores then trap;
these two instructions, however, run inside wasmtime, where a fault ends the process. So each becomes a call of
one of two functions appended to the module (`bulk_memory.wat`), and their type after all others if it has none such.
Appended, so no index of a function or type moves, and nothing else in the module changes.

Rule: it fails closed. An instruction that is not known here, or a function that does not end exactly where
it should, is RewriteRefused, and that guest is stopped by epochs instead. So is memory.init, which runs inside
wasmtime as well; no guest of ours has it.
Source: the binary format of the WebAssembly specification, with the proposals that the engine has on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import wasmtime

_HEADER_BYTES = 8
_TYPE, _IMPORT, _FUNCTION, _CODE = 1, 2, 3, 10
_FUNCTION_IMPORT = 0
_CALL = b"\x10"
_HELPER_TYPE = b"\x60\x03\x7f\x7f\x7f\x00"  # (i32, i32, i32) -> (): the operands of both instructions
_HELPERS = Path(__file__).with_name("bulk_memory.wat")

_LEB = rb"[\x80-\xff]*+[\x00-\x7f]"  # a number in LEB128; every loop is possessive, so matching is linear
_MEMARG = _LEB + _LEB
# Instructions whose length is known from their first bytes, by the shape of what follows the opcode.
_PLAIN = re.compile(
    rb"(?:"
    + rb"|".join(
        [
            rb"[\x00\x01\x05\x0a\x0b\x0f\x1a\x1b\x45-\xc4\xd1]",  # nothing: control, parametric, numeric, ref.is_null
            rb"[\x02-\x04\x08\x0c\x0d\x10\x12\x20-\x26\x3f-\x42\xd0\xd2]"
            + _LEB,  # blocks, throw, br, call, locals, consts
            rb"[\x11\x13\x28-\x3e]" + _MEMARG,  # indirect calls, loads, stores
            rb"\x43.{4}",  # f32.const
            rb"\x44.{8}",  # f64.const
            rb"\xfc[\x00-\x07]",  # saturating truncations
            rb"\xfc[\x0c\x0e]" + _MEMARG,  # table.init, table.copy; memory.init, which writes memory, is not known
            rb"\xfc[\x09\x0d\x0f\x10\x11]" + _LEB,  # data.drop, elem.drop, table.grow, table.size, table.fill
            rb"\xfd[\x00-\x0b\x5c\x5d]" + _MEMARG,  # vector loads and stores
            rb"\xfd[\x0c\x0d].{16}",  # v128.const, i8x16.shuffle
            rb"\xfd[\x15-\x22].",  # lanes
            rb"\xfd[\x54-\x5b]" + _MEMARG + rb".",  # lane loads and stores
            rb"\xfd(?:[\x0e-\x14\x23-\x53\x5e-\x7f]|[\x80-\xff]" + _LEB + rb")",  # the other vector operations
        ]
    )
    + rb")*+",
    re.DOTALL,
)
_BR_TABLE, _TRY_TABLE, _SELECT_TYPED = 0x0E, 0x1F, 0x1C
_MEMORY_COPY, _MEMORY_FILL = b"\xfc\x0a\x00\x00", b"\xfc\x0b\x00"


class RewriteRefused(Exception):
    """The module holds something that is not known here."""


@dataclass(frozen=True, slots=True)
class _Section:
    identity: int
    start: int
    end: int


def without_bulk_memory(wasm: bytes) -> bytes:
    """The same module without memory.copy and memory.fill. Raises RewriteRefused."""
    try:
        return _rewrite(wasm)
    except (IndexError, wasmtime.WasmtimeError) as error:
        raise RewriteRefused(f"the module is damaged: {error}") from error


def _rewrite(wasm: bytes) -> bytes:
    sections = list(_sections(wasm))
    known = {section.identity: section for section in sections}
    if not {_TYPE, _FUNCTION, _CODE} <= known.keys():
        raise RewriteRefused("the module has no code")
    imported = _imported_functions(wasm, known[_IMPORT]) if _IMPORT in known else 0
    own, _ = _number(wasm, known[_FUNCTION].start)
    helper_type, types = _with_helper_type(wasm, known[_TYPE])
    first = imported + own
    bodies = _helper_bodies()
    calls = {_MEMORY_COPY: _CALL + _encoded(first), _MEMORY_FILL: _CALL + _encoded(first + 1)}
    replaced = {
        _TYPE: types,
        _FUNCTION: _encoded(own + len(bodies))
        + wasm[_number(wasm, known[_FUNCTION].start)[1] : known[_FUNCTION].end]
        + _encoded(helper_type) * len(bodies),
        _CODE: _code(wasm, known[_CODE], calls, bodies),
    }
    parts = [wasm[:_HEADER_BYTES]]
    for section in sections:
        content = replaced.get(section.identity) or wasm[section.start : section.end]
        parts += [bytes([section.identity]), _encoded(len(content)), content]
    return b"".join(parts)


def _code(wasm: bytes, section: _Section, calls: dict[bytes, bytes], added: list[bytes]) -> bytes:
    count, position = _number(wasm, section.start)
    parts = [_encoded(count + len(added))]
    for _ in range(count):
        size, start = _number(wasm, position)
        end = start + size
        body = _body(wasm, start, end, calls)
        parts += [wasm[position:end]] if body is None else [_encoded(len(body)), body]
        position = end
    if position != section.end:
        raise RewriteRefused("the code section does not end where it should")
    for body in added:
        parts += [_encoded(len(body)), body]
    return b"".join(parts)


def _body(wasm: bytes, start: int, end: int, calls: dict[bytes, bytes]) -> bytes | None:
    """The function's body with both instructions replaced; None if it has neither."""
    parts: list[bytes] = []
    copied = start
    position = _after_locals(wasm, start)
    while True:
        match = _PLAIN.match(wasm, position, end)
        position = match.end() if match else position
        if position >= end:
            break
        instruction = next((each for each in calls if wasm.startswith(each, position)), None)
        if instruction is None:
            position = _after_variable_length(wasm, position)
            continue
        parts += [wasm[copied:position], calls[instruction]]
        copied = position = position + len(instruction)
    if position != end or wasm[end - 1] != 0x0B:
        raise RewriteRefused(f"the function at byte {start} does not end where it should")
    return b"".join([*parts, wasm[copied:end]]) if parts else None


def _after_locals(wasm: bytes, position: int) -> int:
    groups, position = _number(wasm, position)
    for _ in range(groups):
        _, position = _number(wasm, position)
        position += 1  # the type; a reference type of two bytes would make what follows fail
    return position


def _after_variable_length(wasm: bytes, position: int) -> int:
    opcode = wasm[position]
    if opcode == _BR_TABLE:
        count, position = _number(wasm, position + 1)
        return _after_numbers(wasm, position, count + 1)
    if opcode == _SELECT_TYPED:
        count, position = _number(wasm, position + 1)
        return position + count
    if opcode == _TRY_TABLE:
        _, position = _number(wasm, position + 1)  # the block's type
        count, position = _number(wasm, position)
        for _ in range(count):  # catch and catch_ref name a tag, then all four name a label
            position = _after_numbers(wasm, position + 1, 2 if wasm[position] < 2 else 1)
        return position
    raise RewriteRefused(f"unknown instruction {wasm[position : position + 3].hex(' ')} at byte {position}")


def _after_numbers(wasm: bytes, position: int, count: int) -> int:
    for _ in range(count):
        _, position = _number(wasm, position)
    return position


def _sections(wasm: bytes) -> Iterator[_Section]:
    if wasm[:_HEADER_BYTES] != b"\0asm\1\0\0\0":
        raise RewriteRefused("this is no WebAssembly module")
    position = _HEADER_BYTES
    while position < len(wasm):
        identity = wasm[position]
        size, start = _number(wasm, position + 1)
        if start + size > len(wasm):
            raise RewriteRefused(f"the section at byte {position} does not end where it should")
        yield _Section(identity, start, start + size)
        position = start + size


def _imported_functions(wasm: bytes, section: _Section) -> int:
    count, position = _number(wasm, section.start)
    for _ in range(count):
        for _ in range(2):  # module and name
            length, position = _number(wasm, position)
            position += length
        if wasm[position] != _FUNCTION_IMPORT:
            raise RewriteRefused("the module imports something other than functions")
        _, position = _number(wasm, position + 1)
    return count


def _with_helper_type(wasm: bytes, section: _Section) -> tuple[int, bytes]:
    """The index of the two functions' type, and the content of a section of types that has it."""
    count, first = _number(wasm, section.start)
    position = first
    for index in range(count):
        if wasm[position] != _HELPER_TYPE[0]:
            raise RewriteRefused("the module has types other than functions")
        start = position
        parameters, position = _number(wasm, position + 1)
        results, position = _number(wasm, position + parameters)
        position += results
        if wasm[start:position] == _HELPER_TYPE:
            return index, wasm[section.start : section.end]
    if position != section.end:
        raise RewriteRefused("the section of types does not end where it should")
    return count, _encoded(count + 1) + wasm[first : section.end] + _HELPER_TYPE


def _helper_bodies() -> list[bytes]:
    """The two functions, copy first, as they stand in a code section."""
    helpers = bytes(wasmtime.wat2wasm(_HELPERS.read_text("utf-8")))
    section = next(section for section in _sections(helpers) if section.identity == _CODE)
    count, position = _number(helpers, section.start)
    bodies = []
    for _ in range(count):
        size, start = _number(helpers, position)
        bodies.append(helpers[start : start + size])
        position = start + size
    return bodies


def _number(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _encoded(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
