"""Guests that attack the door (`host.call`): with pointers, and with an allocator of their own that means harm.

After each the host lives, was told of no error of its own, and a neighbour's calls are answered.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator

import pytest

from tests.engine.guests import MIB, PAGE, WASI, Guest, new_guest
from wasm_interp import GuestTrapped
from wasm_interp._core.engine import Exit
from wasm_interp._core.engine.instance import MAX_DOOR_BYTES
from wasm_interp.results import StopKind

FAULT = -2 & 0xFFFFFFFF
LAST = 2**32 - 1
MEMORY = 4 * PAGE
ANSWER = b"an answer"


def caller(allocator: str, *more: str) -> str:
    """A guest with that body of ``host_alloc``; ``call`` is the door with any arguments."""
    return f"""(module
      (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
      (import "{WASI}" "random_get" (func $random_get (param i32 i32) (result i32)))
      (memory (export "memory") 4)
      (func $host_alloc (export "host_alloc") (param $length i32) (result i32) {allocator})
      (func (export "call") (param i32 i32 i32 i32) (result i32)
        (call $call (local.get 0) (local.get 1) (local.get 2) (local.get 3)))
      {" ".join(more)})"""


SOUND = caller("(i32.const 4096)")


@pytest.fixture(autouse=True)
def neighbour() -> Iterator[None]:
    """Another guest, whose answers still reach it afterwards."""
    guest = new_guest(SOUND, door=lambda sent: sent[::-1])
    yield
    guest.write(0, b"abc")
    assert guest.call("call", 0, 3, 16, 20) == 0
    assert guest.read(4096, 3) == b"cba"
    assert guest.instance.failure is None
    guest.close()


def attack(text: str, *arguments: int, seconds: float = 10) -> tuple[Exit, int | None]:
    """How a call of the door by such a guest ended; it does no harm to the host in any case."""
    guest = new_guest(text, door=lambda sent: ANSWER)
    try:
        outcome = guest.run("call", *(arguments or (0, 3, 16, 20)), deadline=time.monotonic() + seconds)
        assert guest.instance.failure is None
        return outcome
    finally:
        guest.close()


@pytest.mark.parametrize(
    ("pointer", "length"),
    [(MEMORY, 1), (MEMORY - 1, 2), (LAST, 1), (1, LAST), (LAST, LAST), (0, MEMORY + 1), (2**31, 2**31), (LAST - 3, 8)],
)
def test_a_message_that_lies_outside_memory_is_refused(pointer: int, length: int) -> None:
    assert attack(SOUND, pointer, length, 16, 20) == (Exit(), FAULT)


@pytest.mark.parametrize("pointer", [MEMORY - 3, MEMORY, 2**31, LAST - 3, LAST])
def test_a_place_for_the_answer_that_lies_outside_memory_is_refused(pointer: int) -> None:
    assert attack(SOUND, 0, 3, pointer, 20) == (Exit(), FAULT)
    assert attack(SOUND, 0, 3, 16, pointer) == (Exit(), FAULT)


@pytest.mark.parametrize("allocated", [0, MEMORY - len(ANSWER) + 1, MEMORY, 2**31, -1, -len(ANSWER)])
def test_an_allocator_that_gives_no_memory_is_refused(allocated: int) -> None:
    assert attack(caller(f"(i32.const {allocated})")) == (Exit(), FAULT)


def test_the_answer_may_lie_over_what_says_where_it_is() -> None:
    guest = new_guest(caller("(i32.const 16)"), door=lambda sent: ANSWER)
    assert guest.call("call", 0, 3, 16, 20) == 0
    assert guest.read(16, 8) == b"\x10\0\0\0\x09\0\0\0"
    guest.close()


def test_a_message_as_large_as_may_be_is_heard_and_one_byte_more_is_not() -> None:
    heard: list[int] = []
    guest = new_guest(
        SOUND.replace('"memory") 4', f'"memory") {MAX_DOOR_BYTES // PAGE + 1}'),
        door=lambda sent: bytes(heard.append(len(sent)) or 1),
        memory_bytes=2 * MAX_DOOR_BYTES,
    )
    assert guest.call("call", 0, MAX_DOOR_BYTES, 16, 20) == 0
    assert guest.call("call", 0, MAX_DOOR_BYTES + 1, 16, 20) == FAULT
    assert heard == [MAX_DOOR_BYTES]
    guest.close()


@pytest.mark.parametrize("place", [MEMORY, MEMORY - 2, LAST])
def test_a_place_for_a_request_that_lies_outside_memory_ends_the_guest(place: int) -> None:
    """As an allocator may give it whose own data the program has spoiled."""

    def write(guest: Guest) -> int:
        guest.instance.write(place, b"abc")
        return 0

    def read(guest: Guest) -> int:
        return len(guest.instance.read(place, 3))

    for touch in (write, read):
        guest = new_guest(SOUND)
        assert guest.instance.enter(functools.partial(touch, guest), None) == Exit("stopped by the host", StopKind.TRAP)
        assert guest.instance.failure is None
        guest.close()


def test_an_allocator_that_traps_ends_its_guest() -> None:
    outcome, _ = attack(caller("unreachable"))
    assert outcome.kind is StopKind.EXITED
    outcome, _ = attack(caller("(i32.load (i32.const -1))"))
    assert outcome == Exit("memory out of bounds", StopKind.TRAP)


def test_an_allocator_that_never_returns_is_stopped() -> None:
    started = time.monotonic()
    loop = "(loop $again (i32.store (i32.const 0) (i32.const 1)) (br $again)) unreachable"
    outcome, _ = attack(caller(loop), seconds=0.05)
    assert outcome == Exit("stopped by the host", StopKind.TIMEOUT)
    assert time.monotonic() - started < 1


def test_an_allocator_that_recurses_ends_with_the_stack() -> None:
    outcome, _ = attack(caller("(i32.add (call $host_alloc (local.get 0)) (i32.const 1))"))
    assert outcome == Exit("the native stack is exhausted", StopKind.STACK)


def test_an_allocator_that_calls_the_door_again_and_again_ends_its_guest_alone() -> None:
    """Each level is a host function inside a host function, on the native stack and on Python's."""
    outcome, _ = attack(caller("(call $call (i32.const 0) (i32.const 3) (i32.const 16) (i32.const 20))"))
    assert outcome == Exit("guest and host called each other 16 levels deep", StopKind.STACK)


def test_an_allocator_may_call_the_door_a_few_levels_deep() -> None:
    text = caller(
        "(global.set $left (i32.sub (global.get $left) (i32.const 1)))"
        "(if (global.get $left) (then (drop (call $call (i32.const 0) (i32.const 3) (i32.const 16) (i32.const 20)))))"
        "(i32.const 4096)",
        "(global $left (mut i32) (i32.const 10))",
    )
    assert attack(text) == (Exit(), 0)


def test_an_allocator_that_makes_memory_larger_gets_its_answer_there() -> None:
    text = caller("(i32.mul (memory.grow (i32.const 1)) (i32.const 65536))")
    guest = new_guest(text, door=lambda sent: ANSWER, memory_bytes=8 * MIB)
    assert guest.call("call", 0, 3, 16, 20) == 0
    assert guest.read(MEMORY, len(ANSWER)) == ANSWER
    guest.close()


def test_an_allocator_that_makes_other_calls_is_answered() -> None:
    text = caller("(drop (call $random_get (i32.const 0) (i32.const 64))) (i32.const 4096)")
    assert attack(text) == (Exit(), 0)


@pytest.mark.parametrize(
    "body",
    [
        "(drop (call $call (i32.const 0) (i32.const 3) (i32.const 16) (i32.const 20)))",
        "(drop (call $random_get (i32.const 0) (i32.const 64)))",
        "unreachable",
    ],
)
def test_a_guest_that_calls_its_host_before_it_is_made_is_not_made(body: str) -> None:
    with pytest.raises(GuestTrapped, match=r"^the guest could not be instantiated: "):
        new_guest(caller("(i32.const 4096)", f"(func $early {body})", "(start $early)"))


@pytest.mark.parametrize(
    "declared", ['(import "host" "other" (func))', '(import "env" "memory" (memory 1))', "(memory $second 1)"]
)
def test_a_guest_that_wants_what_there_is_not_is_not_made(declared: str) -> None:
    text = f'(module {declared} (memory (export "memory") 1))'
    with pytest.raises(GuestTrapped, match=r"^the guest could not be instantiated: "):
        new_guest(text)


def test_a_guest_with_more_memory_or_tables_than_it_may_have_is_not_made() -> None:
    for text in (
        '(module (memory (export "memory") 2000))',
        '(module (memory (export "memory") 1) (table 2000000 funcref))',
    ):
        with pytest.raises(GuestTrapped, match=r"^the guest could not be instantiated: "):
            new_guest(text)


def test_a_guest_that_grows_its_table_without_end_is_told_no() -> None:
    text = """(module (memory (export "memory") 1) (table 1 funcref)
      (func (export "run") (result i32)
        (loop $again (br_if $again (i32.ne (table.grow (ref.null func) (i32.const 100000)) (i32.const -1))))
        (table.size)))"""
    guest: Guest = new_guest(text)
    assert guest.call("run") <= 1 << 20
    guest.close()
