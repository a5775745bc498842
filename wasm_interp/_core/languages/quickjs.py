"""QuickJS as a guest: the functions that it imports, and the values that pass between it and its host.

A value of the guest is held by the address of a cell that its own glue allocated (``quickjs-wasi``: every
``qjs_*`` export takes and returns such addresses); an address that is owned is freed with ``qjs_free_value``.
Rule: what a program's code runs under is an export called from `Instance.enter`, never one called from in here, so
that its traps are told apart and it has the whole native stack. What is called from in here is short.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Any
from weakref import WeakSet

from wasm_interp._core.artifacts import artifact, kernel_folder
from wasm_interp._core.engine import MOST_NESTED, HostImport, Instance
from wasm_interp._core.protocol.frames import MAX_FRAME_BYTES, FrameKind, encode_frame
from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.calls import CALLS, dispatch
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp._core.wasi.state import GuestExit
from wasm_interp.errors import ProtocolError

_VALUE = struct.Struct("<II")  # a JSValue where pointers have 32 bits: what it is, and its tag
_INTEGER_TAG, _FIRST_TAG, _DOUBLE_TAG = 0, -9, 8  # quickjs.h; other values of the tag's place are a double's bits
_DOUBLE_ADDEND = (0x7FF80000 - _FIRST_TAG + 1) << 32
_DOUBLE = struct.Struct("<d")
_BITS = struct.Struct("<Q")
_POINTERS = 4
UNDEFINED_TAG, EXCEPTION_TAG = frozenset({3}), frozenset({6})
STRING_TAGS = frozenset({0x100000000 - 7, 0x100000000 - 6})  # a string, and a rope of strings
_TOO_LONG = {
    FrameKind.RESULT: b'{"data":{"text/plain":"[a result of more bytes than a frame may have]"},"main":true}',
    FrameKind.ERROR: b'{"name":"Error","value":"[an error of more bytes than a frame may have]"}',
}
_NOT_ASKED = "the host does not take what the cell asks of it: it is nested too deep, or too large"
_NOT_TAKEN = json.dumps(
    {"name": "RangeError", "value": _NOT_ASKED, "traceback": [f"RangeError: {_NOT_ASKED}"]}
).encode()
_LAST_KINDS = {int(kind): kind for kind in (FrameKind.RESULT, FrameKind.ERROR, FrameKind.WAITING)}
_DONE_FRAME = encode_frame(FrameKind.DONE, b"{}")
# Host functions inside one another, through JavaScript that each calls: a RangeError comes before the engine's own end.
_MOST_DEPTH = MOST_NESTED - 4
_telling: WeakSet[Instance] = WeakSet()
_CALLS = {call.name: call for call in CALLS}


LIBRARIES = (
    *("acorn.mjs", "inspect.cjs", "whatwg-url.cjs", "buffer.cjs"),
    *("base64-js.cjs", "ieee754.cjs", "events.cjs", "path.cjs"),
)


class Operation(IntEnum):
    """What the kernel's one function is asked, by its first argument."""

    RUN = 0
    VALUE = 1
    LAST_VALUE = 2
    THREW = 3
    STEP = 4
    STOPPED = 5
    REJECTION = 6
    NORMALIZE = 7
    LOAD = 8
    BEGIN = 9
    INTERRUPTED = 10


# A block of the guest's memory that a context's opaque pointer names: the kernel's function and undefined as values,
# where the state of Math.random is, and the number of each operation as values; then room for a length, for
# arguments, and for a request.
BLOCK = struct.Struct(f"<III{len(Operation)}I")
KERNEL, GENERATOR = 0, 8
GENERATOR_BYTES = 8
LENGTH = BLOCK.size
ARGUMENTS = LENGTH + 4
REQUEST = ARGUMENTS + 16
REQUEST_BYTES = 4000
RESERVE = REQUEST + REQUEST_BYTES  # the address of memory to be freed when a program has taken all there is
BLOCK_BYTES = RESERVE + 4
RESERVE_BYTES = 512 << 10


def number_bits(value: int) -> int:
    """The argument of ``qjs_new_number``, a double."""
    bits: int = _BITS.unpack(_DOUBLE.pack(value))[0]
    return bits


