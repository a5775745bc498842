"""JavaScript that means harm. After each: the host lives, the result says what happened, all contexts work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from wasm_interp import CodeContext, ExecutionResult, Limits, Sandbox, StateAfterStop, StopKind
from wasm_interp._core.languages.javascript import _Boot
from wasm_interp._core.languages.quickjs import FUNCTIONS
from wasm_interp._core.protocol.frames import MAGIC

MIB = 1 << 20
GENEROUS_SECONDS = 60.0
LIMITS = Limits(memory_bytes=64 * MIB, file_bytes=20 * MIB, file_count=300, output_bytes=4 * MIB, open_files=32)
OUT_OF_MEMORY = ("InternalError", "out of memory")
OUT_OF_STACK = ("RangeError", "Maximum call stack size exceeded")
TRY = "const fs = require('fs'); const t = f => { try { return f() } catch (e) { return e.code ?? e.name } }; "


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """After the test, whatever it did, another context and another sandbox work as before."""
    with Sandbox(limits=LIMITS) as made:
        yield made
        assert made.create_code_context("javascript").run("1 + 1", timeout=GENEROUS_SECONDS).text == "2"
    with Sandbox() as other:
        assert other.run_code("1 + 1", language="javascript").text == "2"


@pytest.fixture
def context(sandbox: Sandbox) -> Iterator[CodeContext]:
    """After the test it works itself, with what it had before."""
    made = sandbox.create_code_context("javascript")
    made.run("var kept = {a: [1, 'x']}")
    yield made
    assert made.run("1 + 1", timeout=GENEROUS_SECONDS).text == "2"
    assert made.run("kept").results[0].json == {"a": [1, "x"]}
    assert error_of(made.run("null.x")) == ("TypeError", "cannot read property 'x' of null")


def run(context: CodeContext, code: str, **options: Any) -> ExecutionResult:
    return context.run(code, **{"timeout": GENEROUS_SECONDS, **options})


def ends_well(result: ExecutionResult) -> bool:
    return result.error is None and result.stopped is None


def error_of(result: ExecutionResult) -> tuple[str, str]:
    assert result.error is not None, result
    return result.error.name, result.error.value


def value_of(context: CodeContext, code: str) -> Any:
    """What the cell gives, which is JSON."""
    result = run(context, code)
    assert ends_well(result), result
    return json.loads(result.text or "null") if result.results[0].json is None else result.results[0].json


# The realm that the kernel lives in


KERNEL = "const K = require('util').inspect.constructor('return globalThis')(); "


def test_what_a_program_reaches_of_the_kernels_realm_has_no_way_to_the_host(context: CodeContext) -> None:
    found = value_of(context, f"{KERNEL}[K === globalThis, typeof K.__kernel, typeof K.__host, typeof K.process]")
    assert found == [False, "undefined", "undefined", "undefined"]


@pytest.mark.parametrize(
    "reach",
    [
        "require('util').inspect.constructor('return globalThis')()",
        "require('util').format.constructor('return globalThis')()",
        "require('util').types.isMap.constructor('return globalThis')()",
        "(() => { let K; const look = {[Symbol.for('nodejs.util.inspect.custom')](depth, options) {"
        " K = options.constructor.constructor('return globalThis')(); return '' }}; console.log(look); return K })()",
        "(() => { let K; const look = {[Symbol.for('nodejs.util.inspect.custom')](depth, options, inspect) {"
        " K = inspect.constructor('return globalThis')(); return '' }}; display(look); return K })()",
        "(() => { try { require('util').formatWithOptions(5) }"
        " catch (e) { return e.constructor.constructor('return globalThis')() } })()",
        "(() => { try { (function f() { require('util').inspect({a: 1}); f() })() }"
        " catch (e) { return e.constructor.constructor('return globalThis')() } })()",
    ],
)
@pytest.mark.parametrize(
    "sabotage",
    [
        "K.JSON.stringify = () => 'forged'; K.JSON.parse = null",
        "for (const name of Reflect.ownKeys(K.Array.prototype)) K.Array.prototype[name] = null",
        "for (const name of Reflect.ownKeys(K)) { K[name] = null; delete K[name] }",
        "K.Map.prototype.get = K.Set.prototype.has = K.String.prototype.toWellFormed = () => { throw 1 }",
        "K.Object.prototype.toJSON = K.Object.prototype.name = K.Reflect.apply = 5",
        "K.Function.prototype.call = K.RegExp.prototype.exec = K.Promise.prototype.then = null",
        "K.Object.defineProperty(K.Object.prototype, 'isOver', {get() { return true }})",
        "K.Object.setPrototypeOf(K.Array.prototype, null)",
        "K.eval('[].values().__proto__.next = null; (function* () {})().__proto__.__proto__.next = null')",
    ],
)
def test_the_kernels_realm_cannot_be_changed(context: CodeContext, reach: str, sabotage: str) -> None:
    context.run(f"var K = {reach}")
    context.run(sabotage)
    assert run(context, "[new Map([[1, {a: 2}]]), [3]]").text == "[ Map(1) { 1 => { a: 2 } }, [ 3 ] ]"
    assert run(context, "const {q} = {q: 2}; await q").text == "2"


def test_call_sites_show_no_function_of_the_kernel(context: CodeContext) -> None:
    look = "{get [Symbol.toStringTag]() { sites = new Error().stack; return 'x' }}"
    code = f"var sites; Error.prepareStackTrace = (e, sites) => sites; console.log({look}); "
    shown = value_of(
        context, code + "[sites.length > 5, sites.map(s => [typeof s.getFunction(), typeof s.getThis?.()])]"
    )
    assert shown[0] is True
    assert {tuple(each) for each in shown[1]} == {("undefined", "undefined")}


@pytest.mark.parametrize("name", ["web", "globals", "kernel/main.js", "../kernel/main.js", "npm/acorn.mjs", "node:web"])
@pytest.mark.parametrize(
    "load",
    [
        "require({0})",
        "await import({0})",
        "require('module').createRequire('/')({0})",
        "require.resolve({0})",
        "globalThis[Symbol.for('wasm_interp.require')]({0})",
        "process.binding({0})",
    ],
)
def test_parts_of_the_kernel_are_no_modules(context: CodeContext, load: str, name: str) -> None:
    assert error_of(run(context, load.format(repr(name))))[0] == "Error"


# What it could do with the host's functions, had it got hold of them


GARBAGE = """const garbage = [undefined, null, 0, -1, 1, 3, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 53, NaN, 1.5, '',
'x', '../../etc/passwd', 'kernel/../../../../etc/passwd', 'kernel/main.js', 'npm/../x', '\\ud800', {}, [], () => {},
Symbol(), 10n, new ArrayBuffer(8), new Uint8Array(8), new Proxy({}, {}), Promise.resolve(), {toString() { throw 1 }}];
let seed = %d; const pick = () => garbage[(seed = (seed * 1103515245 + 12345) & 0x7fffffff) %% garbage.length];
for (let i = 0; i < 100; i++) try { __host.%s(...Array.from({length: %d}, pick)) } catch { }"""


def with_host_functions(context: CodeContext) -> CodeContext:
    """As if it had got at memory: the program has the functions that only the kernel is given."""
    instance = context._kernel._living_instance()

    def define() -> int:
        _Boot(instance)._define_host_functions()
        return 0

    instance.enter(define, deadline=None)
    return context


@pytest.mark.parametrize("name", FUNCTIONS)
def test_garbage_for_a_host_function_harms_only_the_context(context: CodeContext, name: str) -> None:
    for count in range(5):
        result = run(with_host_functions(context), GARBAGE % (count + 1, name, count), timeout=10)
        if result.stopped is not None:
            assert (result.stopped.kind, result.stopped.state) == (StopKind.TRAP, StateAfterStop.ROLLED_BACK)


@pytest.mark.parametrize(
    "name",
    ["kernel/../../python/preload.json", "node/../../lock.toml", "npm/../quickjs.wasm", "/etc/passwd", "kernel/x", ""],
)
def test_the_host_reads_no_file_that_a_broken_guest_names(context: CodeContext, name: str) -> None:
    code = f"const room = __host.address(0, new ArrayBuffer(64)); __host.resource(room, {name!r})"
    result = run(with_host_functions(context), code)
    assert result.text is None
    assert error_of(result)[0] == "InterpreterCrashed"


def test_frames_that_it_forges_are_its_own_results(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context("javascript")
    forged = """const room = __host.address(0, new ArrayBuffer(64));
