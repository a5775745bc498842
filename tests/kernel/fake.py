"""A guest that does exactly what a test says, so that the kernel's host side meets what no Python would send.

A cell is a script: steps one after the other, each a letter, a length and that many bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import wasmtime

from tests.engine.guests import WASI, compiled
from wasm_interp._core.artifacts import Artifact
from wasm_interp._core.engine import Instance, default_mode, engine
from wasm_interp._core.images.image import PAGE_BYTES, Image
from wasm_interp._core.images.mapping import default_mapper
from wasm_interp._core.kernel.templates import Template
from wasm_interp._core.languages.base import CallRequest, CellRequest, Language, Ranges
from wasm_interp._core.languages.tree import Tree
from wasm_interp._core.protocol.frames import FrameKind, encode_frame
from wasm_interp._core.vfs import Base, BaseBuilder
from wasm_interp._core.wasi.descriptors import first_table

_ANSWER, _ANSWER_LENGTH, _DOOR_STATUS, _IOVEC, _WRITTEN, _ASKED, _COUNTER, _BROKEN = 16, 20, 24, 32, 40, 48, 52, 56
_ROOM = 0x10000  # where answers of the host go
_SCRIPT = 0x20000

_GUEST = f"""(module
  (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 4)
  (func $write (param $fd i32) (param $at i32) (param $length i32)
    (i32.store (i32.const {_IOVEC}) (local.get $at))
    (i32.store (i32.const {_IOVEC + 4}) (local.get $length))
    (drop (call $fd_write (local.get $fd) (i32.const {_IOVEC}) (i32.const 1) (i32.const {_WRITTEN}))))
  (func $recurse (param i32) (result i32) (i32.add (call $recurse (local.get 0)) (i32.const 1)))
  (func (export "host_alloc") (param i32) (result i32) (i32.const {_ROOM}))
  (func (export "turn") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $step i32)
    (if (i32.eq (i32.load (i32.const {_BROKEN})) (i32.const 1)) (then unreachable))
    (if (i32.eq (i32.load (i32.const {_BROKEN})) (i32.const 2)) (then (return (i32.const 0))))
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $over (loop $next
      (br_if $over (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $step (i32.load8_u (local.get $at)))
      (local.set $length (i32.load (i32.add (local.get $at) (i32.const 1))))
      (local.set $at (i32.add (local.get $at) (i32.const 5)))
      (if (i32.eq (local.get $step) (i32.const {ord("c")})) (then
        (i32.store (i32.const {_DOOR_STATUS}) (call $call (local.get $at) (local.get $length)
          (i32.const {_ANSWER}) (i32.const {_ANSWER_LENGTH})))))
      (if (i32.eq (local.get $step) (i32.const {ord("C")})) (then
        (i32.store (i32.const {_DOOR_STATUS}) (call $call (i32.load (local.get $at))
          (i32.load (i32.add (local.get $at) (i32.const 4))) (i32.const {_ANSWER}) (i32.const {_ANSWER_LENGTH})))))
      (if (i32.eq (local.get $step) (i32.const {ord("a")})) (then
        (call $write (i32.const 1) (i32.load (i32.const {_ANSWER})) (i32.load (i32.const {_ANSWER_LENGTH})))))
      (if (i32.eq (local.get $step) (i32.const {ord("s")})) (then
        (call $write (i32.const 1) (i32.const {_DOOR_STATUS}) (i32.const 4))))
      (if (i32.eq (local.get $step) (i32.const {ord("o")})) (then
        (call $write (i32.const 1) (local.get $at) (local.get $length))))
      (if (i32.eq (local.get $step) (i32.const {ord("e")})) (then
        (call $write (i32.const 2) (local.get $at) (local.get $length))))
      (if (i32.eq (local.get $step) (i32.const {ord("n")})) (then
        (i32.store (i32.const {_COUNTER}) (i32.add (i32.load (i32.const {_COUNTER})) (i32.const 1)))
        (i32.store8 (i32.const {_ROOM}) (i32.add (i32.load (i32.const {_COUNTER})) (i32.const {ord("0")})))
        (call $write (i32.const 1) (i32.const {_ROOM}) (i32.const 1))))
      (if (i32.eq (local.get $step) (i32.const {ord("k")})) (then
        (i32.store (i32.const {_BROKEN}) (i32.load8_u (local.get $at)))))
      (if (i32.eq (local.get $step) (i32.const {ord("u")})) (then unreachable))
      (if (i32.eq (local.get $step) (i32.const {ord("b")})) (then (drop (i32.load (i32.const -8)))))
      (if (i32.eq (local.get $step) (i32.const {ord("r")})) (then (drop (call $recurse (i32.const 0)))))
      (if (i32.eq (local.get $step) (i32.const {ord("x")})) (then (call $proc_exit (i32.load8_u (local.get $at)))))
      (if (i32.eq (local.get $step) (i32.const {ord("l")})) (then
        (loop $until_asked (br_if $until_asked (i32.eqz (i32.load (i32.const {_ASKED})))))
        (i32.store (i32.const {_ASKED}) (i32.const 0))))
      (if (i32.eq (local.get $step) (i32.const {ord("L")})) (then
        (loop $for_ever (drop (i32.load (i32.const {_ASKED}))) (br $for_ever))))
      (local.set $at (i32.add (local.get $at) (local.get $length)))
      (br $next)))
    (i32.const 0)))"""


def _step(letter: str, data: bytes = b"") -> str:
    return (letter.encode() + len(data).to_bytes(4, "little") + data).decode("latin-1")


def send(data: bytes) -> str:
    """Send bytes through the door."""
    return _step("c", data)


def frame(kind: FrameKind, payload: bytes = b"{}") -> str:
    """Send one frame through the door."""
    return send(encode_frame(kind, payload))


def guest_module() -> bytes:
    """The guest as a module."""
    return bytes(wasmtime.wat2wasm(_GUEST))


class FakeLanguage(Language):
    """Hands a cell's bytes to the guest as they are."""

    name = "fake"
    smallest_cell = frame(FrameKind.DONE)
    aliases = frozenset({"fake"})
    suffixes = ()

    def guest(self) -> Artifact:
        raise NotImplementedError

    def kernel_identity(self) -> str:
        return "fake"

    def boot(self) -> bytes:
        return b""

    def warm_up(self, instance: Instance, send: Callable[[bytes], None]) -> Ranges:
        return ()

    @property
    def endless_loop(self) -> str:
        return LOOP

    def run_request(self, cell: CellRequest) -> bytes:
        return cell.code.encode("latin-1")

    def call_setup(self, name: str) -> str:
        return name

    def call_request(self, call: CallRequest) -> bytes:
        return call.event.encode("latin-1")

    def send(self, instance: Instance, request: bytes) -> int:
        instance.write(_SCRIPT, request)
        return instance.function("turn", 2)(_SCRIPT, len(request))