class GuestThrew(Exception):
    """The guest has an exception pending, which is the outcome of what it asked for."""


class HostCall:
    """One call of a host function by the guest's JavaScript: its arguments, and how to answer."""

    def __init__(self, instance: Instance, argument_cells: tuple[int, ...]) -> None:
        self.instance = instance
        self._cells = argument_cells

    def guest(self, name: str, *arguments: int) -> int:
        """Call an export."""
        return self.instance.call_inside(name, *arguments)

    @property
    def count(self) -> int:
        """How many arguments there are."""
        return len(self._cells)

    def cell(self, index: int) -> int:
        """The address of an argument."""
        return self._cells[index] if index < len(self._cells) else 0

    def integer(self, index: int) -> int:
        """An argument as 32 bits, unsigned; what is no number counts as 0."""
        value, tag = self.instance.memory.unpack(_VALUE, self.cell(index))
        return int(value) if tag == _INTEGER_TAG else _double_as_integer(value, tag)

    def integers(self) -> list[int]:
        return [self.integer(index) for index in range(len(self._cells))]

    def text(self, index: int, room: int) -> bytes:
        """An argument's text as UTF-8, a lone surrogate as its three bytes. ``room`` is 4 bytes of the guest's.

        Raises GuestThrew: what is no text is made text by the program.
        """
        start = self.guest("qjs_get_string_len", self.cell(index), room)
        if not start:
            raise GuestThrew
        data = self.instance.memory.read(start, self.instance.memory.read_u32(room))
        self.guest("qjs_free_cstring", start)
        return data

    def undefined(self) -> int:
        return self.guest("qjs_get_undefined")

    def new_integer(self, value: int) -> int:
        return self.guest("qjs_new_number", number_bits(value))

    def new_text(self, data: bytes) -> int:
        return self._from_bytes("qjs_new_string", data)

    def new_buffer(self, data: bytes) -> int:
        return self._from_bytes("qjs_new_array_buffer", data)

    def evaluate(self, source: bytes, filename: bytes) -> int:
        """The value of a short expression, in the program's realm; 0, and an exception, if it is none."""
        code, name = self._place(source + b"\0"), self._place(filename + b"\0")
        value = self.guest("qjs_eval", code, len(source), name, 0)
        self.guest("wasm_free", code)
        self.guest("wasm_free", name)
        return self.unless_thrown(value)

    def call_kernel(self, operation: int, *cells: int) -> int:
        """The kernel's answer, owned, or 0 and an exception."""
        block = self.guest("JS_GetContextOpaque", self.guest("qjs_get_context_ptr"))
        memory = self.instance.memory
        number = self.new_integer(operation)
        arguments = self._place(struct.pack(f"<{1 + len(cells)}I", number, *cells))
        undefined = self.undefined()
        answer = self.guest("qjs_call", memory.read_u32(block + KERNEL), undefined, 1 + len(cells), arguments)
        self.guest("wasm_free", arguments)
        self.guest("qjs_free_value", number)
        self.guest("qjs_free_value", undefined)
        return self.unless_thrown(answer)

    def unless_thrown(self, value: int) -> int:
        """``value``, or 0, which says that an exception is pending."""
        if self.guest("qjs_is_exception", value):
            self.guest("qjs_free_value", value)
            return 0
        return value

    def throw(self, export: str, message: bytes) -> int:
        """0, with an error of the engine's own pending; ``message`` has no "%"."""
        text = self._place(message + b"\0")
        self.guest(export, self.guest("qjs_get_context_ptr"), text, 0)
        self.guest("wasm_free", text)
        return 0

    def throw_out_of_memory(self) -> int:
        """0, with that error pending."""
        self.guest("JS_ThrowOutOfMemory", self.guest("qjs_get_context_ptr"))
        return 0

    def make_uncatchable(self, error: int) -> None:
        """No code of the program gets to catch the error at the address."""
        low, high = self.instance.memory.unpack(_VALUE, error)
        self.guest("JS_SetUncatchableError", self.guest("qjs_get_context_ptr"), low | high << 32)

    def c_string(self, pointer: int) -> bytes:
        """The bytes up to a zero."""
        return self.instance.memory.read(pointer, self.guest("strlen", pointer))

    def _from_bytes(self, function: str, data: bytes) -> int:
        place = self._place(data + b"\0")
        value = self.guest(function, place, len(data))
        self.guest("wasm_free", place)
        return value

    def _place(self, data: bytes) -> int:
        place = self.guest("wasm_malloc", len(data))
        if not place:
            raise MemoryError(f"the guest has no room for {len(data)} bytes")
        self.instance.memory.write(place, data)
        return place