for (const kind of [-1, 0, 1, 2, 3, 4, 5, 6, 7, 99]) for (const text of ['', '{', '[]', '{"data":5}', 'x'.repeat(1e6)])
  __host.send(room, kind, text)
__host.send(room, 1, '{"data":{"text/plain":"forged"}}'); __host.send(room, 2, '{"name":"E","value":"v"}')
'own'"""
    result = run(with_host_functions(context), forged)
    assert [each.text for each in result.results] == ["forged", "own"]
    assert error_of(result)[0] == "E"
    assert run(other, "1").execution_count == 1


def test_a_frame_that_it_prints_is_output(context: CodeContext) -> None:
    frame = f"{MAGIC.decode('latin1')}\\x01\\0\\x02\\0\\0\\0{{}}"
    result = run(context, f"process.stdout.write({frame!r}); 'own'")
    assert [each.text for each in result.results] == ["own"]
    assert result.stdout.endswith("{}")


@pytest.mark.parametrize(
    "code",
    [
        "JSON.stringify = () => '1},\"main\":true}'; display.html('x')",
        "JSON.stringify = () => '\"'.repeat(1e5); display.json({}); display.mime({})",
        "JSON.stringify = () => undefined; display.clear(); display.svg('x')",
        "display.mime('text'); display.mime(null); display.mime([[[[]]]]); display.mime({'text/plain': 5, '': null})",
        "display.png({}.x ?? 'not base64 \\ud800'); display.jpeg(''); display.data(10); display.chart([NaN])",
    ],
)
def test_what_display_is_given_makes_no_bad_frame(context: CodeContext, code: str) -> None:
    result = run(context, f"const real = JSON.stringify; {code}; JSON.stringify = real; 5")
    assert ends_well(result)
    assert result.text == "5"
    json.loads(result.to_json())


# Memory of the interpreter, through buffers


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("b, -1, 1", "ERR_OUT_OF_RANGE"),
        ("b, -100000, 8", "ERR_OUT_OF_RANGE"),
        ("b, 9, 1", "ERR_OUT_OF_RANGE"),
        ("b, 0, 9", "ERR_OUT_OF_RANGE"),
        ("b, 0, 2 ** 31", "ERR_OUT_OF_RANGE"),
        ("b, 0, -1", "ERR_OUT_OF_RANGE"),
        ("b, 0.5, 1", "ERR_OUT_OF_RANGE"),
        ("b, NaN, 1", "ERR_OUT_OF_RANGE"),
        ("b, 0, 1, -2", "ERR_OUT_OF_RANGE"),
        ("b, 0, 1, 1e300", "ERR_OUT_OF_RANGE"),
        ("b, 0, 1, {valueOf() { b.buffer.transfer(); return 0 }}", "ERR_INVALID_ARG_TYPE"),
        ("b, 0, {valueOf() { b.buffer.transfer(); return 8 }}", "ERR_INVALID_ARG_TYPE"),
    ],
)
def test_reads_and_writes_stay_inside_their_buffer(context: CodeContext, arguments: str, code: str) -> None:
    setup = (
        f"{TRY}fs.writeFileSync('f', 'x'.repeat(1000)); const fd = fs.openSync('f', 'r+'); let b = new Uint8Array(8); "
    )
    attempts = f"[t(() => fs.readSync(fd, {arguments})), t(() => fs.writeSync(fd, {arguments})), fs.statSync('f').size]"
    assert value_of(context, setup + attempts) == [code, code, 1000]


@pytest.mark.parametrize("name", ["byteLength", "byteOffset", "buffer", "length"])
@pytest.mark.parametrize("value", ["-65536", "65536", "2 ** 31", "NaN", "{}", "new ArrayBuffer(1 << 16)", "'8'"])
def test_getters_that_lie_about_a_buffer_reach_nothing_else(context: CodeContext, name: str, value: str) -> None:
    code = f"""{TRY}fs.writeFileSync('f', '\\xff'.repeat(70000), 'latin1'); const fd = fs.openSync('f', 'r+');
