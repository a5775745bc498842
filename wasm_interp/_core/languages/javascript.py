"""JavaScript: QuickJS, driven through its C interface.

A run: the kernel gets the request and gives back the source to evaluate; the host evaluates it, so that
the program's code runs with nothing of ours below it on the stack; the kernel gets the value, or what was thrown;
then jobs run and the kernel steps through timers until it says that the run is over.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from wasm_interp._core.artifacts import Artifact, artifact, kernel_folder
from wasm_interp._core.engine import Instance
from wasm_interp._core.languages import quickjs
from wasm_interp._core.languages.base import CallRequest, CellRequest, Language, Ranges
from wasm_interp._core.languages.quickjs import Operation

# The guest's stack of 1 MiB is in linear memory, below its data; what is left is for C code at the deepest point.
_STACK_BYTES = 832 << 10
_MODULE, _ASYNC = 1, 128  # of JS_EVAL_TYPE and JS_EVAL_FLAG
_HEADER_BYTES = 64  # of a prepared source, at most
_CONTEXT_BYTES = 1024  # where to look for a value in a JSContext
_FIRST_COLLECTION_BYTES = 16 << 20
_STATE = struct.Struct("<Q")
_BOOT = b"boot"
_JOBS_AFTER_STOP = 200_000
_MOST_FAILED_STEPS = 10  # each would fail, and the run never end, once the guest has no memory for anything
_WARM_ROUNDS = 20
_WARM_CELLS = (
    "1 + 1",
    "let a = 1; const b = {x: [1, 'two', null]}; b",
    "console.log('%s is %d', 'a', 1, {a: 1}, [1, 2])",
    "class A { #p = 1; m() { return this.#p } }; new A()",
    "(function f(x) { return x * 2 })(21)",
    "await Promise.resolve(1)",
    "null.x",
    "new Map([[1, new Set([2])]])",
    "setTimeout(() => {}, 0); undefined",
    "let ;",
)


# A call is then a cell without `await` and its like, which needs no parsing to be made ready.
_CALL_SETUP = """
globalThis.__wasm_interp_serve__ = ((parse, stringify) => (event) => {
  const answer = (value) => stringify(value) ?? "null";
  const value = NAME(parse(event));
  return typeof value?.then === "function" ? value.then(answer) : answer(value);
})(JSON.parse, JSON.stringify);
typeof NAME === "function"
"""


class JavaScriptLanguage(Language):
    """QuickJS in WebAssembly."""

    name = "javascript"
    aliases = frozenset({"javascript", "js", "node"})
    suffixes: ClassVar[tuple[str, ...]] = (".js", ".mjs", ".cjs")
    imports = quickjs.IMPORTS
    polls = True

    def guest(self) -> Artifact:
        return artifact("javascript", "quickjs.wasm")

    def kernel_identity(self) -> str:
        digest = hashlib.sha256(Path(__file__).read_bytes() + Path(quickjs.__file__).read_bytes())
        for name in quickjs.LIBRARIES:
            digest.update(artifact("javascript", f"npm/{name}").sha256.encode())
        for path in _sources():
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def boot(self) -> bytes:
        return _BOOT

    def warm_up(self, instance: Instance, send: Callable[[bytes], None]) -> Ranges:
        for _ in range(_WARM_ROUNDS):
            for code in _WARM_CELLS:
                send(json.dumps({"kind": "warm", "code": code}).encode())
        send(b'{"kind":"freeze"}')
        instance.enter(lambda: _settle(instance), deadline=None)
        generator = _find_generator(instance)
        instance.enter(lambda: _note_generator(instance, generator), deadline=None)
        return ((generator, quickjs.GENERATOR_BYTES),)

    @property
    def endless_loop(self) -> str:
        return "while (true);"

    def call_setup(self, name: str) -> str:
        return _CALL_SETUP.replace("NAME", name)

    def call_request(self, call: CallRequest) -> bytes:
        code = f"__wasm_interp_serve__({json.dumps(call.event)})"
        return Language.run_request(self, CellRequest(code, call.execution_count, None, call.start))

    def make_room(self, instance: Instance, size_bytes: int) -> int:
        place = instance.function("wasm_malloc", 1)(size_bytes)
        return instance.function("wasm_free", 1)(place)

    def send(self, instance: Instance, request: bytes) -> int:
        if instance.kept is None and not instance.function("qjs_get_context_ptr", 0)():
            _Boot(instance).run()
            return 0
        try:
            return _Turn(instance).serve(request)
        except MemoryError as error:
            reason = f"out of memory: {error}"
        try:
            turn = _Turn(instance)
            turn.use_reserve()
            return turn.serve(_refusal(request, reason))
        except MemoryError:
            return 1  # not a word more fits in; the run ends without one


def _refusal(request: bytes, reason: str) -> bytes:
    """The request for a cell that fails at once, in the place of ``request``."""
    refused = {"name": "InternalError", "value": reason, "line": 0, "column": 0}
    fields = json.loads(request)
    kept = {name: fields[name] for name in ("count", "start") if name in fields}
    fields = {"count": 0, **kept, "kind": "run", "code": "", "source": "", "refused": refused}
    return json.dumps(fields).encode()


def _settle(instance: Instance) -> int:
    """Collect what the warm-up left; a collection writes to every object, so a context puts off its first."""
    instance.function("qjs_run_gc", 0)()
    instance.function("qjs_set_gc_threshold", 1)(_FIRST_COLLECTION_BYTES)
    return 0


def _note_generator(instance: Instance, address: int) -> int:
    block = instance.function("JS_GetContextOpaque", 1)(instance.function("qjs_get_context_ptr", 0)())
    instance.write(block + quickjs.GENERATOR, address.to_bytes(4, "little"))
    return 0


def _find_generator(instance: Instance) -> int:
    """Where the state of Math.random is: the 8 bytes of the context that become what its algorithm makes of them."""
    states = []

    def draw() -> int:
        context = instance.function("qjs_get_context_ptr", 0)()
        for _ in range(2):
            states.append(instance.read(context, _CONTEXT_BYTES))
            _Turn(instance).serve(b'{"kind":"warm","code":"Math.random()"}')
        states.append(context.to_bytes(4, "little"))
        return 0

    instance.enter(draw, deadline=None)
    before, after, context = states
    for offset in range(0, _CONTEXT_BYTES, _STATE.size):
        (state,) = _STATE.unpack_from(before, offset)
        if state and _STATE.unpack_from(after, offset)[0] == _next_state(state):
            return int.from_bytes(context, "little") + offset
    raise LookupError("the state of Math.random is not where this build of QuickJS should have it")


def _next_state(state: int) -> int:
    """Xorshift64*, as QuickJS has it."""
    state ^= state >> 12
    state ^= state << 25 & 0xFFFFFFFFFFFFFFFF
    return state ^ state >> 27


def _sources() -> list[Path]:
    return sorted(kernel_folder("javascript").rglob("*.js"))


@dataclass(frozen=True, slots=True)
class _Block:
    """What `quickjs.BLOCK` says, and where it is: the same for every instance of one template."""

    address: int
    kernel: int
    undefined: int
    operations: tuple[int, ...]


def _block(instance: Instance) -> _Block:
    """Read once per instance. All of it is the guest's own memory: a program that moves it harms its own context."""
    if isinstance(instance.kept, _Block):
        return instance.kept
    address = instance.function("JS_GetContextOpaque", 1)(instance.function("qjs_get_context_ptr", 0)())
    kernel, undefined, _, *operations = quickjs.BLOCK.unpack(instance.read(address, quickjs.BLOCK.size))
    instance.kept = block = _Block(address, kernel, undefined, tuple(operations))
    return block