@functools.cache
def fake_template() -> Template:
    """A template whose image is the guest's own memory at its start, enlarged to take large scripts."""
    chosen = engine(default_mode())
    base, root = _base()
    return Template(
        FakeLanguage(),
        chosen,
        compiled(_GUEST, chosen.raw),
        default_mapper(),
        Tree(base, ()),
        Image(600 * PAGE_BYTES, ()),
        first_table((("/", root),)),
        ((_ASKED, 1),),
        (),
        "fake",
    )


def _base() -> tuple[Base, int]:
    builder = BaseBuilder()
    return builder.build(), builder.root


def send_from(pointer: int, length: int) -> str:
    """Send what is at an address of the guest's own, which need not be one."""
    return _step("C", pointer.to_bytes(4, "little") + length.to_bytes(4, "little"))


def out(data: bytes) -> str:
    """Write to fd 1."""
    return _step("o", data)


def err(data: bytes) -> str:
    """Write to fd 2."""
    return _step("e", data)


def exit_with(status: int) -> str:
    """Call proc_exit."""
    return _step("x", bytes([status]))


DONE = frame(FrameKind.DONE)
ANSWER = _step("a")  # print what the host answered last
STATUS = _step("s")  # print the door's last outcome, 4 bytes
COUNT = _step("n")  # print how often this was done, in this guest's life
ABORT_EVER_AFTER = _step("k", b"\1")  # in each later run
SILENT_EVER_AFTER = _step("k", b"\2")
ABORT = _step("u")
OUT_OF_BOUNDS = _step("b")
RECURSE = _step("r")
LOOP = _step("l")  # until it is asked to stop
LOOP_FOR_EVER = _step("L")