const b = new Uint8Array(8), neighbours = Array.from({{length: 200}}, () => new Uint8Array(400));
const prototype = Object.getPrototypeOf(Uint8Array.prototype);
const real = Object.getOwnPropertyDescriptor(prototype, '{name}');
Object.defineProperty(prototype, '{name}', {{get() {{ return {value} }}}});
t(() => fs.readSync(fd, b)); t(() => crypto.getRandomValues(b));
const seen = [t(() => new TextDecoder().decode(b)), t(() => fs.writeSync(fd, b))].map(String);
Object.defineProperty(prototype, '{name}', real);
[neighbours.every(each => each.every(byte => byte === 0)), seen.every(x => x.replaceAll('\\0', '').length < 100)]"""
    assert value_of(context, code) == [True, True]


def test_buffers_that_shrink_or_go_are_not_used_further(context: CodeContext) -> None:
    code = f"""{TRY}fs.writeFileSync('f', 'x'.repeat(1000)); const fd = fs.openSync('f', 'r+');
const b = new Uint8Array(new ArrayBuffer(100, {{maxByteLength: 1000}}));
const read = (change) => t(() => fs.readSync(fd, b, 0, {{get [Symbol.toPrimitive]() {{ change(); return () => 50 }}}}));
const outcomes = [read(() => b.buffer.resize(0)), t(() => fs.readSync(fd, b, 0, 1))];
const gone = new Uint8Array(8); gone.buffer.transfer();
outcomes.push(t(() => fs.readSync(fd, gone, 0, 8)), t(() => fs.writeSync(fd, gone)));
outcomes.concat(t(() => new TextDecoder().decode(gone)))"""
    assert value_of(context, code) == ["ERR_INVALID_ARG_TYPE", 1, "TypeError", "TypeError", "TypeError"]


# Memory without end


FILL = "for (let n = 1 << 24; n > 8; n >>= 1) try { while (true) hold.push(new ArrayBuffer(n)) } catch { }\n"


@pytest.mark.parametrize(
    "code",
    [
        "while (true) { hold.push(new ArrayBuffer(1 << 20)) }",
        "new ArrayBuffer(8, {maxByteLength: 2 ** 31 - 1}).resize(2 ** 31 - 1)",
        "for (let n = 0; ; n++) hold.push({n, next: hold})",
        "var m = new Map(); for (let n = 0; ; n++) m.set(n, new Array(1000).fill(n))",
        "var s = new Set(); for (let n = 0; ; n++) s.add('key' + n)",
        "var o = {}; for (let n = 0; ; n++) o['key' + n] = n",
        "while (true) hold.push(() => hold)",
        "while (true) hold.push(Symbol('x'.repeat(1000)))",
        "while (true) hold.push('x'.repeat(1e6) + hold.length)",
        "Array.from({length: 2 ** 32 - 1})",
        "new Array(1e9).fill(0)",
        "'ab'.repeat(1e7).replace(/a/g, 'x'.repeat(1000))",
        "JSON.stringify(new Array(1e6).fill('x'.repeat(100)))",
        "structuredClone(new Array(1e6).fill('x')); while (true) hold.push(structuredClone(new ArrayBuffer(1 << 22)))",
        "Buffer.alloc(40 << 20).toString('hex')",
        "new TextEncoder().encode('\\u4e00'.repeat(2e7))",
        "require('fs').writeFileSync('f', '\\u4e00'.repeat(2e7))",
        "var f = require('fs'); f.writeFileSync('f', 'x'.repeat(1e7)); for (;;) hold.push(f.readFileSync('f', 'utf8'))",
        "console.log('x'.repeat(5e7), 'x'.repeat(5e7))",
        f"{FILL} await import('./nope.mjs')",
    ],
)
def test_memory_without_end_is_an_error_and_the_context_keeps_its_state(context: CodeContext, code: str) -> None:
    run(context, "var hold = []")
    result = run(context, code)
    assert result.stopped is None
    name, value = error_of(result)
    assert (name, value[:13]) == OUT_OF_MEMORY
    assert result.memory_bytes <= LIMITS.memory_bytes
    assert ends_well(run(context, "hold.length = 0; var m, s, o; m = s = o = null"))
    assert run(context, "new ArrayBuffer(1 << 20).byteLength").text == "1048576"


@pytest.mark.parametrize("code", ["0", "[1, {a: 2}]", "setTimeout(() => process.exit(1), 1); 0", "console.log({a: 1})"])
def test_a_cell_that_goes_on_at_the_end_of_memory_ends_as_it_can(context: CodeContext, code: str) -> None:
    """Whether there is room for its outcome hangs on bytes; if not, it says so."""
    run(context, "var hold = []")
    result = run(context, f"{FILL}{code}")
    assert result.stopped is None
    assert result.error is None or error_of(result) in (OUT_OF_MEMORY, ("ExitError", "1"))
    assert ends_well(run(context, "hold.length = 0"))
    assert run(context, "new ArrayBuffer(1 << 20).byteLength").text == "1048576"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("let b = 1n; while (true) b = b << 100000n | 1n", "RangeError"),
        ("10n ** 100000000n", "RangeError"),
        ("1n << (1n << 40n)", "RangeError"),
        ("'a'.padEnd(2 ** 30)", "RangeError"),
        ("Math.max(...new Array(1e6))", "RangeError"),
        ("(function f(...a) { f(...a, ...a) })(1)", "RangeError"),
        ("new WebAssembly.Memory({initial: 65536})", "ReferenceError"),
    ],
)
def test_sizes_past_all_bounds_are_refused(context: CodeContext, code: str, name: str) -> None:
    assert error_of(run(context, code))[0] == name


def test_a_cell_that_does_not_fit_into_memory_is_an_error(context: CodeContext) -> None:
    result = run(context, f"/*{'x' * (80 << 20)}*/ 5")
    assert result.stopped is None
    name, value = error_of(result)
    assert name == "InternalError"
    assert re.fullmatch(r"out of memory: no room for a cell of 838861\d\d bytes", value)


# Stack without end


@pytest.mark.parametrize(
    "code",
    [
        "JSON.stringify((function d(n) { return n ? {a: d(n - 1)} : {} })(100000))",
        "const c = {toJSON() { return c.toJSON() }}; JSON.stringify(c)",
        "const t = {toString() { return `${t}` }}; `${t}`",
        "const t = {valueOf() { return +t }}; +t",
        "[1, 2].sort(function f() { return [1, 2].sort(f) })",
        "const p = new Proxy({}, {get(t, k, r) { return r[k] }}); p.x",
        "let q = {}; for (let i = 0; i < 1e5; i++) q = new Proxy(q, {}); q.x",
        "class A { static get x() { return A.x } }; A.x",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a.toString()",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a.flat(Infinity)",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; structuredClone(a)",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; require('assert').deepEqual(a, [1])",
        "let g = function* () { yield* g() }; g().next()",
        "(async function f() { await f() })()",
        "'x'.replace(/x/, function f(x) { return x.replace(/x/, f) })",
        "new (class B extends (class { constructor() { new this.constructor() } }) {})",
        "Reflect.ownKeys(new Proxy({}, {ownKeys(t) { return Reflect.ownKeys(new Proxy(t, this)) }}))",
        "const s = new Set([1]); (function f() { s.forEach(f) })()",
        "const i = {[Symbol.iterator]() { return [...i] }}; [...i]",
        "Function.prototype.toString = function () { return `${this}` }; `${() => 1}`",
        "eval('{'.repeat(1e6))",
        "eval('a?'.repeat(1e5))",
        "Object.defineProperty(Array.prototype, 0, {get() { return this[0] }, configurable: true}); [,][0]",
    ],
)
def test_recursion_without_end_is_a_range_error(context: CodeContext, code: str) -> None:
    result = run(context, f"'use strict'; {{ {code} }}")
    assert (error_of(result), result.stopped) == (OUT_OF_STACK, None)
    run(context, "delete Array.prototype[0]")


def test_recursion_through_the_host_is_a_range_error(context: CodeContext) -> None:
    """Each level is a host function in which the guest runs."""
    code = """var depth = 0, deepest = {toString() { depth++; process.stdout.write({}); return '' }};