class _Turn:
    """One request, served from inside `Instance.enter`."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._failed_steps = 0
        block = _block(instance)
        self._block = block.address
        self._kernel, self._undefined, self._operations = block.kernel, block.undefined, block.operations

    def serve(self, request: bytes) -> int:
        source = self._ask(Operation.RUN, self._text(request))
        is_over = self._is(source, quickjs.STRING_TAGS) and self._evaluate(source)
        self._call("qjs_free_value", source)
        while not is_over:
            is_over = not (self._run_jobs() and self._step())
        return 0

    def _text(self, request: bytes) -> int:
        if len(request) <= quickjs.REQUEST_BYTES:
            place = self._block + quickjs.REQUEST
            self._instance.write(place, request)
            return self._call("qjs_new_string", place, len(request))
        place = self._place(request)
        text = self._call("qjs_new_string", place, len(request))
        self._call("wasm_free", place)
        return text

    def _evaluate(self, source: int) -> bool:
        """Whether the run is over. ``source`` is a (it awaits) or s, a file name, a zero, and the code."""
        start = self._call("qjs_get_string_len", source, self._block + quickjs.LENGTH)
        length = int.from_bytes(self._instance.read(self._block + quickjs.LENGTH, 4), "little")
        header = self._instance.read(start, min(_HEADER_BYTES, length))
        end = header.index(b"\0") + 1
        flags = _ASYNC if header.startswith(b"a") else 0
        value = self._call("qjs_eval", start + end, length - end, start + 1, flags)
        if not value:
            raise MemoryError("no room for the value of the cell")
        self._call("qjs_free_cstring", start)
        if self._is(value, quickjs.EXCEPTION_TAG):
            self._call("qjs_free_value", value)
            self._tell(Operation.THREW, self._call("qjs_get_exception"))
            return False
        if flags or self._call("qjs_is_job_pending") or self._instance.stopper.requested is not None:
            self._tell(Operation.VALUE, value)
            return False
        answer = self._ask(Operation.LAST_VALUE, value)
        is_over = self._is(answer, quickjs.UNDEFINED_TAG)
        self._call("qjs_free_value", answer)
        return is_over

    def use_reserve(self) -> None:
        """Make room for the kernel to say that there is none; once in the life of a context."""
        place = self._block + quickjs.RESERVE
        reserve = int.from_bytes(self._instance.read(place, 4), "little")
        self._instance.write(place, bytes(4))
        self._call("wasm_free", reserve)

    def _run_jobs(self) -> bool:
        """Every microtask; False when the run was stopped."""
        run = self._instance.function("qjs_execute_pending_job", 0)
        stopper = self._instance.stopper
        while stopper.requested is None:
            outcome = run()
            if outcome == 0:
                return True
            if outcome >> 31:
                self._tell(Operation.THREW, self._call("qjs_get_exception"))
        return self._stop()

    def _step(self) -> bool:
        answer = self._ask(Operation.STEP)
        goes_on = not self._is(answer, quickjs.UNDEFINED_TAG)
        if self._is(answer, quickjs.EXCEPTION_TAG):  # the program quit in a callback, which the next step tells
            self._failed_steps += 1
            goes_on = self._failed_steps < _MOST_FAILED_STEPS
        self._call("qjs_free_value", answer)
        return goes_on or self._instance.stopper.requested is not None

    def _stop(self) -> bool:
        """The run is to stop: end what is left of it, and let the kernel say so."""
        run = self._instance.function("qjs_execute_pending_job", 0)
        for _ in range(_JOBS_AFTER_STOP):
            outcome = run()
            if outcome == 0:
                break
            if outcome >> 31:
                self._call("qjs_free_value", self._call("qjs_get_exception"))
        self._call("qjs_set_interrupt_handler", 0)
        self._call("qjs_free_value", self._ask(Operation.STOPPED))
        self._call("qjs_set_interrupt_handler", 1)
        return False

    def _tell(self, operation: Operation, value: int) -> None:
        self._call("qjs_free_value", self._ask(operation, value))

    def _ask(self, operation: Operation, *cells: int) -> int:
        """The kernel's answer; its arguments are freed."""
        arguments = self._block + quickjs.ARGUMENTS
        self._instance.write(arguments, struct.pack(f"<{1 + len(cells)}I", self._operations[operation], *cells))
        answer = self._call("qjs_call", self._kernel, self._undefined, 1 + len(cells), arguments)
        for cell in cells:
            self._call("qjs_free_value", cell)
        if self._is(answer, quickjs.EXCEPTION_TAG):
            self._call("qjs_free_value", self._call("qjs_get_exception"))
            if operation is not Operation.STEP and self._instance.is_memory_full:
                raise MemoryError("no room for the kernel to work in")
        return answer

    def _is(self, cell: int, tags: frozenset[int]) -> bool:
        """Whether the value has one of those tags."""
        return int.from_bytes(self._instance.read(cell + 4, 4), "little") in tags

    def _place(self, data: bytes) -> int:
        place = self._call("wasm_malloc", len(data) + 1)
        if not place:
            raise MemoryError(f"no room for a cell of {len(data)} bytes")
        self._instance.write(place, data + b"\0")
        return place

    def _call(self, name: str, *arguments: int) -> int:
        return self._instance.function(name, len(arguments))(*arguments)