def _double_as_integer(low: int, high: int) -> int:
    if (high - _FIRST_TAG) & 0xFFFFFFFF < _DOUBLE_TAG - _FIRST_TAG:
        return 0
    (number,) = _DOUBLE.unpack(_BITS.pack(((high << 32 | low) + _DOUBLE_ADDEND) & 0xFFFFFFFFFFFFFFFF))
    return int(number) & 0xFFFFFFFF if abs(number) < 1 << 53 else 0


# --- what the kernel's JavaScript calls, by name --------------------------------


def _wasi(call: HostCall) -> int:
    """wasi(index of the call, its arguments; a 64-bit one as two, low half first) -> errno."""
    index, *words = call.integers()
    wanted = CALLS[index] if index < len(CALLS) else _CALLS["sched_yield"]
    if wanted.name == "proc_exit":
        return call.new_integer(Errno.NOSYS)
    arguments, position = [], 0
    for code in wanted.parameters:
        low = words[position] if position < len(words) else 0
        position += 1
        if code == "I":
            arguments.append(low)
            continue
        high = words[position] if position < len(words) else 0
        position += 1
        wide = low | high << 32
        arguments.append(wide - (1 << 64) if code == "q" and high >> 31 else wide)
    return call.new_integer(dispatch(wanted.function, call.instance.wasi, tuple(arguments)))


def _wasi_index(call: HostCall) -> int:
    """wasiIndex(room, name) -> what ``wasi`` calls that call."""
    name = call.text(1, call.integer(0)).decode()
    return call.new_integer(CALLS.index(_CALLS[name]))


def _send(call: HostCall) -> int:
    """send(room, kind, JSON text) -> the host's answer as text, or undefined; the size of what is too long"""
    if _is_to_stop(call):
        return 0
    payload = call.text(2, call.integer(0))
    kind = call.integer(1)
    if len(payload) > MAX_FRAME_BYTES:
        return call.new_integer(len(payload))
    try:
        answer = call.instance.door(encode_frame(FrameKind(kind), payload))
    except (ProtocolError, ValueError):
        return call.undefined()
    return call.new_text(answer) if answer else call.undefined()


def _finish(call: HostCall) -> int:
    """finish(room, [kind, JSON text]...): the last frames of a run, at once"""
    room, door = call.integer(0), call.instance.door
    for index in range(1, call.count - 1, 2):
        kind = _LAST_KINDS.get(call.integer(index))
        if kind is not None:
            _offer(door, kind, call.text(index + 1, room))
    door(_DONE_FRAME)
    return call.undefined()


def _offer(door: Callable[[bytes], bytes], kind: FrameKind, payload: bytes) -> None:
    """Nonsense, or more than a frame may have, is the guest's own loss; a cell that cannot wait so has failed."""
    if len(payload) > MAX_FRAME_BYTES:
        payload = _TOO_LONG.get(kind, b"")
    try:
        door(encode_frame(kind, payload))
    except ProtocolError:
        if kind is FrameKind.WAITING:
            door(encode_frame(FrameKind.ERROR, _NOT_TAKEN))


def _print(call: HostCall) -> int:
    """print(room, 1 or 2, text)"""
    if _is_to_stop(call):
        return 0
    data = call.text(2, call.integer(0))
    stream = Stream.STDERR if call.integer(1) == Stream.STDERR else Stream.STDOUT
    call.instance.wasi.output(stream, memoryview(data))
    return call.undefined()


def _address(call: HostCall) -> int:
    """address(room, ArrayBuffer) -> where its bytes are"""
    return call.new_integer(_signed(call.guest("qjs_get_array_buffer", call.cell(1), call.integer(0))))