Buffer.from = () => ({toString: () => ({toWellFormed: () => deepest})});
process.stdout.write({})"""
    assert error_of(run(context, code)) == OUT_OF_STACK
    assert int(run(context, "depth").text or 0) >= 10


@pytest.mark.parametrize(
    "source",
    ["[", "(", "`${", "!", "x=>", "new ", "function f(){", "class A extends ", "let x = [", "await ", "{a:", "-~"],
)
@pytest.mark.parametrize("count", [1_000, 200_000])
def test_source_that_is_nested_without_end_ends_cleanly(context: CodeContext, source: str, count: int) -> None:
    """Where the engine's parser runs out of native stack the context is rolled back, else it is a syntax error."""
    result = run(context, source * (count // len(source)))
    assert error_of(result)[0] in ("SyntaxError", "RangeError", "RecursionError")
    assert result.stopped is None or result.stopped.state is StateAfterStop.ROLLED_BACK


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("1" * 10**6, "Infinity"),
        ("0." + "0" * 10**6 + "1", "0"),
        ("'" + "x" * 10**6, "SyntaxError"),
        ("`" + "${1}" * 10**5 + "`", "InternalError"),
        ("/" + "(" * 10**5 + "/", "SyntaxError"),
        ("/*" * 10**6, "SyntaxError"),
        (";" * 10**6, "None"),
        ("\n" * 10**6 + "null.x", "TypeError"),
        ("\0" * 1000, "SyntaxError"),
        ("let \ud800 = 1", "SyntaxError"),
        ("'\ud800'.length", "1"),
        ("\ufeff5", "5"),
        ("1\u2028+\u20291", "2"),
        ("f(" + "a," * 10**5 + ")", "SyntaxError"),
        ("1+" * 10**6 + "1", "1000001"),
        ("<!--" * 10**5, "None"),
        ("#!/bin/sh\n5", "5"),
        ("import " * 10**5, "SyntaxError"),
        ("var " + "a" * 10**5 + " = 7", "None"),
    ],
)
def test_source_of_a_megabyte_is_run_or_refused(context: CodeContext, source: str, outcome: str) -> None:
    result = run(context, source)
    assert result.stopped is None
    assert outcome == (result.error.name if result.error else str(result.text))


