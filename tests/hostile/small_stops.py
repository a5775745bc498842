"""Small guests that never end by themselves, and their ends at random moments."""

from __future__ import annotations

import collections
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import wasmtime

from tests.engine.guests import MIB, WASI, new_guest, no_door
from wasm_interp._core.engine import Exit, Mode
from wasm_interp._core.engine.rewrite import without_bulk_memory

_AT_ONCE = 4
TYPE_OF_HELPERS = "(type (func (param i32 i32 i32)))"  # which the rewrite of a guest needs


def rewritten(text: str) -> str:
    """The guest as it runs under protection, as text that `new_guest` takes."""
    wasm = without_bulk_memory(bytes(wasmtime.wat2wasm(text)))
    escaped = "".join(f"\\{byte:02x}" for byte in wasm)
    return f'(module binary "{escaped}")'


def loop(body: str, imports: str = "", locals_: str = "(local $at i32) (local $n i32)") -> str:
    return rewritten(f"""(module
      {imports}
      (memory (export "memory") 4)
      {TYPE_OF_HELPERS}
      (func (export "host_alloc") (param i32) (result i32) (i32.const 131072))
      (func (export "run") (result i32) {locals_} (loop $again {body} (br $again)) unreachable))""")


_NEXT = "(local.set $at (i32.and (i32.add (local.get $at) (i32.const 4093)) (i32.const 65535)))"
_CALLS = f"""
  (import "{WASI}" "random_get" (func $random (param i32 i32) (result i32)))
  (import "{WASI}" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "host" "call" (func $door (param i32 i32 i32 i32) (result i32)))"""
BUSY = {
    "copy": loop(f"(memory.copy (local.get $at) (i32.const 100000) (i32.const 90001)) {_NEXT}"),
    "copy over itself": loop(f"(memory.copy (i32.const 1) (local.get $at) (i32.const 150000)) {_NEXT}"),
    "copy a little": loop(f"(memory.copy (local.get $at) (i32.const 100000) (i32.const 9)) {_NEXT}"),
    "fill": loop(f"(memory.fill (local.get $at) (i32.const 255) (i32.const 190001)) {_NEXT}"),
    "fill a little": loop(f"(memory.fill (local.get $at) (i32.const 255) (i32.const 3)) {_NEXT}"),
    "load and store": loop(
        f"(i64.store (local.get $at) (i64.add (i64.load offset=8 (local.get $at)) (i64.const 1))) {_NEXT}"
    ),
    "grow": loop(f"(drop (memory.grow (i32.const 1))) (i32.store (local.get $at) (i32.const 1)) {_NEXT}"),
    "grow and stay there": loop("""(local.set $n (memory.grow (i32.const 1)))
      (if (i32.ne (local.get $n) (i32.const -1))
        (then (local.set $at (i32.mul (local.get $n) (i32.const 65536)))))
      (i32.store (local.get $at) (i32.const 1))"""),
    "ask for entropy": loop(f"(drop (call $random (local.get $at) (i32.const 70000))) {_NEXT}", _CALLS),
    "ask for the time": loop(f"(drop (call $clock (i32.const 1) (i64.const 0) (local.get $at))) {_NEXT}", _CALLS),
    "print": loop(
        f"""(i32.store (i32.const 70000) (local.get $at)) (i32.store (i32.const 70004) (i32.const 5000))
        (drop (call $write (i32.const 1) (i32.const 70000) (i32.const 1) (i32.const 70016)))
        (memory.copy (local.get $at) (i32.const 100000) (i32.const 999)) {_NEXT}""",
        _CALLS,
    ),
    "knock at the door": loop(
        f"(drop (call $door (local.get $at) (i32.const 64) (i32.const 70000) (i32.const 70004))) {_NEXT}", _CALLS
    ),
}


def stop_many(count: int, seed: int) -> collections.Counter[str]:
    """So many ends, and how they were told."""
    chance = random.Random(seed)
    outcomes: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        guest = new_guest(chance.choice(list(BUSY.values())), door=no_door, memory_bytes=16 * MIB, mode=Mode.PROTECTED)
        outcome, result = guest.run("run", deadline=time.monotonic() + chance.random() * 0.004)
        assert result is None
        assert guest.instance.failure is None
        assert isinstance(outcome, Exit)
        outcomes[str(outcome)] += 1
        guest.said.clear()
        guest.close()
    return outcomes


def main() -> None:
    """The number of stops comes from the command line; four guests at a time, as a server has."""
    each = int(sys.argv[1]) // _AT_ONCE
    seed = time.time_ns() % 100_000
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        counts = threads.map(lambda number: stop_many(each, seed + number), range(_AT_ONCE))
    print(json.dumps(sum(counts, collections.Counter())))
