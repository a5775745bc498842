"""Instances of small guests: numbers in and out, how runs end, what the door does, whose memory is whose."""

import gc
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from tests.engine.guests import CALL_ANYTHING, MIB, PAGE, WASI, Guest, new_guest
from wasm_interp import GuestTrapped
from wasm_interp._core.engine import Exit, Mode
from wasm_interp._core.images.image import whole_file_image, write_pages
from wasm_interp._core.images.mapping import CopyMapper, CopyOnWriteMapper, Mapper
from wasm_interp._core.vfs import Errno, FileSystemError
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp.errors import ProtocolError
from wasm_interp.results import StopKind

MODES = [Mode.PROTECTED, Mode.EPOCHS, Mode.METERED]
FAULT = -2 & 0xFFFFFFFF

# Exports of a guest that can do everything wrong.
FAULTS = f"""(module
  (import "{WASI}" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (table 1 funcref)
  (type $none (func))
  (func (export "abort") (result i32) unreachable)
  (func (export "exit") (param i32) (result i32) (call $proc_exit (local.get 0)) (i32.const 0))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "store") (param i32 i32) (result i32) (i32.store (local.get 0) (local.get 1)) (i32.const 0))
  (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
  (func (export "overflow") (result i32) (i32.trunc_f64_s (f64.const 1e300)))
  (func (export "null") (result i32) (call_indirect (type $none) (i32.const 0)) (i32.const 0))
  (func (export "beyond") (result i32) (call_indirect (type $none) (i32.const 1)) (i32.const 0))
  (func $deeper (export "deeper") (result i32) (i32.add (call $deeper) (i32.const 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "grow_table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)))
  (func (export "answer") (result i32) (i32.const 42))
  (func (export "spin") (result i32) (loop $again (drop (i32.load (i32.const 0))) (br $again)) unreachable))"""

# A guest whose "ask" hands (pointer, length) to the door. host_alloc gives what stands at 12, or does as 16 says.
ASKER = """(module
  (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ask") (param i32 i32 i32 i32) (result i32)
    (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
  (func (export "host_alloc") (param i32) (result i32)
    (i32.store (i32.const 20) (local.get 0))
    (if (i32.eq (i32.load (i32.const 16)) (i32.const 1)) (then unreachable))
    (if (i32.eq (i32.load (i32.const 16)) (i32.const 2))
      (then (loop $again (drop (i32.load (i32.const 0))) (br $again))))
    (if (i32.eq (i32.load (i32.const 16)) (i32.const 3))
      (then
        (i32.store (i32.const 16) (i32.const 0))
        (drop (call $call (i32.const 0) (i32.const 1) (i32.const 24) (i32.const 28)))))
    (i32.load (i32.const 12))))"""
ALLOCATED, BEHAVIOUR, ASKED_FOR = 12, 16, 20
TRAPS, HANGS, ASKS_AGAIN = 1, 2, 3


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


# How runs end


def test_a_run_that_returns_has_no_reason_to_have_ended(mode: Mode) -> None:
    guest = new_guest(FAULTS, mode=mode)
    assert guest.run("answer") == (Exit(None, None), 42)
    assert not guest.instance.is_dead
    guest.close()


@pytest.mark.parametrize(
    ("name", "arguments", "outcome"),
    [
        ("abort", (), Exit("the interpreter aborted", StopKind.EXITED)),
        ("exit", (0,), Exit("the program ended its interpreter with status 0", StopKind.EXITED)),
        ("exit", (2**32 - 1,), Exit("the program ended its interpreter with status 4294967295", StopKind.EXITED)),
        ("deeper", (), Exit("the native stack is exhausted", StopKind.STACK)),
        ("load", (PAGE,), Exit("memory out of bounds", StopKind.TRAP)),
        ("load", (2**32 - 1,), Exit("memory out of bounds", StopKind.TRAP)),
        ("divide", (0,), Exit("integer division by zero", StopKind.TRAP)),
        ("overflow", (), Exit("integer overflow", StopKind.TRAP)),
        ("null", (), Exit("indirect call to null", StopKind.TRAP)),
        ("beyond", (), Exit("table out of bounds", StopKind.TRAP)),
    ],
)
def test_a_run_that_traps_says_how(mode: Mode, name: str, arguments: tuple[int, ...], outcome: Exit) -> None:
    guest = new_guest(FAULTS, mode=mode)
    assert guest.run(name, *arguments) == (outcome, None)
    assert guest.instance.is_dead
    guest.close()