# Time without end: see also tests/javascript/test_stops.py


@pytest.mark.parametrize(
    "code",
    [
        "while (true) display('x'.repeat(1e6))",
        "while (true) console.log('x'.repeat(1e6))",
        "const t = {then(f) { f(t) }}; await t",
        "const it = {[Symbol.asyncIterator]() { return this }, next: async () => ({})}; for await (const x of it);",
        "Error.stackTraceLimit = {valueOf() { while (true); }}; null.x",
        "Error.prepareStackTrace = () => { Error.prepareStackTrace = null; while (true); }; new Error().stack",
        "Object.defineProperty(Error, 'prepareStackTrace', {set() { while (true); }}); while (true);",
        "Object.defineProperty(Error, 'prepareStackTrace', {value: 1}); while (true);",
        "Object.freeze(Error); while (true);",
        "process.on('unhandledRejection', () => { while (true); }); Promise.reject(1); 0",
        "process.env = new Proxy({}, {get() { while (true); }}); process.env.x",
        "Object.defineProperty(globalThis, 'trap', {get() { while (true); }}); trap",
        "'x'.repeat(1e4).match(/(x+)+y/)",
        "for (const x of {[Symbol.iterator]: () => ({next: () => ({})})});",
        "class E extends Error { get message() { while (true); } }; throw new E",
        "const e = new Error; Object.defineProperty(e, 'stack', {get() { while (true); }}); throw e",
    ],
)
def test_a_cell_without_end_is_asked_to_stop_and_keeps_its_state(context: CodeContext, code: str) -> None:
    result = run(context, code, timeout=0.3)
    assert error_of(result)[0] == "TimeoutError"
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    run(context, "process.removeAllListeners(); Error.stackTraceLimit = 10")


@pytest.mark.parametrize(
    "code",
    [
        "Array.prototype.sort.call({length: 1e9})",
        "'x'.repeat(5e7).split('').sort()",
        "Object.defineProperty(globalThis, 'x', {value: 'ab'.repeat(2e7)}); while (true) x.replaceAll('a', '')",
    ],
)
def test_a_cell_that_does_not_hear_is_ended_and_rolled_back(context: CodeContext, code: str) -> None:
    result = run(context, code, timeout=0.2)
    assert error_of(result)[0] in ("TimeoutError", "InternalError")  # or it came to the end of memory in time
    assert result.stopped is None or result.stopped.kind is StopKind.TIMEOUT


def test_a_programs_own_stack_format_outlives_a_stop(context: CodeContext) -> None:
    run(context, "Error.prepareStackTrace = () => 'mine'")
    assert error_of(run(context, "while (true);", timeout=0.1))[0] == "TimeoutError"
    assert run(context, "new Error().stack").text == "mine"


# Values that are hard to show