class _Boot:
    """A new instance becomes one with a kernel: two realms, ours and the program's.

    The kernel's realm has an Array, JSON and Promise of its own, so nothing that a program does to its own reaches it.
    """

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def run(self) -> None:
        call = self._call
        call("_initialize")
        if call("qjs_init"):
            raise MemoryError("QuickJS has not begun")
        call("qjs_set_max_stack_size", _STACK_BYTES)
        call("qjs_set_interrupt_handler", 1)
        call("qjs_set_module_loader", 1)
        self._define_host_functions()
        self._evaluate("kernel/main.js", (kernel_folder("javascript") / "kernel/main.js").read_bytes(), _MODULE)
        kernel = self._property(call("qjs_get_global"), "__kernel")
        self._enter_realm(kernel)
        call("qjs_set_promise_rejection_handler", 1)

    def _define_host_functions(self) -> None:
        host = self._call("qjs_new_object")
        for name in quickjs.FUNCTIONS:
            place = self._text(name)
            function = self._call("qjs_new_host_function", place, len(name), 0)
            self._call("qjs_set_prop_string", host, place, function)
        self._call("qjs_set_prop_string", self._call("qjs_get_global"), self._text("__host"), host)

    def _enter_realm(self, kernel: int) -> None:
        """The program's realm becomes the current one; its block names the kernel."""
        call = self._call
        runtime = self._call("qjs_get_runtime_ptr")
        context = self._call("JS_NewContext", runtime)
        self._call("qjs_set_runtime_and_context", runtime, context)
        block = self._call("wasm_malloc", quickjs.BLOCK_BYTES)
        numbers = [call("qjs_new_number", quickjs.number_bits(operation)) for operation in Operation]
        self._instance.write(block, quickjs.BLOCK.pack(kernel, call("qjs_get_undefined"), 0, *numbers))
        reserve = call("wasm_malloc", quickjs.RESERVE_BYTES)
        self._instance.write(block + quickjs.RESERVE, reserve.to_bytes(4, "little"))
        variables = self._variables(context)
        self._call("JS_SetContextOpaque", context, block)
        arguments = block + quickjs.ARGUMENTS
        self._instance.write(arguments, struct.pack("<3I", numbers[Operation.BEGIN], call("qjs_get_global"), variables))
        self._checked(call("qjs_call", kernel, call("qjs_get_undefined"), 3, arguments))

    def _variables(self, context: int) -> int:
        """The object that holds a realm's `let`, `const` and `class` bindings, which no export gives.

        It is the value after the global object in the context's structure; a binding found in it proves that.
        """
        self._evaluate("probe", b"let wasmInterpProbe = 1", 0)
        cell = self._call("qjs_get_global")
        value = self._instance.read(cell, 8)
        structure = self._instance.read(context, _CONTEXT_BYTES)
        offset = structure.index(value)
        found = self._call("wasm_malloc", 8)
        self._instance.write(found, structure[offset + 8 : offset + 16])
        variables = self._call("qjs_dup_value", found)
        if not self._call("qjs_is_number", self._property(variables, "wasmInterpProbe")):
            raise LookupError("the bindings of a realm are not where this build of QuickJS should have them")
        return variables

    def _property(self, value: int, name: str) -> int:
        return self._call("qjs_get_prop_string", value, self._text(name))

    def _evaluate(self, name: str, source: bytes, flags: int) -> int:
        value = self._checked(self._call("qjs_eval", self._bytes(source), len(source), self._text(name), flags))
        while (outcome := self._call("qjs_execute_pending_job")) == 1:
            pass
        if outcome:
            raise RuntimeError(f"{name}: {self._exception()}")
        if self._call("qjs_is_promise", value) and self._call("qjs_promise_state", value) == 2:
            raise RuntimeError(f"{name}: {self._described(self._call('qjs_promise_result', value))}")
        return value

    def _checked(self, value: int) -> int:
        if self._call("qjs_is_exception", value):
            raise RuntimeError(self._exception())
        return value

    def _exception(self) -> str:
        return self._described(self._call("qjs_get_exception"))

    def _described(self, error: int) -> str:
        texts = [self._call("qjs_get_string", cell) for cell in (error, self._property(error, "stack"))]
        return "\n".join(self._instance.read(text, self._call("strlen", text)).decode() for text in texts)

    def _text(self, text: str) -> int:
        return self._bytes(text.encode())

    def _bytes(self, data: bytes) -> int:
        place = self._call("wasm_malloc", len(data) + 1)
        self._instance.write(place, data + b"\0")
        return place

    def _call(self, name: str, *arguments: int) -> int:
        return self._instance.function(name, len(arguments))(*arguments)