def test_a_guest_that_trapped_is_never_entered_again() -> None:
    guest = new_guest(FAULTS)
    guest.run("abort")
    with pytest.raises(GuestTrapped, match=r"^the guest has trapped and cannot be entered again$"):
        guest.run("answer")
    guest.close()


def test_a_closed_guest_is_never_entered_again() -> None:
    guest = new_guest(FAULTS)
    guest.close()
    guest.close()
    assert guest.instance.is_dead
    with pytest.raises(GuestTrapped, match=r"^the guest has trapped and cannot be entered again$"):
        guest.run("answer")


def test_a_guests_fault_leaves_its_neighbour_alone() -> None:
    one, other = new_guest(FAULTS), new_guest(FAULTS)
    one.run("load", 2**32 - 1)
    one.close()
    assert other.call("answer") == 42
    other.close()


# Stops


def test_an_endless_loop_ends_at_its_deadline(mode: Mode) -> None:
    guest = new_guest(FAULTS, mode=mode)
    started = time.monotonic()
    assert guest.run("spin", deadline=started + 0.05) == (Exit("stopped by the host", StopKind.TIMEOUT), None)
    assert 0.05 <= time.monotonic() - started < 1.0
    assert guest.instance.is_dead
    guest.close()


def test_a_deadline_that_has_passed_ends_the_run_at_once(mode: Mode) -> None:
    guest = new_guest(FAULTS, mode=mode)
    started = time.monotonic()
    assert guest.run("spin", deadline=started - 1)[0].kind is StopKind.TIMEOUT
    assert time.monotonic() - started < 1.0
    guest.close()


def test_a_run_that_keeps_its_deadline_leaves_nothing_behind_for_the_next(mode: Mode) -> None:
    guest = new_guest(FAULTS, mode=mode)
    assert guest.run("answer", deadline=time.monotonic() + 0.02) == (Exit(None, None), 42)
    time.sleep(0.05)
    assert guest.run("answer") == (Exit(None, None), 42)
    guest.close()


def test_a_memory_that_was_taken_away_is_a_fault_and_no_crash() -> None:
    guest = new_guest(FAULTS, mode=Mode.PROTECTED)
    guest.run("spin", deadline=time.monotonic())
    with pytest.raises(FileSystemError, match=r"^FAULT$"):
        guest.instance.memory.read(0, 1)
    assert len(guest.instance.memory.whole()) == 0
    assert guest.instance.memory_bytes == PAGE
    guest.close()


# Memory


def test_growth_past_the_limit_is_refused_and_the_guest_goes_on(mode: Mode) -> None:
    guest = new_guest(FAULTS, memory_bytes=4 * PAGE, mode=mode)
    assert guest.call("grow", 3) == 1
    assert guest.call("grow", 1) == 0xFFFFFFFF
    assert guest.call("grow", 65_535) == 0xFFFFFFFF
    assert guest.instance.memory_bytes == 4 * PAGE
    assert guest.call("load", 4 * PAGE - 4) == 0
    guest.close()


def test_a_limit_below_what_the_guest_starts_with_is_refused() -> None:
    with pytest.raises(GuestTrapped, match=r"^the guest could not be instantiated: memory minimum size of 1 pages"):
        new_guest(FAULTS, memory_bytes=PAGE - 1)


def test_a_table_cannot_take_the_hosts_memory() -> None:
    guest = new_guest(FAULTS)
    assert guest.call("grow_table", 2**30) == 0xFFFFFFFF
    assert guest.call("grow_table", 1 << 20) == 0xFFFFFFFF
    assert guest.call("grow_table", (1 << 20) - 1) == 1
    guest.close()


def test_host_calls_see_memory_that_the_guest_has_just_grown() -> None:
    guest = new_guest(CALL_ANYTHING)
    assert guest.call("args_sizes_get", 4 * PAGE, 0) == Errno.FAULT
    guest.call("grow", 1)
    assert guest.call("args_sizes_get", 4 * PAGE, 0) == Errno.SUCCESS
    guest.close()