@pytest.mark.parametrize(
    "code",
    [
        "new Proxy({}, new Proxy({}, {get() { throw 1 }}))",
        "new Proxy([], {get: (t, k) => k === 'length' ? 2 ** 32 - 1 : t[k]})",
        "const r = Proxy.revocable({}, {}); r.revoke(); r.proxy",
        "({[Symbol.for('nodejs.util.inspect.custom')]() { return this }})",
        "({[Symbol.for('nodejs.util.inspect.custom')]() { throw {get message() { throw 1 }} }})",
        "({[Symbol.for('nodejs.util.inspect.custom')](d, o) { for (const k in o) o[k] = null; return 'x' }})",
        "({get [Symbol.toStringTag]() { throw 1 }, get constructor() { throw 2 }})",
        "Object.setPrototypeOf({}, new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }}))",
        "class A { static get name() { throw 1 } }; new A()",
        "Object.defineProperty([], '0', {get() { throw 1 }, enumerable: true})",
        "new (class extends Map { entries() { throw 1 } get size() { throw 2 } })([[1, 2]])",
        "new (class extends Error { get message() { throw 1 } get name() { throw 2 } get stack() { throw 3 } })",
        "new (class extends Uint8Array { get length() { return 1e9 } })(4)",
        "new (class extends Promise { then() { throw 1 } })(() => {})",
        "let a = []; for (let i = 0; i < 60; i++) a = [a, a]; a",
        "let o = {}; for (let i = 0; i < 60; i++) o = {o, p: o}; o",
        "let n = []; for (let i = 0; i < 1e5; i++) n = [n]; n",
        "const x = []; x.push(x); x",
        "new Array(2 ** 32 - 1)",
        "Array.from({length: 1e5}, (_, i) => i)",
        "new Uint8Array(1e6)",
        "'x'.repeat(1e6)",
        "'\\ud800'",
        "['\\udfff', {'\\ud800': '\\udc00'}, Symbol('\\ud800'), new Map([['\\ud800', 1]])]",
        "10n ** 10000n",
        "globalThis",
        "process",
        "JSON.parse('{\"__proto__\": 5}')",
        "({['__proto__']: 1, constructor: 2, toJSON: 3})",
    ],
)
def test_a_value_that_is_hard_to_show_is_shown_somehow(context: CodeContext, code: str) -> None:
    result = run(context, code, timeout=10)
    assert ends_well(result), result.error
    assert result.text is not None
    json.loads(result.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    result.text.encode()


@pytest.mark.parametrize(
    "code",
    [
        "throw undefined",
        "throw null",
        "throw Symbol('\\ud800')",
        "throw new Proxy(new Error('x'), {get() { throw 1 }})",
        "throw Object.setPrototypeOf(new Error('x'), null)",
        "const e = new Error('x'); e.cause = e; e.errors = [e, e]; throw e",
        "let e = new Error; for (let i = 0; i < 5000; i++) e = new Error(i, {cause: e}); throw e",
        "const e = () => Object.defineProperty(new Error, 'errors', {get: () => Array(10).fill().map(e)}); throw e()",
        "throw Object.assign(new Error('x'), {stack: 'at '.repeat(3e5)})",
        "throw Object.assign(new Error('x'), {stack: '    at x (<cell 1>:1:1)\\n'.repeat(1e5)})",
        "throw Object.assign(new Error('x'), {stack: '    at x (<cell 1>:99999999999999999999:-1)'})",
        "throw Object.assign(new Error('x'), {name: {toString() { throw 1 }}})",
        "throw Object.assign(new Error('x'), {name: 'N'.repeat(5e6), message: 'm'.repeat(5e6)})",
        "throw new Error('\\ud800\\udfff\\udfff')",
        "class E extends Error { constructor() { super(); throw this } }; new E",
        "Error.prepareStackTrace = (e, s) => { s.length = 0; throw e }; null.x",
        "Error.prepareStackTrace = function f() { return new Error().stack }; null.x",
        "Object.defineProperty(Error.prototype, 'name', {get() { throw 1 }}); null.x",
        "Object.defineProperty(globalThis, 'Error', {get() { throw 1 }}); null.x",
    ],
)
def test_an_error_that_is_hard_to_show_is_shown_somehow(sandbox: Sandbox, code: str) -> None:
    with sandbox.create_code_context("javascript") as context:
        result = run(context, code, timeout=10)
        assert result.stopped is None
        assert result.error is not None
        assert result.error.name
        assert len(str(result.error)) < 5 * MIB
        str(result.error).encode()
        json.loads(result.to_json())
        assert run(context, "1 + 1").text == "2"


# Its ends, and its streams


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("setTimeout(() => process.exit(3), 1); await new Promise(() => {})", 3),
        ("Promise.resolve().then(() => process.exit(4))", 4),
        ("process.nextTick(() => process.exit(5))", 5),
        ("process.on('exit', () => process.exit(6)); process.exit(1)", 6),
        ("try { process.exit(7) } catch { 'caught' } finally { while (true); }", 7),
        ("(async () => { try { await process.exit(8) } finally { while (true); } })()", 8),
        ("({get x() { process.exit(9) }}).x", 9),
        ("({[Symbol.for('nodejs.util.inspect.custom')]() { process.exit(10) }})", 10),
        ("new Promise(() => process.exit(11)).catch(() => {})", 11),
        ("new (class { static { process.exit(12) } })", 12),
        ("require('fs').writeFileSync('e.cjs', 'process.exit(13)'); require('./e.cjs')", 13),
        ("require('fs').writeFileSync('e.mjs', 'process.exit(14)'); await import('./e.mjs')", 14),
        ("JSON.stringify({toJSON() { process.exit(15) }})", 15),
        ("process.abort()", 134),
        ("process.exit(2 ** 40 + 16)", 16),
    ],
)
def test_an_exit_ends_the_cell_and_nothing_else(context: CodeContext, code: str, status: int) -> None:
    result = run(context, code)
    assert result.stopped is None
    assert result.error is not None
    assert (result.error.name, result.error.exit_code) == ("ExitError", status)
    run(context, "process.removeAllListeners()")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("Promise.reject(new RangeError('r'))", "RangeError"),
        ("queueMicrotask(() => { throw new RangeError('r') })", "RangeError"),
        ("setTimeout(() => Promise.reject(new RangeError('r')), 1)", "RangeError"),
        ("process.on('unhandledRejection', () => { throw new RangeError('r') }); Promise.reject(1); 0", "RangeError"),
        ("Promise.reject(1).finally(() => { throw new RangeError('r') })", "RangeError"),
        ("(async function* () { throw new RangeError('r') })().next()", "RangeError"),
        ("await {get then() { throw new RangeError('r') }}", "RangeError"),
        ("await {then(f, r) { r(new Proxy(new RangeError('r'), {})) }}", "Uncaught"),
        ("new Promise((f, r) => { r(new RangeError('r')); while (0); throw 1 })", "RangeError"),
        ("Promise.any([Promise.reject(1)])", "AggregateError"),
        ("const p = Promise.reject(new RangeError('r')); p.then = null; p.catch = null", "RangeError"),
    ],
)
def test_a_rejection_wherever_it_comes_from_is_the_cells_error(context: CodeContext, code: str, error: str) -> None:
    result = run(context, code)
    assert (error_of(result)[0], result.stopped) == (error, None)
    run(context, "process.removeAllListeners()")


def test_ten_thousand_logs_are_all_there(context: CodeContext) -> None:
    result = run(context, "for (let n = 0; n < 10_000; n++) console.log(n)")
    assert ends_well(result)
    assert result.stdout == "".join(f"{n}\n" for n in range(10_000))


