"""The rewrite of guests: the two functions against a model, whole modules before and after, and what is refused."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.guests import PAGE, new_guest
from wasm_interp._core.artifacts import artifact
from wasm_interp._core.engine import Exit, Mode, RewriteRefused, engine, rewrite
from wasm_interp._core.engine.rewrite import without_bulk_memory
from wasm_interp.results import StopKind

HELPERS = Path(rewrite.__file__).with_name("bulk_memory.wat").read_text("utf-8")
# A result, so that the exports can be called as any other of a guest.
EXPORTED = f"""{HELPERS.rstrip().removesuffix(")").replace("(memory 1)", '(memory (export "memory") 2)')}
  (func (export "copy") (param i32 i32 i32) (result i32)
    (call $copy (local.get 0) (local.get 1) (local.get 2)) (i32.const 0))
  (func (export "fill") (param i32 i32 i32) (result i32)
    (call $fill (local.get 0) (local.get 1) (local.get 2)) (i32.const 0)))"""
MOST = 200  # bytes: several blocks, and every length of what is left after them
OUT_OF_BOUNDS = (Exit("memory out of bounds", StopKind.TRAP), None)
PATTERN = bytes(1 + index * 7 % 251 for index in range(4 * MOST))


# The two functions


def test_every_copy_of_up_to_200_bytes_at_every_distance_is_that_of_a_model() -> None:
    guest = new_guest(EXPORTED)
    copy = guest.instance.function("copy", 3)
    memory = guest.instance.memory
    for count, distance in product(range(MOST + 1), range(-MOST - 3, MOST + 4)):
        start = MOST + 8 + (count * 5 + distance * 3) % 16  # every alignment, at every distance in time
        memory.write(0, PATTERN)
        copy(start + distance, start, count)
        wanted = bytearray(PATTERN)
        wanted[start + distance : start + distance + count] = PATTERN[start : start + count]
        assert memory.read(0, len(PATTERN)) == wanted, (count, distance, start)
    guest.close()


def test_copies_of_every_alignment_are_those_of_a_model() -> None:
    guest = new_guest(EXPORTED)
    copy = guest.instance.function("copy", 3)
    memory = guest.instance.memory
    for count, to, source in product((1, 15, 16, 17, 31, 32, 33, 63, 64, 100), range(16), range(16)):
        for far in (0, 16, 320):
            memory.write(0, PATTERN)
            copy(to + far, source + 16, count)
            wanted = bytearray(PATTERN)
            wanted[to + far : to + far + count] = PATTERN[source + 16 : source + 16 + count]
            assert memory.read(0, len(PATTERN)) == wanted, (count, to + far, source + 16)
    guest.close()


def test_every_fill_of_up_to_200_bytes_at_every_alignment_is_that_of_a_model() -> None:
    guest = new_guest(EXPORTED)
    fill = guest.instance.function("fill", 3)
    memory = guest.instance.memory
    for count, start in product(range(MOST + 1), range(3, 3 + 33)):
        value = 256 * count + 0xA5 + start  # its low byte counts
        memory.write(0, PATTERN[:300])
        fill(start, value, count)
        wanted = bytearray(PATTERN[:300])
        wanted[start : start + count] = bytes([value & 0xFF]) * count
        assert memory.read(0, 300) == wanted, (count, start)
    guest.close()


@pytest.mark.parametrize("before", [0, 1, 7, 15, 16, 31, 32, 33, 64])
@pytest.mark.parametrize("distance", [-5, 5, -40, 40, 300])
def test_copies_and_fills_run_over_the_boundary_of_pages(before: int, distance: int) -> None:
    guest = new_guest(EXPORTED)
    start = PAGE - before
    guest.write(start, PATTERN[:100])
    guest.call("copy", start + distance, start, 100)
    assert guest.read(start + distance, 100) == PATTERN[:100]
    guest.call("fill", start, 0x1FF, 100)
    assert guest.read(start, 100) == b"\xff" * 100
    assert guest.read(start - 1, 1) + guest.read(start + 100, 1) != b"\xff\xff"
    guest.close()


@pytest.mark.parametrize("count", [1, 2, 4, 8, 16, 31, 32, 33, 100, 2**31, 2**32 - 1])
def test_an_access_past_the_end_of_memory_traps(count: int) -> None:
    past = 2 * PAGE - min(count, 64) + 1
    for name, arguments in (
        ("fill", (past, 1, count)),
        ("copy", (past, 0, count)),
        ("copy", (0, past, count)),
        ("fill", (2**32 - 1, 1, count)),
        ("copy", (2**32 - 1, 0, count)),
        ("copy", (0, 2**32 - 1, count)),
    ):
        guest = new_guest(EXPORTED)
        assert guest.run(name, *arguments) == OUT_OF_BOUNDS, (name, arguments)
        guest.close()


@pytest.mark.parametrize("count", [0, 1, 16, 64, 1_000])
def test_the_last_byte_of_memory_can_be_used(count: int) -> None:
    guest = new_guest(EXPORTED)
    guest.call("fill", 2 * PAGE - count, 9, count)
    guest.call("copy", 0, 2 * PAGE - count, count)
    guest.call("copy", 2 * PAGE - count, 0, count)
    assert guest.read(2 * PAGE - count, count) == bytes([9]) * count
    guest.close()


# Whole modules

PROGRAM = """(module
  (memory (export "memory") 1 4)
  (type $helper (func (param i32 i32 i32)))
  (table 2 funcref)
  (elem (i32.const 0) $copied $filled)
  (func $copied (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func $filled (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (result i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)) (i32.const 1))
  (func (export "fill") (param i32 i32 i32) (result i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)) (i32.const 2))
  (func (export "both") (param i32 i32 i32) (result i32)
    (block $b (block $a (br_table $a $b (i32.and (local.get 0) (i32.const 1))))
      (memory.copy (local.get 0) (local.get 1) (local.get 2)))
    (memory.fill (local.get 1) (local.get 0) (local.get 2))
    (select (result i32) (local.get 0) (i32.load8_u (local.get 1)) (i32.eqz (local.get 2))))
  (func (export "indirect") (param i32 i32 i32) (result i32)
    (call_indirect (type $helper) (local.get 0) (local.get 1) (local.get 2) (i32.and (local.get 0) (i32.const 1)))
    (i32.const 4))
  (func (export "grow") (param i32 i32 i32) (result i32) (memory.grow (i32.and (local.get 0) (i32.const 1))))
  (func (export "sum") (param i32 i32 i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (i32.load8_u (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $again (i32.gt_s (local.tee 2 (i32.sub (local.get 2) (i32.const 1))) (i32.const 0))))
    (local.get $sum)))"""
ADDRESSES = st.one_of(st.integers(0, 600), st.integers(PAGE - 300, PAGE + 300), st.just(2**32 - 5))
OPERATIONS = st.tuples(
    st.sampled_from(["copy", "fill", "both", "indirect", "grow", "sum"]), ADDRESSES, ADDRESSES, st.integers(0, 500)
)


def bytes_of(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def is_valid(wasm: bytes) -> bool:
    try:
        wasmtime.Module.validate(engine(Mode.PROTECTED).raw, wasm)
    except wasmtime.WasmtimeError:
        return False
    return True


class Program:
    """An instance in a store of its own, as wasmtime alone runs it."""

    def __init__(self, module: wasmtime.Module) -> None:
        self.store = wasmtime.Store(engine(Mode.PROTECTED).raw)
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def do(self, name: str, *arguments: int) -> int | None:
        try:
            result = self.exports[name](self.store, *arguments)  # type: ignore[operator]
        except wasmtime.Trap:
            return None
        assert isinstance(result, int)
        return result

    def memory(self) -> bytes:
        return bytes(self.exports["memory"].read(self.store, 0, None))  # type: ignore[union-attr]


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATIONS, max_size=20))
def test_a_rewritten_module_does_what_it_did(operations: list[tuple[str, int, int, int]]) -> None:
    modules = [wasmtime.Module(engine(Mode.PROTECTED).raw, code) for code in (ORIGINAL, REWRITTEN)]
    before, after = [Program(module) for module in modules]
    for name, first, second, count in operations:
        wanted, found = before.do(name, first, second, count), after.do(name, first, second, count)
        if wanted is None and name != "sum":
            assert found is None or not count  # nothing at an address that is not there: no trap after the rewrite
            return  # a trap ends a guest; how much was written before it is another matter
        assert found == wanted
        assert after.memory() == before.memory()


ORIGINAL = bytes_of(PROGRAM)
REWRITTEN = without_bulk_memory(ORIGINAL)


def test_no_copy_or_fill_is_left() -> None:
    assert len(re.findall(rb"\xfc[\x0a\x0b]\x00", ORIGINAL)) == 6
    assert not re.findall(rb"\xfc[\x0a\x0b]\x00", REWRITTEN)


def test_only_the_two_sections_change_and_functions_keep_their_numbers() -> None:
    before, after = [
        [(section.identity, code[section.start : section.end]) for section in rewrite._sections(code)]
        for code in (ORIGINAL, REWRITTEN)
    ]
    assert [identity for identity, _ in before] == [identity for identity, _ in after]
    changed = [identity for (identity, old), (_, new) in zip(before, after, strict=True) if old != new]
    assert changed == [3, 10]
    functions = dict(before)[3], dict(after)[3]
    assert functions[1][0] == functions[0][0] + 2
    assert functions[1][1:].startswith(functions[0][1:])


def test_a_module_with_neither_instruction_still_works() -> None:
    wasm = bytes_of("""(module (memory (export "memory") 1) (type (func (param i32 i32 i32)))
      (func (export "one") (result i32) i32.const 1))""")
    assert Program(wasmtime.Module(engine(Mode.PROTECTED).raw, without_bulk_memory(wasm))).do("one") == 1


@pytest.mark.parametrize("types", [0, 1, 126, 127, 128, 300])
def test_a_module_without_the_type_of_the_two_functions_gets_it_after_its_own(types: int) -> None:
    others = "".join(f"(type (func (param {'i64 ' * count})))" for count in range(types))
    wasm = bytes_of(f"""(module (memory (export "memory") 1) {others}
      (func (export "copied") (result i32)
        (i32.store8 (i32.const 5) (i32.const 77))
        (memory.copy (i32.const 100) (i32.const 5) (i32.const 1))
        (i32.load8_u (i32.const 100))))""")
    rewritten = without_bulk_memory(wasm)
    old, new = [next(rewrite._sections(code)) for code in (wasm, rewritten)]
    count, start = rewrite._number(wasm, old.start)
    assert rewritten[new.start : new.end] == (
        rewrite._encoded(count + 1) + wasm[start : old.end] + b"\x60\x03\x7f\x7f\x7f\x00"
    )
    assert Program(wasmtime.Module(engine(Mode.PROTECTED).raw, rewritten)).do("copied") == 77


# Every instruction


def module_of(body: bytes, locals_: bytes = b"\x00") -> bytes:
    """A module with one body, and one of everything that instructions can name."""

    def section(identity: int, content: bytes) -> bytes:
        return bytes([identity]) + rewrite._encoded(len(content)) + content

    code = locals_ + body
    return b"\0asm\1\0\0\0" + b"".join(
        [
            section(1, b"\x02\x60\x03\x7f\x7f\x7f\x00\x60\x00\x00"),
            section(3, b"\x01\x01"),
            section(4, b"\x01\x70\x00\x01"),
            section(5, b"\x01\x00\x01"),
            section(13, b"\x01\x00\x01"),
            section(6, b"\x01\x7f\x01\x41\x00\x0b"),
            section(9, b"\x01\x03\x00\x01\x00"),
            section(12, b"\x01"),
            section(10, b"\x01" + rewrite._encoded(len(code)) + code),
            section(11, b"\x01\x01\x01x"),
        ]
    )


IMMEDIATES = [b"", *(b"\x00" * count for count in (1, 2, 3, 4, 8, 16)), b"\x40", b"\x70", b"\x01\x7f", b"\x40\x00"]
COPY = b"\x41\x00\x41\x00\x41\x00\xfc\x0a\x00\x00"
# Known to the engine and refused: references to functions by type and arithmetic of 128 bits, which no guest has, and
# memory.init, which runs inside wasmtime.
NOT_FOR_US = {"14", "15", "d4", "d5", "fc08", "fc13", "fc14", "fc15", "fc16"}


def encodings() -> list[bytes]:
    one = [bytes([opcode]) for opcode in range(256) if opcode not in (0x0B, 0xFC, 0xFD)]
    two = [bytes([0xFC]) + rewrite._encoded(number) for number in range(32)]
    return one + two + [bytes([0xFD]) + rewrite._encoded(number) for number in range(300)]


def bodies(encoding: bytes) -> list[bytes]:
    """Functions with that instruction, after which a copy follows; what opens a block needs its end."""
    return [
        b"\x00" + encoding + immediate + after
        for immediate in IMMEDIATES
        for after in (b"\x00" + COPY + b"\x0b", b"\x00" + COPY + b"\x0b\x00\x0b")
    ]


def test_every_instruction_that_the_engine_knows_is_passed_over_rightly() -> None:
    known, refused, replaced = set(), set(), set()
    for encoding in encodings():
        for wasm in filter(is_valid, map(module_of, bodies(encoding))):
            known.add(encoding.hex())
            try:
                rewritten = without_bulk_memory(wasm)
            except RewriteRefused:
                refused.add(encoding.hex())
                continue
            assert is_valid(rewritten), encoding.hex(" ")
            if rewritten.count(b"\xfc\x0a\x00\x00") == 0:  # not where the copy is a part of a vector's sixteen bytes
                replaced.add(encoding.hex())
    assert len(known) > 400  # 172 of the first version, 236 of vectors, and what came with later proposals
    assert refused == NOT_FOR_US
    assert replaced == known - refused


def test_an_instruction_that_the_engine_does_not_know_is_refused() -> None:
    for encoding in encodings():
        if any(is_valid(module_of(body)) for body in bodies(encoding)):
            continue
        if rewrite._PLAIN.match(encoding + bytes(20)).end():  # type: ignore[union-attr]
            continue  # valid with other immediates, or not at all: the compiler sees to it
        with pytest.raises(RewriteRefused):
            without_bulk_memory(module_of(b"\x00" + encoding + b"\x00\x0b"))


@pytest.mark.parametrize(
    "instruction",
    [
        "06 40 0b",  # try, as it was once proposed
        "07 00",
        "09 00",
        "14 00",  # call_ref
        "d3",
        "d5 00",
        "fb 00 00",  # struct.new
        "fc 08 00 00",  # memory.init
        "fc 0a 01 00",  # memory.copy of other memories
        "fc 0a 00 01",
        "fc 0b 01",
        "fc 8a 00 00 00",  # memory.copy, its number written longer than need be
        "fc 0a 80 00 00",
        "fc 8b 00 00",
        "fc 12",
        "fe 00 00 00",  # memory.atomic.notify
        "ff",
    ],
)
def test_unknown_instructions_are_refused(instruction: str) -> None:
    with pytest.raises(RewriteRefused, match=r"^unknown instruction "):
        without_bulk_memory(module_of(b"\x00" + bytes.fromhex(instruction) + b"\x0b"))


@pytest.mark.parametrize(
    "instruction",
    [
        "41 fc 0a 00 00",  # i32.const
        "42 fc 0a 00 00",
        "43 fc 0a 00 00",  # f32.const
        "44 fc 0a 00 00 fc 0b 00 00",
        "20 fc 0a 00 00",  # local.get of that number
        "28 00 fc 0a 00 00",  # i32.load at that offset
        "fd 00 00 fc 0a 00 00",  # v128.load
        "fd 0c fc 0a 00 00 fc 0b 00 fc 0a 00 00 fc 0b 00 00 00",
        "fd 54 00 fc 0a 00 00",  # v128.load8_lane
    ],
)
def test_numbers_that_look_like_a_copy_are_left_alone(instruction: str) -> None:
    body = b"\x00" + bytes.fromhex(instruction)
    wasm = module_of(body + b"\x00" + COPY + b"\x0b", locals_=b"\x01\xd0\x0f\x7f")
    assert is_valid(wasm)
    rewritten = without_bulk_memory(wasm)
    assert is_valid(rewritten)
    assert rewritten.count(body) == 1
    assert rewritten.count(b"\xfc\x0a\x00\x00") == body.count(b"\xfc\x0a\x00\x00")


BLOCKS = """(module
  (memory 1) (tag $t (param i32)) (type (func (param i32 i32 i32)))
  (func $table (param i32)
    (block $a (block $b (block $c (br_table $a $b $c $a $b $c (local.get 0)))))
    (memory.fill (i32.const 0) (i32.const 0) (local.get 0)))
  (func $catches (result i32)
    (block $all (block $one (result i32)
      (try_table (result i32) (catch $t $one) (catch_all $all)
        (memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
        (throw $t (i32.const 1))))
      return)
    i32.const 0)
  (func $references (param funcref externref) (result externref)
    (select (result externref) (local.get 1) (ref.null extern) (ref.is_null (local.get 0)))
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))
  (func $typed_block (param i32 i32 i32)
    local.get 0 local.get 1 local.get 2
    (block (param i32 i32 i32) memory.copy)
    local.get 0 (if (then nop) (else nop)))
)"""


def test_blocks_tables_of_branches_and_catches_are_passed_over() -> None:
    wasm = bytes_of(BLOCKS)
    assert is_valid(wasm)
    rewritten = without_bulk_memory(wasm)
    assert is_valid(rewritten)
    assert wasm.count(b"\xfc") == 4
    assert rewritten.count(b"\xfc\x0a") + rewritten.count(b"\xfc\x0b") == 0


# What is refused


@pytest.mark.parametrize("text", ['(import "m" "m" (memory 1))', '(import "m" "g" (global i32))'])
def test_an_import_that_is_no_function_is_refused(text: str) -> None:
    with pytest.raises(RewriteRefused, match=r"^the module imports something other than functions$"):
        without_bulk_memory(bytes_of(f"(module {text} (func (param i32 i32 i32)))"))


@pytest.mark.parametrize("content", ["01 60 00 00 00", "02 60 00 00 60", "01 50 00 60 00 00", "01 60 7f 7f"])
def test_types_that_are_damaged_or_of_another_kind_are_refused(content: str) -> None:
    damaged = bytes.fromhex(content)
    sound = module_of(b"\x00\x0b")
    types = next(rewrite._sections(sound))
    with pytest.raises(RewriteRefused):
        without_bulk_memory(sound[:8] + bytes([1, len(damaged)]) + damaged + sound[types.end :])


def test_imported_functions_are_counted() -> None:
    wasm = bytes_of("""(module (import "a" "b" (func)) (import "a" "c" (func)) (memory 1)
      (func (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))""")
    assert without_bulk_memory(wasm).count(b"\x10\x03\x0b") == 1  # the fourth function, and the end
    assert is_valid(without_bulk_memory(wasm))


@pytest.mark.parametrize("text", ["(module)", "(module (memory 1))", "(module (type (func (param i32 i32 i32))))"])
def test_a_module_without_code_is_refused(text: str) -> None:
    with pytest.raises(RewriteRefused, match=r"^the module has no code$"):
        without_bulk_memory(bytes_of(text))


@pytest.mark.parametrize("content", [b"", b"\0asm", b"\0asm\2\0\0\0", b"MZ" * 100])
def test_what_is_no_module_is_refused(content: bytes) -> None:
    with pytest.raises(RewriteRefused):
        without_bulk_memory(content)


def test_a_module_that_is_cut_short_is_refused() -> None:
    """Unless what is left is a module; then it stays one."""
    for length in range(len(ORIGINAL)):
        try:
            rewritten = without_bulk_memory(ORIGINAL[:length])
        except RewriteRefused:
            continue
        assert is_valid(ORIGINAL[:length]) == is_valid(rewritten), length


def test_a_function_that_does_not_end_where_it_should_is_refused() -> None:
    body = b"\x00" + b"\x41\x00\x1a" + b"\x0b"
    sound = module_of(body)
    assert is_valid(without_bulk_memory(sound))
    for wrong in (body[:-1] + b"\x01", b"\x00\x44\x00\x00\x0b", b"\x00\xfd\x0c\x0b", b"\x0b\x00\x43"):
        with pytest.raises(RewriteRefused, match=r"^(the function at byte \d+ does not end|unknown instruction)"):
            without_bulk_memory(module_of(wrong))


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(8, len(ORIGINAL) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_module_is_refused_or_stays_what_it_was(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(ORIGINAL)
    for position, value in changes:
        damaged[position] = value
    try:
        rewritten = without_bulk_memory(bytes(damaged))
    except RewriteRefused:
        return
    if is_valid(bytes(damaged)):
        assert is_valid(rewritten)


@pytest.mark.parametrize(
    ("language", "name", "changed"),
    [
        ("python", "python-snapshot.wasm", {3, 10}),
        ("javascript", "quickjs.wasm", {3, 10}),
        ("typescript", "esbuild.wasm", {1, 3, 10}),
    ],
)
def test_every_guest_can_be_rewritten(language: str, name: str, changed: set[int]) -> None:
    wasm = artifact(language, name).path.read_bytes()
    rewritten = without_bulk_memory(wasm)
    before, after = [
        {section.identity: section for section in rewrite._sections(code) if section.identity}
        for code in (wasm, rewritten)
    ]
    assert before.keys() == after.keys()
    for identity, section in before.items():
        there = after[identity]
        is_same = wasm[section.start : section.end] == rewritten[there.start : there.end]
        assert is_same == (identity not in changed), identity
    functions = [rewrite._number(code, there[3].start)[0] for code, there in ((wasm, before), (rewritten, after))]
    bodies = [rewrite._number(code, there[10].start)[0] for code, there in ((wasm, before), (rewritten, after))]
    assert functions[1] == bodies[1] == functions[0] + 2
    assert len(rewritten) - len(wasm) < 100_000