def test_a_closed_guest_tells_what_its_memory_was_and_lets_nobody_touch_it() -> None:
    guest = new_guest(FAULTS)
    guest.call("grow", 2)
    guest.close()
    assert guest.instance.memory_bytes == 3 * PAGE
    with pytest.raises(FileSystemError, match=r"^FAULT$"):
        guest.instance.memory.read(0, 1)


def test_a_guest_that_is_forgotten_is_collected() -> None:
    guest = new_guest(FAULTS)
    guest.call("answer")
    gone = weakref.ref(guest.instance)
    del guest
    gc.collect()
    assert gone() is None


# Images


@pytest.fixture
def image_file(tmp_path: Path) -> Path:
    """Six pages: one of zeros, one of each byte, two of zeros, and the rest counting."""
    pages = [bytes(PAGE), bytes(range(256)) * 256, bytes(2 * PAGE), *(bytes([n]) * PAGE for n in (7, 8))]
    path = tmp_path / "image"
    with path.open("wb") as file:
        write_pages(memoryview(b"".join(pages)), file)
    return path


@pytest.fixture(params=[CopyOnWriteMapper, CopyMapper])
def mapper(request: pytest.FixtureRequest) -> Mapper:
    return request.param()


def placed(path: Path, mapper: Mapper, **limits: Any) -> Guest:
    """A guest of one page, over whose memory the image is put."""
    guest = new_guest(FAULTS, **limits)
    with path.open("rb") as file:
        guest.instance.place(whole_file_image(file.fileno(), 6 * PAGE), mapper)
    return guest


def test_an_image_becomes_the_memory(image_file: Path, mapper: Mapper) -> None:
    guest = placed(image_file, mapper)
    assert bytes(guest.instance.memory.whole()) == image_file.read_bytes()
    assert guest.instance.memory_bytes == 6 * PAGE
    assert guest.call("load", PAGE + 4) == 0x07060504
    assert guest.call("load", 6 * PAGE - 4) == 0x08080808
    guest.close()


def test_guests_of_one_image_do_not_see_each_others_writes(image_file: Path, mapper: Mapper) -> None:
    before = image_file.read_bytes()
    one, other = placed(image_file, mapper), placed(image_file, mapper)
    one.call("store", PAGE, 0x11111111)
    one.write(5 * PAGE, b"host's")
    other.call("store", 0, 0x22222222)
    assert one.read(PAGE, 4) + one.read(5 * PAGE, 6) == b"\x11\x11\x11\x11host's"
    assert other.read(0, 4) + other.read(PAGE, PAGE) + other.read(5 * PAGE, 1) == (
        b"\x22\x22\x22\x22" + bytes(range(256)) * 256 + b"\x08"
    )
    one.close()
    assert other.call("load", PAGE + 4) == 0x07060504
    other.close()
    assert image_file.read_bytes() == before


def test_a_guest_grows_beyond_its_image(image_file: Path, mapper: Mapper) -> None:
    guest = placed(image_file, mapper)
    assert guest.call("grow", 2) == 6
    assert guest.call("store", 8 * PAGE - 4, 5) == 0
    assert bytes(guest.instance.memory.whole()) == image_file.read_bytes() + bytes(2 * PAGE - 4) + number(5)
    guest.close()


def test_an_image_above_the_memory_limit_is_refused(image_file: Path, mapper: Mapper) -> None:
    with pytest.raises(GuestTrapped, match=r"^the memory limit is below the 393216 bytes that the image takes$"):
        placed(image_file, mapper, memory_bytes=5 * PAGE)


# The door


def test_what_the_guest_sends_is_answered_where_its_allocator_says() -> None:
    sent: list[bytes] = []
    guest = new_guest(ASKER, door=lambda data: sent.append(data) or b"the answer")
    guest.write(100, b"a question")
    guest.write(ALLOCATED, number(1_000))
    assert guest.call("ask", 100, 10, 200, 204) == 0
    assert sent == [b"a question"]
    assert guest.read(ASKED_FOR, 4) == number(10)
    assert guest.read(200, 8) == number(1_000) + number(10)
    assert guest.read(1_000, 10) == b"the answer"
    guest.close()