def test_a_line_of_many_megabytes_is_cut(sandbox: Sandbox) -> None:
    with sandbox.create_code_context("javascript", limits=Limits(output_bytes=4 * MIB)) as context:
        result = run(context, "process.stdout.write('x'.repeat(100e6)); console.log('y'.repeat(100e6))")
        assert ends_well(result)
        assert (result.stdout, result.truncated) == ("x" * 4 * MIB, ("stdout",))


@pytest.mark.parametrize("character", ["\\ud800", "\\udfff", "\\udfff\\ud800", "a\\ud800b"])
def test_lone_surrogates_come_out_as_replacement_characters(context: CodeContext, character: str) -> None:
    text = json.loads(f'"{character}"').encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    result = run(
        context, f"console.log('{character}'); console.error('{character}'); display('{character}'); '{character}'"
    )
    assert ends_well(result)
    assert [result.stdout, result.stderr] == [text + "\n"] * 2
    assert [each.text for each in result.results] == [text] * 2
    assert error_of(run(context, f"throw new Error('{character}')")) == ("Error", text)
    assert value_of(
        context, f"require('fs').writeFileSync('{character}', '{character}'); require('fs').readdirSync('.')"
    ) == [text]


# Files and modules


def test_paths_lead_to_nothing_of_the_host(context: CodeContext) -> None:
    paths = [
        "/proc/self/environ",
        "/etc/passwd",
        "/dev/mem",
        "../../../../etc/passwd",
        "/usr/../../etc/hosts",
        "/sys/kernel",
    ]
    calls = "[fs.readFileSync, fs.readdirSync, fs.realpathSync, fs.statSync, fs.openSync]"
    code = f"{TRY}{json.dumps(paths)}.flatMap(p => {calls}.map(call => t(() => call(p))))"
    assert set(value_of(context, code)) == {"ENOENT"}


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("fs.symlinkSync('a', 'b'); fs.symlinkSync('b', 'a'); return t(() => fs.readFileSync('a'))", "ELOOP"),
        ("fs.symlinkSync('a', 'a'); return t(() => fs.realpathSync('a'))", "ELOOP"),
        ("fs.symlinkSync('/etc/passwd', 'l'); return t(() => fs.readFileSync('l'))", "ENOENT"),
        ("fs.symlinkSync('../'.repeat(99), 'up'); return fs.readdirSync('up').includes('etc')", False),
        ("return t(() => fs.writeFileSync('f\\0g', ''))", "ERR_INVALID_ARG_VALUE"),
        ("return t(() => fs.writeFileSync('x'.repeat(300), ''))", "ENAMETOOLONG"),
        ("return t(() => fs.readFileSync('x/'.repeat(1e5)))", "ENAMETOOLONG"),
        ("return t(() => fs.writeFileSync('', ''))", "EISDIR"),
        ("return t(() => fs.writeFileSync({toString: () => 'f'}, ''))", "ERR_INVALID_ARG_TYPE"),
        ("const open = []; return t(() => { for (;;) open.push(fs.openSync('f', 'w')) })", "EMFILE"),
        ("return t(() => { for (let n = 0; ; n++) fs.writeFileSync(`f${n}`, '') })", "ENOSPC"),
        ("const f = fs.openSync('f', 'w'); return t(() => { for (;;) fs.writeSync(f, Buffer.alloc(1e6)) })", "ENOSPC"),
        ("const fd = fs.openSync('f', 'w'); return t(() => fs.writeSync(fd, 'x', 2 ** 50))", "ENOSPC"),
        ("fs.writeFileSync('f', ''); return t(() => fs.truncateSync('f', 2 ** 40))", "ENOSPC"),
        ("fs.writeFileSync('f', ''); return t(() => fs.truncateSync('f', -1))", "ERR_OUT_OF_RANGE"),
        ("const fd = fs.openSync('f', 'w'); fs.closeSync(fd); return t(() => fs.writeSync(fd, 'x'))", "EBADF"),
        ("return t(() => fs.closeSync(2 ** 32 + 1))", "ERR_OUT_OF_RANGE"),
        ("return t(() => fs.closeSync('1'))", "ERR_INVALID_ARG_TYPE"),
        ("t(() => fs.closeSync(3)); return fs.readdirSync('/').includes('workspace')", True),
        ("for (let fd = 0; fd < 100; fd++) t(() => fs.closeSync(fd)); return fs.existsSync('/workspace')", True),
        ("return t(() => fs.readSync(99, new Uint8Array(1)))", "EBADF"),
        ("return t(() => fs.utimesSync('.', NaN, Infinity))", "RangeError"),
        ("fs.mkdirSync('d/'.repeat(100), {recursive: true}); return t(() => fs.rmSync('d', {recursive: true}))", None),
    ],
)  # fmt: skip
def test_tricks_with_files_are_refused(context: CodeContext, attempt: str, outcome: Any) -> None:
    assert value_of(context, f"{TRY}[(() => {{ {attempt} }})() ?? null]") == [outcome]


def test_descriptors_of_one_context_mean_nothing_to_another(sandbox: Sandbox, context: CodeContext) -> None:
    opened = value_of(context, "var fd = require('fs').openSync('f', 'w'); [fd]")[0]
    other = sandbox.create_code_context("javascript")
    outcome = value_of(other, f"{TRY}[t(() => fs.writeSync({opened}, 'x')), t(() => fs.closeSync({opened}))]")
    assert outcome == ["EBADF", "EBADF"]
    assert ends_well(run(context, "require('fs').writeSync(fd, 'own'); require('fs').closeSync(fd)"))
    assert sandbox.files.read("f") == b"own"


