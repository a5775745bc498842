//// format specifiers
console.log("%s %s", "a"); console.log("%s", 5n, -0, null, undefined, Symbol("x")); console.log("%d %d %d", "42", 1.5, "x"); console.log("%i %f", 42.9, "3.5"); console.log("%j", { a: [1] }); console.log("%o", { a: [1] }); console.log("%O", { a: { b: { c: { d: 1 } } } }); console.log("100%", 1); console.log("%%", 1); console.log("%c styled", "color: red"); console.log("%x", 1); console.log("a", "b", 1, { c: 1 });
//// format strings of objects
console.log("%s", { a: 1 }); console.log("%s", [1, [2]]); console.log("%s", class Q {}); console.log("%s", () => 1); console.log("%s", new Error("e").message); console.log("%s", { toString() { return "custom"; } }); console.log("%s", new Date(0));
//// primitives
console.log(1, -0, 1.50, NaN, Infinity, "s", true, null, undefined, 10n, Symbol("d")); console.log(["s", -0, 1n, null, undefined, Symbol("d"), true]); console.log(""); console.log(); console.log("a\nb");
//// nested objects
console.log({ a: { b: { c: { d: { e: 1 } } } } }); console.log([[[[[1]]]]]); console.log({ a: [{ b: { c: {} } }] });
//// long arrays
console.log(Array.from({ length: 120 }, (_, i) => i)); console.log(Array.from({ length: 7 }, (_, i) => "item" + i)); console.log(new Array(200).fill("abcdef"));
//// wide objects
console.log({ alpha: "aaaaaaaaaaaaaaaaaaaa", beta: "bbbbbbbbbbbbbbbbbbbbbbbb", gamma: "cccccccccccccccccccc", delta: 1 }); console.log({ short: 1, list: [1, 2, 3], f: function () {}, g: () => {}, h: class {} });
//// long strings in objects
console.log({ s: "x".repeat(200) }); console.log(["a'b", 'a"b', "a`b", "a'b\"c", "line\nbreak", "tab\t", "\u0000\x1b"]);
//// circular
const c = { name: "c" }; c.self = c; c.list = [c, { c }]; console.log(c); const a = []; a.push(a); console.log(a);
//// maps and sets
console.log(new Map([["a", { b: 1 }], [{ k: 1 }, [1]]]), new Set([[1], "x"]), new Map(), new Set(), { m: new Map([[1, new Map([[2, new Map()]])]]) });
//// classes and instances
class P { constructor() { this.x = 1; } } class Q extends P { get y() { return 1; } static s = 1; } console.log(new P(), new Q(), P, Q, [P], new (class {})(), Object.create(P.prototype), Object.create({}), new (class extends Map {})());
//// functions
console.log(function () {}, function named() {}, () => {}, async () => {}, function* g() {}, async function* ag() {}, class A {}, Object.assign(() => {}, { p: 1 }), [function f() {}], Math.max);
//// boxed and special
console.log(new Number(3), new String("abc"), new Boolean(false), Object(1n), Object(Symbol("s")), [new Number(-0)], new Date(0), [new Date(NaN)], /re/gi, [/x/]);
//// typed arrays and buffers
console.log(new Uint8Array([1, 2]), new ArrayBuffer(4), new DataView(new ArrayBuffer(2)), new Float64Array(3), { b: Buffer.from("ab") });
//// getters and symbols
console.log({ get a() { return 1; }, set b(v) {}, [Symbol("s")]: 1, [Symbol.toStringTag]: "Tag" }); console.log(Object.defineProperty({}, "hidden", { value: 1 }));
//// array extras
const ax = [1, 2]; ax.prop = "p"; ax[-1] = "neg"; console.log(ax, [, , 1], [1, , , 4], [undefined, , null], Object.assign([], { a: 1 }));
//// null prototype
console.log(Object.create(null), Object.assign(Object.create(null), { a: 1 }), Object.setPrototypeOf(new Map(), null) instanceof Object);
//// promises
console.log(Promise.resolve(1), new Promise(() => {}), (async () => ({ a: 1 }))()); const pr = Promise.reject(3); pr.catch(() => {}); console.log(pr);
//// proxies
console.log(new Proxy({ a: 1 }, {}), new Proxy([1, 2], {}), new Proxy(function f() {}, {}));
//// generators and iterators
console.log((function* () {})(), [][Symbol.iterator](), "x"[Symbol.iterator](), globalThis === undefined);
//// weak things
console.log(new WeakMap(), new WeakSet(), new WeakMap([[{}, 1]]));
//// arguments and modules
(function () { console.log(arguments); })(1, "a"); console.log(JSON, Math, Reflect);
//// custom inspect
console.log({ [Symbol.for("nodejs.util.inspect.custom")](d, o) { return "custom " + typeof o.stylize; } }); class Money { constructor(v) { this.v = v; } [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) { return `Money<${inspect(this.v, options)}>`; } } console.log([new Money(5)], { m: new Money("x") });
//// error without stack lines
const e = new Error("boom"); e.stack = "Error: boom\n    at here"; console.log(e); console.log({ e }); e.code = 5; console.log(e); const e2 = new Error("x"); e2.stack = undefined; console.log(e2);
//// error names
const en = new TypeError("bad thing"); console.log(String(en), `${en}`, en + "", en.stack.split("\n")[0]);
//// table of objects
console.table([{ a: 1, b: "x" }, { a: 2, c: true }]);
//// table of arrays
console.table([[1, 2], [3, 4, 5]]);
//// table of primitives
console.table([1, "two", null]);
//// table with columns
console.table([{ a: 1, b: 2 }, { a: 3, b: 4 }], ["b"]);
//// table of an object
console.table({ r1: { x: 1 }, r2: { x: 2, y: [1, 2] } });
//// table of a map and set
console.table(new Map([["k", 1], ["j", { z: 2 }]])); console.table(new Set(["a", "b"]));
//// table of a primitive
console.table(5); console.table("s"); console.table(null); console.table([]); console.table([[]]);
//// groups
console.group("G1"); console.log("in"); console.group(); console.info("deeper\nlines"); console.groupEnd(); console.groupEnd(); console.groupEnd(); console.log("out"); console.groupCollapsed("gc"); console.log({ a: 1, b: { c: 2 } }); console.groupEnd();
//// counts
console.count(); console.count("a"); console.count(); console.countReset(); console.count(); console.count("default");
//// dir
console.dir({ a: { b: { c: { d: 1 } } } }); console.dir({ a: { b: { c: { d: 1 } } } }, { depth: 0 }); console.dir("s"); console.dir({ [Symbol.for("nodejs.util.inspect.custom")]() { return "no"; }, x: 1 });
//// assert passes silently
console.assert(true, "not shown"); console.log("end");
//// debug and info go to stdout
console.debug("d %d", 1); console.info("i"); console.dirxml({ a: 1 }, [2]);
//// process stdout
process.stdout.write("no newline"); process.stdout.write(" then\n"); console.log("x");
//// inspect options
const { inspect } = require("util"); console.log(inspect({ b: 2, a: 1 }, { sorted: true }), inspect({ a: 1 }, { compact: false }), inspect([1, 2, 3], { maxArrayLength: 1 }), inspect("x".repeat(50), { maxStringLength: 5 }), inspect({ a: 1 }, { colors: true }), inspect(Object.defineProperty({}, "h", { value: 1 }), { showHidden: true }), inspect({ get g() { return 5; } }, { getters: true }), inspect(123456789.123, { numericSeparator: true }));
//// inspect of nested maps beyond depth
console.log({ a: { b: { m: new Map([[1, 2]]), s: new Set([1]), arr: [1], o: { x: 1 }, d: new Date(0), e: [] , n: {} } } });
//// object keys that need quotes
console.log({ "a-b": 1, "1a": 2, 5: 3, a_b: 4, "": 5, "ü": 6, "a b": 7, $x: 8 });
//// multi-line values
console.log({ f: "a\nb", g: ["x\ny"] }, ["very long string ".repeat(3), "another long string ".repeat(3)]);
//// numbers in arrays align
console.log([1, 10, 100, 1000, 10000, 100000, 1000000], [1.5, 22.25, 333.125, 4, 5, 6, 7], [true, false, true, false, true, false, true]);
//// many keys
console.log(Object.fromEntries(Array.from({ length: 30 }, (_, i) => ["key" + i, i])));
//// class with accessor and private
class Acc { #h = 1; pub = 2; get acc() { return 1; } static st = 3; } console.log(new Acc(), Acc);
//// extended array and error
class Arr extends Array {} console.log(Arr.from([1, 2]), new Arr()); class HttpError extends Error { constructor(s) { super("http " + s); this.status = s; } } const he = new HttpError(404); he.stack = he.stack.split("\n")[0]; console.log(he.status, he.stack);
//// symbol descriptions
console.log(Symbol(), Symbol("a b"), Symbol.iterator, [Symbol("in")], { [Symbol()]: 1 });
//// bigints nested
console.log([1n, -5n], { b: 2n ** 70n }, new Map([[1n, 2n]]));
//// date in objects
console.log({ d: new Date(Date.UTC(2020, 0, 1)), a: [new Date(0)] });
//// strings with quotes nested
console.log(["it's", 'say "hi"', `both ' and "`, "all ' \" `"]);
//// deep equality print
console.log([{ a: 1, b: { c: [1, 2, { d: 1 }] } }, [[1, [2, [3]]]]]);