def _encode(call: HostCall) -> int:
    """encode(room, text) -> ArrayBuffer of its UTF-8"""
    return call.new_buffer(call.text(1, call.integer(0)))


def _decode(call: HostCall) -> int:
    """decode(address, length) -> text; what is no UTF-8 becomes U+FFFD"""
    data = call.instance.memory.read(call.integer(0), call.integer(1))
    return call.new_text(data.decode("utf-8", "replace").encode())


def _compile(call: HostCall) -> int:
    """compile(room, source of an expression, file name) -> its value, in the program's realm"""
    room = call.integer(0)
    return call.evaluate(call.text(1, room), call.text(2, room))


def _resource(call: HostCall) -> int:
    """resource(room, name) -> text of a file of the kernel or of a library"""
    return call.new_text(_resource_bytes(call.text(1, call.integer(0)).decode()))


def _is_memory_full(call: HostCall) -> int:
    """isMemoryFull() -> whether the guest's memory has come to its limit, which it does not come back from"""
    return call.guest("qjs_get_true" if call.instance.is_memory_full else "qjs_get_false")


def _quit(call: HostCall) -> int:
    """quit(error): throw it so that nothing catches it"""
    call.make_uncatchable(call.cell(0))
    call.guest("qjs_throw", call.cell(0))
    return 0


def _is_to_stop(call: HostCall) -> bool:
    """Whether the run is to stop; an interruption is pending then.

    The engine asks by itself once in ten thousand steps of the program, of which each may write a megabyte.
    """
    if not _interrupt(call.instance, ()):
        return False
    call.throw("JS_ThrowInternalError", b"interrupted")
    error = call.guest("qjs_get_exception")
    call.make_uncatchable(error)
    call.guest("qjs_throw", error)
    call.guest("qjs_free_value", error)
    return True


def _reseed(call: HostCall) -> int:
    """reseed(room, seed): Math.random goes on from the seed, or from the host's entropy if it is empty"""
    seed = call.text(1, call.integer(0))
    memory = call.instance.memory
    block = call.guest("JS_GetContextOpaque", call.guest("qjs_get_context_ptr"))
    state = hashlib.sha256(seed).digest()[:GENERATOR_BYTES] if seed else call.instance.wasi.entropy(GENERATOR_BYTES)
    memory.write(memory.read_u32(block + GENERATOR), state)
    return call.undefined()


def _value_of(export: str) -> Callable[[HostCall], int]:
    return lambda call: call.guest(export, call.cell(0))


def _number_of(export: str) -> Callable[[HostCall], int]:
    return lambda call: call.new_integer(_signed(call.guest(export, call.cell(0))))


FUNCTIONS: dict[str, Callable[[HostCall], int]] = {
    "wasi": _wasi,
    "wasiIndex": _wasi_index,
    "send": _send,
    "finish": _finish,
    "print": _print,
    "address": _address,
    "encode": _encode,
    "decode": _decode,
    "compile": _compile,
    "resource": _resource,
    "isMemoryFull": _is_memory_full,
    "quit": _quit,
    "reseed": _reseed,
    "classId": _number_of("qjs_get_class_id"),
    "promiseState": _number_of("qjs_promise_state"),
    "promiseResult": _value_of("qjs_promise_result"),
    "proxyTarget": _value_of("qjs_get_proxy_target"),
    "proxyHandler": _value_of("qjs_get_proxy_handler"),
}
_BY_NAME = {name.encode(): function for name, function in FUNCTIONS.items()}


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


# --- what its C code calls ------------------------------------------------------


def _host_call(instance: Instance, arguments: tuple[Any, ...]) -> int:
    name, length, _, count, pointers = arguments
    memory = instance.memory
    try:
        cells = struct.unpack(f"<{count}I", memory.read(pointers, _POINTERS * count)) if count else ()
        function = _BY_NAME[memory.read(name, length)]
        return _call(function, HostCall(instance, cells))
    except (FileSystemError, LookupError, ValueError) as error:
        # No kernel of ours asks so: the program has broken its interpreter.
        raise GuestExit from error


def _call(function: Callable[[HostCall], int], call: HostCall) -> int:
    instance = call.instance
    if instance.nesting >= _MOST_DEPTH:
        return call.throw("JS_ThrowRangeError", b"Maximum call stack size exceeded")
    try:
        return function(call)
    except GuestThrew:
        return 0
    except MemoryError:
        return call.throw_out_of_memory()