@pytest.mark.parametrize(
    "specifier",
    [
        "data:text/javascript,export default 1",
        "http://localhost/x.js",
        "https://localhost/x.js",
        "file:///etc/passwd",
        "../../../../etc/passwd",
        "/proc/self/environ",
        "node:child_process",
        "node:net",
        "worker_threads",
        "",
        "\\ud800",
        "x\\0y",
        "./",
        "file://%ff",
        "@/..",
        "node:",
    ],
)
@pytest.mark.parametrize("load", ["await import('{0}')", "require('{0}')", "import '{0}'"])
def test_modules_are_files_of_the_sandbox_or_built_in(context: CodeContext, load: str, specifier: str) -> None:
    result = run(context, load.format(specifier))
    assert error_of(result)[0] in ("Error", "TypeError", "URIError")
    assert result.stopped is None


@pytest.mark.parametrize(
    ("files", "code", "outcome"),
    [
        ({"a.mjs": "import './a.mjs'; export const x = 1"}, "(await import('./a.mjs')).x", "1"),
        ({"a.mjs": "import {y} from './b.mjs'; export {y as x}", "b.mjs": "import {x} from './a.mjs'; export let y=x"},
         "import('./a.mjs')", "ReferenceError"),
        ({"a.cjs": "module.exports = require('./b.cjs')", "b.cjs": "module.exports = [typeof require('./a.cjs')]"},
         "require('./a.cjs')[0]", "object"),
        ({"a.json": "{" * 1000}, "require('./a.json')", "SyntaxError"),
        ({"a.json": "1; globalThis.out = 1"}, "await import('./a.json')", "SyntaxError"),
        ({"a.cjs": "throw null"}, "require('./a.cjs')", "Uncaught"),
        ({"a.mjs": "await new Promise(() => {})"}, "await import('./a.mjs'); 1", "Promise { <pending> }"),
        ({"package.json": '{"main": "../../../../etc/passwd"}'}, "require('.')", "Error"),
        ({"node_modules/p/package.json": '{"exports": {".": {"import": {"default": {}}}}}'}, "import('p')", "Error"),
        ({"node_modules/p/package.json": '{"exports": 5, "main": 5}'}, "require('p')", "Error"),
        ({"a.mjs": "\xff\xfe"}, "await import('./a.mjs')", "SyntaxError"),
        ({"a.cjs": "module.exports = new Proxy({}, {ownKeys() { throw new RangeError }})"}, "import('./a.cjs')",
         "RangeError"),
        ({"a.cjs": "module.exports = {'default': 1, 'a-b': 2, 'let': 3, 'x': 4}"}, "(await import('./a.cjs')).x", "4"),
    ],
)  # fmt: skip
def test_odd_modules_end_well(
    context: CodeContext, sandbox: Sandbox, files: dict[str, str], code: str, outcome: str
) -> None:
    for name, text in files.items():
        sandbox.files.write(name, text.encode("latin1"))
    result = run(context, code)
    assert result.stopped is None
    assert outcome == (result.error.name if result.error else str(result.text))
    assert run(context, "typeof out").text == "undefined"


# What the program leaves behind for later cells


@pytest.mark.parametrize(
    "code",
    [
        "setInterval(() => {}, 0); throw 1",
        "new FinalizationRegistry(() => { throw 1 }).register({}, 0); for (let i = 0; i < 1e5; i++) [{}]",
        "new FinalizationRegistry(() => { while (true); }).register({}, 0); new WeakRef({})",
        "process.stdout.write = console.log = null",
        "Object.defineProperty(globalThis, '_', {get() { throw 1 }})",
        "Object.defineProperty(globalThis, 'later', {value: 1}); const later2 = 2; Object.freeze(globalThis)",
        "process.chdir('/tmp'); require('fs').rmdirSync('/tmp')",
        "for (const name of Object.keys(require.cache)) delete require.cache[name]; require.cache.x = null",
        "require('util').inspect.defaultOptions = {depth: null, colors: false, maxArrayLength: null}",
        "const {inspect} = require('util'); for (const k of Reflect.ownKeys(inspect)) try { inspect[k] = 0 } catch {}",
        "process.nextTick = setTimeout = queueMicrotask = Promise.prototype.then = null",
        "Promise.prototype.constructor = Array; Array[Symbol.species] = null; Uint8Array[Symbol.species] = String",
        "Symbol.prototype[Symbol.toPrimitive] = Date.prototype.toISOString = BigInt.prototype.toString = null",
        "require('fs').readFileSync = require('path').resolve = null; Buffer.prototype.toString = null",
        "process.on('unhandledRejection', () => {}); Promise.reject(1)",
        "let let1 = 1; var undefined1; globalThis.globalThis = null",
        "Object.preventExtensions(process.env); process.env.A = '1'",
    ],
)
def test_later_cells_are_as_they_would_have_been(sandbox: Sandbox, code: str) -> None:
    with sandbox.create_code_context("javascript") as context:
        assert run(context, code, timeout=2).stopped is None
        assert run(context, "({a: [1, 'x']})").results[0].json == {"a": [1, "x"]}
        assert run(context, "const fresh = new Map([[1, 2]]); await fresh").text == "Map(1) { 1 => 2 }"
        assert error_of(run(context, "null.x"))[0] == "TypeError"
        if "process.stdout" not in code:
            assert run(context, "console.log('out')").stdout == "out\n"
        assert run(context, "typeof process.env.B", env_vars={"B": "b"}).text == "string"


def test_no_program_waits_for_shared_memory(context: CodeContext) -> None:
    code = "Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)"
    assert error_of(run(context, code, timeout=5))[0] in ("ReferenceError", "TypeError")