@pytest.mark.parametrize(
    ("question", "length", "out_pointer", "out_length"),
    [
        (2 * PAGE, 1, 200, 204),
        (2**32 - 1, 2**32 - 1, 200, 204),
        (100, 2 * PAGE, 200, 204),
        (100, (64 << 20) + 1, 200, 204),
        (100, 1, 2 * PAGE - 3, 204),
        (100, 1, 200, 2 * PAGE - 3),
        (100, 1, 2**32 - 1, 2**32 - 1),
    ],
)
def test_a_wild_pointer_at_the_door_is_nonsense_and_the_host_hears_nothing(
    question: int, length: int, out_pointer: int, out_length: int
) -> None:
    sent: list[bytes] = []
    guest = new_guest(ASKER, door=lambda data: sent.append(data) or b"answer")
    guest.write(ALLOCATED, number(1_000))
    before = guest.read(0, 2 * PAGE)
    assert guest.call("ask", question, length, out_pointer, out_length) == FAULT
    assert (sent, guest.read(0, 2 * PAGE)) == ([], before)
    assert guest.call("ask", 100, 1, 200, 204) == 0
    guest.close()


@pytest.mark.parametrize("place", [0, 2 * PAGE - 5, 2**32 - 1])
def test_an_allocator_that_points_outside_or_has_nothing_gets_no_answer(place: int) -> None:
    guest = new_guest(ASKER, door=lambda data: b"answer")
    guest.write(ALLOCATED, number(place))
    assert guest.call("ask", 100, 1, 200, 204) == FAULT
    assert guest.read(200, 8) == bytes(8)
    guest.close()


def test_a_protocol_error_is_the_guests_to_know() -> None:
    def refuse(sent: bytes) -> bytes:
        raise ProtocolError("no frame")

    guest = new_guest(ASKER, door=refuse)
    assert guest.call("ask", 100, 1, 200, 204) == FAULT
    assert guest.instance.failure is None
    guest.close()


def test_an_allocator_that_traps_ends_the_guest(mode: Mode) -> None:
    guest = new_guest(ASKER, door=lambda data: b"answer", mode=mode)
    guest.write(BEHAVIOUR, number(TRAPS))
    assert guest.run("ask", 100, 1, 200, 204) == (Exit("the interpreter aborted", StopKind.EXITED), None)
    assert guest.instance.is_dead
    guest.close()


def test_an_allocator_that_never_returns_is_ended_at_the_deadline(mode: Mode) -> None:
    guest = new_guest(ASKER, door=lambda data: b"answer", mode=mode)
    guest.write(BEHAVIOUR, number(HANGS))
    started = time.monotonic()
    outcome, _ = guest.run("ask", 100, 1, 200, 204, deadline=started + 0.05)
    assert outcome == Exit("stopped by the host", StopKind.TIMEOUT)
    assert time.monotonic() - started < 1
    guest.close()


def test_an_allocator_may_use_the_door_itself() -> None:
    answers = iter([b"outer", b"inner"])
    guest = new_guest(ASKER, door=lambda data: next(answers))
    guest.write(BEHAVIOUR, number(ASKS_AGAIN))
    guest.write(ALLOCATED, number(1_000))
    assert guest.call("ask", 100, 1, 200, 204) == 0
    assert guest.read(24, 8) == number(1_000) + number(5)
    assert guest.read(1_000, 5) == b"outer"
    guest.close()


def test_a_defect_of_the_host_ends_the_guest_and_reaches_the_caller(mode: Mode) -> None:
    def fail(sent: bytes) -> bytes:
        raise RuntimeError("a defect of ours")

    guest = new_guest(ASKER, door=fail, mode=mode)
    with pytest.raises(RuntimeError, match=r"^a defect of ours$"):
        guest.run("ask", 100, 1, 200, 204)
    assert guest.instance.is_dead
    guest.close()