def _interrupt(instance: Instance, arguments: tuple[Any, ...]) -> int:
    """Whether the program is to be interrupted; the kernel is told first, and must not be interrupted meanwhile."""
    if instance.stopper.requested is None:
        return 0
    if instance not in _telling:
        _telling.add(instance)
        call = HostCall(instance, ())
        answer = call.call_kernel(Operation.INTERRUPTED)
        if answer:
            call.guest("qjs_free_value", answer)
        _telling.discard(instance)
        return 1
    return 0


def _promise_rejection(instance: Instance, arguments: tuple[Any, ...]) -> int:
    promise, reason, is_handled = arguments
    call = HostCall(instance, ())
    handled = call.new_integer(is_handled)
    answer = call.call_kernel(Operation.REJECTION, promise, reason, handled)
    for cell in (promise, reason, handled, answer):
        if cell:
            call.guest("qjs_free_value", cell)
    return 0


def _module_normalize(instance: Instance, arguments: tuple[Any, ...]) -> int:
    call = HostCall(instance, ())
    base, name = (call.c_string(pointer) for pointer in arguments)
    if not _has_kernel(call):
        return call._place(_boot_module_name(base.decode(), name.decode()).encode() + b"\0")
    return _text_of_answer(call, Operation.NORMALIZE, [base, name])[0]


def _module_load(instance: Instance, arguments: tuple[Any, ...]) -> int:
    name_pointer, length_pointer = arguments
    call = HostCall(instance, ())
    name = call.c_string(name_pointer)
    if not _has_kernel(call):
        source = _resource_bytes(name.decode())
        place, length = call._place(source + b"\0"), len(source)
    else:
        place, length = _text_of_answer(call, Operation.LOAD, [name])
    if place:
        instance.memory.write_u32(length_pointer, length)
    return place


def _text_of_answer(call: HostCall, operation: int, texts: list[bytes]) -> tuple[int, int]:
    """A copy of the kernel's answer, to be freed by the guest, and its length; (0, 0) and an exception."""
    cells = [call.new_text(text) for text in texts]
    answer = call.call_kernel(operation, *cells)
    for cell in cells:
        call.guest("qjs_free_value", cell)
    if not answer:
        return 0, 0
    room = call._place(bytes(4))
    start = call.guest("qjs_get_string_len", answer, room)
    data = call.instance.memory.read(start, call.instance.memory.read_u32(room))
    call.guest("qjs_free_cstring", start)
    call.guest("qjs_free_value", answer)
    call.guest("wasm_free", room)
    return call._place(data + b"\0"), len(data)


def _has_kernel(call: HostCall) -> bool:
    return bool(call.guest("JS_GetContextOpaque", call.guest("qjs_get_context_ptr")))


def _timezone_offset(instance: Instance, arguments: tuple[Any, ...]) -> int:
    return 0  # every sandbox is in UTC


IMPORTS = (
    HostImport("env", "host_call", "IIIII", True, _host_call),
    HostImport("env", "host_interrupt", "", True, _interrupt),
    HostImport("env", "host_promise_rejection", "III", False, _promise_rejection),
    HostImport("env", "host_module_normalize", "II", True, _module_normalize),
    HostImport("env", "host_module_load", "II", True, _module_load),
    HostImport("env", "host_get_timezone_offset", "II", True, _timezone_offset),
)


# --- the kernel's own modules, when a template is made ---------------------------


def _boot_module_name(base: str, name: str) -> str:
    return "kernel/" + name.removeprefix("./") if name.startswith("./") else f"npm/{name}.mjs"


def _resource_bytes(name: str) -> bytes:
    """The bytes of ``npm/...``, a library, or of a file of our own kernel."""
    if name.removeprefix("npm/") in LIBRARIES:
        return artifact("javascript", name).path.read_bytes()
    folder = kernel_folder("javascript")
    known = {path.relative_to(folder).as_posix(): path for path in folder.glob("*/*.js")}
    return known[name].read_bytes()  # by name only: a guest that is broken must not lead the host about its disk