def test_a_defect_in_a_wasi_call_reaches_the_caller_too() -> None:
    guest = new_guest(CALL_ANYTHING)

    def fail(count: int) -> bytes:
        raise RuntimeError("no entropy today")

    guest.wasi.entropy = fail
    with pytest.raises(RuntimeError, match=r"^no entropy today$"):
        guest.run("random_get", 0, 1)
    assert guest.instance.is_dead
    guest.close()


# Guests inside guests


def test_a_host_callback_may_enter_another_guest() -> None:
    inner = new_guest(CALL_ANYTHING, arguments=(b"inner", b"has", b"three"))
    counts: list[bytes] = []

    def enter_inner(sent: bytes) -> bytes:
        inner.call("args_sizes_get", 0, 4)
        counts.append(inner.read(0, 4))
        return b"done"

    outer = new_guest(ASKER, door=enter_inner)
    outer.write(ALLOCATED, number(1_000))
    for _ in range(3):
        assert outer.call("ask", 100, 1, 200, 204) == 0
    assert outer.read(1_000, 4) == b"done"
    assert counts == [number(3)] * 3
    outer.close()
    inner.close()


def test_a_guest_inside_a_guest_ends_alone() -> None:
    inner = new_guest(FAULTS)
    outcomes: list[Exit] = []
    outer = new_guest(ASKER, door=lambda sent: outcomes.append(inner.run("abort")[0]) or b"done")
    outer.write(ALLOCATED, number(1_000))
    assert outer.call("ask", 100, 1, 200, 204) == 0
    assert outcomes == [Exit("the interpreter aborted", StopKind.EXITED)]
    assert not outer.instance.is_dead
    outer.close()
    inner.close()


def test_after_a_guest_inside_a_guest_calls_reach_the_outer_one_again() -> None:
    text = ASKER.replace(
        "(memory", f'(import "{WASI}" "fd_write" (func $w (param i32 i32 i32 i32) (result i32))) (memory'
    )
    text = text.removesuffix(")") + (
        '(func (export "both") (result i32)'
        "  (drop (call $call (i32.const 0) (i32.const 1) (i32.const 200) (i32.const 204)))"
        "  (call $w (i32.const 1) (i32.const 300) (i32.const 1) (i32.const 400))))"
    )
    inner = new_guest(CALL_ANYTHING)
    outer = new_guest(text, door=lambda sent: number(inner.call("fd_write", 1, 300, 1, 400)))
    for guest, word in [(inner, b"inner"), (outer, b"outer")]:
        guest.write(300, number(500) + number(5))
        guest.write(500, word)
    outer.write(ALLOCATED, number(1_000))
    assert outer.call("both") == 0
    assert (inner.said[Stream.STDOUT], outer.said[Stream.STDOUT]) == (b"inner", b"outer")
    outer.close()
    inner.close()


def test_a_host_call_outside_any_run_has_no_guest_to_reach() -> None:
    guest = new_guest(CALL_ANYTHING, memory_bytes=MIB)
    with pytest.raises(wasmtime.WasmtimeError, match=r"\n    the host stopped the guest$"):
        guest.instance.function("sched_yield", 0)()
    guest.close()


FILLED = """(module (memory (export "memory") 1)
  (func (export "grow") (result i32) (local $grown i32)
    (loop $again
      (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1))
        (then (local.set $grown (i32.add (local.get $grown) (i32.const 1))) (br $again))))
    (local.get $grown)))"""


def test_a_guest_at_its_limit_can_be_spared_a_little_more_in_each_run_up_to_a_bound() -> None:
    """As the kernel does, the limit is set anew before each run."""
    guest = new_guest(FILLED, memory_bytes=16 * MIB)
    grown = []
    for _ in range(7):
        guest.instance.limit_memory(16 * MIB)
        guest.instance.spare_memory()
        grown.append(guest.call("grow"))
    assert grown == [255, 32, 32, 32, 32, 0, 0]
    assert guest.instance.memory_bytes == 24 * MIB
    guest.close()


def test_a_guest_that_others_have_left_no_memory_is_spared_none() -> None:
    guest = new_guest(FILLED, memory_bytes=16 * MIB)
    guest.instance.limit_memory(1 * MIB)
    assert guest.call("grow") == 15
    guest.instance.spare_memory()
    assert guest.call("grow") == 0
    guest.close()
