//// array mutators
const a = [3, 1, 2]; a.push(4); a.unshift(0); console.log(a.pop(), a.shift(), a.splice(1, 1, "x", "y"), a, a.reverse(), a.sort(), a.fill(7, 1, 2), a.copyWithin(0, 2));
//// array iteration
console.log([1, 2, 3].map((x) => x * 2), [1, 2, 3].filter((x) => x > 1), [1, 2, 3].reduce((a, b) => a + b), [1, 2].reduceRight((a, b) => a + "-" + b), [1, 2].some((x) => x > 1), [1, 2].every((x) => x > 1));
//// array search
console.log([1, NaN].includes(NaN), [1, NaN].indexOf(NaN), [1, 2, 1].lastIndexOf(1), [5, 6].find((x) => x > 5), [5].findIndex((x) => x > 5), [1, 2, 3].findLast((x) => x < 3), [1, 2].findLastIndex((x) => x === 1));
//// array flattening
console.log([1, [2, [3, [4]]]].flat(), [1, [2, [3, [4]]]].flat(Infinity), [1, 2].flatMap((x) => [x, x * 10]));
//// array copies
const ac = [3, 1, 2]; console.log(ac.toSorted(), ac.toReversed(), ac.toSpliced(0, 1), ac.with(1, 9), ac);
//// array sorting is stable
console.log([[1, "b"], [0, "x"], [1, "a"]].sort((x, y) => x[0] - y[0]), [10, 9, 1].sort(), ["b", undefined, "a"].sort());
//// array of and from
console.log(Array.of(7), Array.from({ length: 3 }, (_, i) => i * i), Array.from("abc"), Array(3), new Array(2, 3), Array.isArray([]));
//// array joins
console.log([1, null, undefined, [2, 3]].join(), [1, 2].join("-"), String([1, [2]]), [] + []);
//// array at and slices
console.log([1, 2, 3].at(-1), [1, 2, 3].slice(-2), [1, 2, 3].slice(0, -1), [..."ab"].entries().next(), [...["a"].keys()]);
//// array length
const al = [1, 2, 3]; al.length = 1; console.log(al); al[3] = 1; console.log(al.length, al);
//// array concat
console.log([1].concat(2, [3, [4]]), [].concat("a"));
//// array destructive sort numbers
console.log([5, 25, 100, 1].sort((a, b) => a - b), [5, 25, 100, 1].sort());
//// string searching
console.log("hello".indexOf("l"), "hello".lastIndexOf("l"), "hello".includes("ell"), "hello".startsWith("he"), "hello".endsWith("lo"), "hello".search(/l+/), "a-b-c".split("-"), "abc".split(""));
//// string slicing
console.log("hello".slice(-3), "hello".substring(3, 1), "hello".substr(1, 2), "hello".at(-1), "hello"[0], "hello".charCodeAt(0), "😀".codePointAt(0));
//// string building
console.log("ab".repeat(2), "a".padStart(3, "xy"), "a".padEnd(3), "  t ".trim() + "|", "  t ".trimStart() + "|", "a".concat("b", 1));
//// string case
console.log("ÄÖß".toLowerCase(), "äß".toUpperCase(), "İ".toLowerCase().length, "ǆ".toUpperCase());
//// string replace
console.log("aXbX".replace("X", "-"), "aXbX".replaceAll("X", "-"), "abc".replace(/(b)/, "[$1$&$`$']"), "abc".replace(/./g, (c, i) => c + i), "2020-01".replace(/(?<y>\d+)-(?<m>\d+)/, "$<m>/$<y>"));
//// string match
console.log("a1b2".match(/\d/g), "a1b2".match(/(\w)(\d)/).slice(), [..."a1b2".matchAll(/\w(\d)/g)].map((m) => m[1]), "x".match(/y/));
//// string normalize and raw
console.log("e\u0301".normalize("NFC").length, String.raw`a\n${1}`, String.fromCodePoint(128512), String.fromCharCode(65, 66), "a".localeCompare("b"), "a\ud800".isWellFormed(), "a\ud800".toWellFormed());
//// number formatting
console.log((255).toString(16), (0.5).toString(2), (1234.5678).toFixed(2), (0.000001234).toPrecision(2), (12345).toExponential(2), (25).toString(36), (1e21).toFixed(2), (-1.5).toFixed(0));
//// number parsing
console.log(parseInt("12px"), parseInt("0x1f"), parseInt("z", 36), parseFloat("3.14abc"), Number(""), Number(" 12 "), Number("1e3"), Number("abc"), Number(null), Number([5]), +true);
//// number checks
console.log(Number.isInteger(5.0), Number.isSafeInteger(2 ** 53), Number.EPSILON > 0, Number.MAX_SAFE_INTEGER, isNaN("x"), Number.isNaN("x"), isFinite("5"));
//// number locale
console.log((1234567.891).toLocaleString(), (0).toLocaleString(), (1234.5).toLocaleString("en-US", { style: "currency", currency: "USD" }), (0.256).toLocaleString("en-US", { style: "percent" }));
//// math
console.log(Math.sign(-3), Math.trunc(-1.5), Math.cbrt(27), Math.hypot(3, 4), Math.log2(8), Math.clz32(1), Math.fround(5.5), Math.imul(3, 4), Math.atan2(1, 1), Math.round(-0.5), Math.round(2.5), Math.max(), Math.min(1, "0"));
//// bigint
console.log(2n ** 64n, -7n / 2n, -7n % 2n, BigInt("0xff"), BigInt.asUintN(8, 257n), 5n > 4, 2n == 2, typeof 1n, (123n).toString(16), [3n, 1n, 2n].sort());
//// dates
const d = new Date(Date.UTC(2024, 1, 29, 12, 30, 15, 123)); console.log(d.toISOString(), d.getTime(), d.toJSON(), d.getUTCDay(), d.getUTCFullYear(), new Date("2024-01-01").getTime(), new Date(NaN), [new Date(0)], Date.parse("2020-02-30T00:00:00Z"));
//// date arithmetic
const d2 = new Date(0); d2.setUTCMonth(13); d2.setUTCDate(0); console.log(d2.toISOString(), new Date(2020, 0, 31, 5) - new Date(2020, 0, 30, 5), d2.valueOf());
//// date text
const d3 = new Date(Date.UTC(2024, 4, 5, 16, 7, 9)); console.log(String(d3), d3.toDateString(), d3.toUTCString(), d3.toLocaleDateString(), d3.toLocaleTimeString(), d3.toLocaleString("en-US"), d3.toLocaleDateString("en-US", { year: "numeric", month: "long", day: "numeric" }));
//// map
const m = new Map([["a", 1]]); m.set(NaN, 2).set({}, 3); console.log(m, m.get(NaN), m.has("z"), m.size, m.delete("a"), [...m.keys()].length, new Map([[1, new Map([[2, 3]])]]));
//// set
const s = new Set([1, 1, "1", NaN, NaN]); console.log(s, s.has(NaN), [...s].length, new Set("hello"), s.add(2) === s);
//// set methods
const s1 = new Set([1, 2, 3]), s2 = new Set([2, 3, 4]); console.log([...s1].filter((x) => s2.has(x)), s1.size);
//// weak collections
const wm = new WeakMap(), k = {}; wm.set(k, 1); console.log(wm.get(k), wm.has({}), wm, new WeakSet([k]).has(k));
//// json stringify
console.log(JSON.stringify({ a: [1, { b: 2 }], u: undefined, f() {}, s: Symbol(), d: new Date(0), n: NaN, nested: { x: null } }), JSON.stringify([undefined, () => 1]), JSON.stringify("a\"\n\u2028😀"), JSON.stringify({ a: 1, b: [1, 2] }, null, 2), JSON.stringify({ a: 1, b: 2 }, ["b"]), JSON.stringify({ a: 5 }, (k, v) => (typeof v === "number" ? v * 2 : v)), JSON.stringify({ toJSON() { return 9; } }), JSON.stringify(undefined));
//// json parse
console.log(JSON.parse('{"a":[1,2,{"b":null}],"c":"\\u0041"}'), JSON.parse("[1,2]", (k, v) => (Array.isArray(v) ? v : v + 1)), JSON.parse(" 5 "));
//// json errors
for (const t of ["{", "{'a':1}", "[1,]", "", "nul"]) { try { JSON.parse(t); } catch (e) { console.log(e.name); } } try { const c = {}; c.c = c; JSON.stringify(c); } catch (e) { console.log(e.name); } try { JSON.stringify(1n); } catch (e) { console.log(e.name); }
//// object statics
console.log(Object.keys({ b: 1, a: 2 }), Object.values({ a: 1 }), Object.entries({ a: 1 }), Object.fromEntries([["x", 1]]), Object.assign({ a: 1 }, { b: 2 }, null), Object.is(NaN, NaN), Object.hasOwn({ a: 1 }, "a"));
//// object freezing
"use strict"; const fz = Object.freeze({ a: 1, n: { b: 1 } }); try { fz.a = 2; } catch (e) { console.log(e.name); } fz.n.b = 2; console.log(fz, Object.isFrozen(fz), Object.isSealed(Object.seal({})), Object.isExtensible(Object.preventExtensions({})));
//// property descriptors
const pd = Object.defineProperty({}, "x", { value: 1, enumerable: false }); console.log(pd, pd.x, Object.getOwnPropertyDescriptor(pd, "x"), Object.getOwnPropertyNames(pd), JSON.stringify(pd));
//// object groupBy
console.log(JSON.stringify([..."aab"].reduce((g, c) => ({ ...g, [c]: (g[c] ?? 0) + 1 }), {})));
//// prototypes
const pr = { hi() { return "hi " + this.n; } }; const po = Object.create(pr, { n: { value: "x", enumerable: true } }); console.log(po, po.hi(), Object.getPrototypeOf(po) === pr, pr.isPrototypeOf(po));
//// symbols well known
class Even { static [Symbol.hasInstance](n) { return n % 2 === 0; } get [Symbol.toStringTag]() { return "Ev"; } } console.log(2 instanceof Even, String(new Even()), Object.prototype.toString.call([]), Object.prototype.toString.call(null));
//// regexp flags
console.log(/a.c/s.test("a\nc"), /^b/m.test("a\nb"), /\u{61}/u.test("a"), "aBc".replace(/b/i, "x"), /a/y.test("ba"), /x/dgimsuy.flags, /(?<=\$)\d+/.exec("$42")[0], /(?!a)b/.test("ab"));
//// regexp state
const re = /o/g; console.log(re.test("foo"), re.lastIndex, re.test("foo"), re.lastIndex, re.test("foo"), re.lastIndex);
//// regexp groups
const rm = /(?<year>\d{4})-(?<month>\d\d)?/.exec("on 2024-"); console.log(rm[0], rm.index, rm.groups.year, rm.groups.month, rm.length);
//// regexp classes
console.log("a1 _é".match(/\w/g), "áb".match(/\p{L}/gu), /[^\s\d]+/.exec("12 ab")[0], "x".replace(/x/, "$$"), RegExp("a/b").source, String(/[/]/g));
//// regexp split and backrefs
console.log("a1b22c".split(/\d+/), "a,b;c".split(/([,;])/), /(a)\1/.test("aa"), "aaa".lastIndexOf("a", 1), "abcabc".replace(/(?:b)(c)/g, "<$1>"));
//// typed arrays
const ta = new Uint8Array([1, 300, -1]); console.log(ta, new Float32Array([0.1]), new Int16Array(2), Uint8Array.from([1, 2]).map((x) => x * 2), ta.subarray(1), new Uint8ClampedArray([300, -5]), new BigInt64Array([1n]));
//// dataview and buffers
const ab = new ArrayBuffer(8); const dv = new DataView(ab); dv.setInt16(0, -2); dv.setFloat32(4, 1.5, true); console.log(new Uint8Array(ab), dv.getUint16(0), dv.getFloat32(4, true), ab.byteLength, ab.slice(0, 2));
//// typed array methods
const tm = new Float64Array([3, 1, 2]); console.log(tm.sort(), tm.indexOf(2), tm.join("-"), [...tm.entries()], tm.at(-1), tm.toReversed(), tm.set([9], 1), tm);
//// proxies
const log = []; const px = new Proxy({ a: 1 }, { get(t, k, r) { log.push("get " + String(k)); return Reflect.get(t, k, r); }, has(t, k) { log.push("has " + k); return true; }, set(t, k, v) { log.push("set " + k); t[k] = v * 2; return true; }, deleteProperty(t, k) { log.push("del " + k); return delete t[k]; }, ownKeys() { return ["a", "z"]; }, getOwnPropertyDescriptor() { return { value: 1, enumerable: true, configurable: true }; } }); px.b = 2; px.b; "q" in px; delete px.a; console.log(log, Object.keys(px));
//// function proxies
const fp = new Proxy(function () {}, { apply: (t, th, args) => args.length, construct: () => ({ made: true }) }); console.log(fp(1, 2), new fp());
//// revoked proxy
const rv = Proxy.revocable({}, {}); rv.revoke(); try { rv.proxy.x; } catch (e) { console.log(e.name); }
//// reflect
console.log(Reflect.ownKeys({ b: 1, 1: 1, [Symbol.iterator]: 1 }), Reflect.has({ a: 1 }, "a"), Reflect.apply(Math.max, null, [1, 2]), Reflect.construct(Date, [0]).getTime(), Reflect.getPrototypeOf([]) === Array.prototype);
//// errors
const e = new RangeError("m", { cause: "c" }); console.log(e.name, e.message, e.cause, String(e), e instanceof Error, Object.keys(e), new Error().message === "", Error("x") instanceof Error, Object.prototype.toString.call(e));
//// custom errors
class MyE extends TypeError { constructor(m, code) { super(m); this.name = "MyE"; this.code = code; } } try { throw new MyE("bad", 7); } catch (e) { console.log(`${e}`, e.code, e instanceof MyE, e instanceof TypeError, e.stack.split("\n")[0]); }
//// native error kinds
for (const f of [() => null.x, () => undefinedName, () => new Array(-1), () => decodeURIComponent("%"), () => eval("("), () => (1)(), () => Symbol() + "", () => BigInt(1.5), () => "x".repeat(-1), () => new (class { constructor() { this.#x; } #x })() && ({}).x.y, () => { const q = 1; q = 2; }]) { try { f(); console.log("no error"); } catch (e) { console.log(e.name); } }
//// aggregate error
const ag = new AggregateError([new Error("a"), 1], "msg"); console.log(ag.errors.length, ag.message, ag.name);
//// uri
console.log(encodeURIComponent("a b&ü/"), encodeURI("a b&ü/"), decodeURIComponent("%C3%BC"), escape("ü "), unescape("%FC"));
//// base64
console.log(btoa("hello"), atob("aGVsbG8="));
//// structuredClone
const sc = { d: new Date(0), m: new Map([[1, { a: 1 }]]), s: new Set([1]), r: /x/g, a: [1, , 3], u: undefined, e: new RangeError("q"), t: new Uint8Array([1]) }; sc.self = sc; const cl = structuredClone(sc); console.log(cl.d, cl.m, cl.s, cl.r, cl.a, "u" in cl, cl.e.name, cl.t, cl.self === cl, cl !== sc); try { structuredClone(() => 1); } catch (e) { console.log(e.name); }
//// text encoding
console.log(new TextEncoder().encode("aü😀"), new TextDecoder().decode(new Uint8Array([97, 195, 188, 255])), new TextDecoder("utf-16le").decode(new Uint8Array([97, 0])), new TextDecoder().encoding);
//// text decoder streams
const td = new TextDecoder(); console.log([td.decode(new Uint8Array([226, 130]), { stream: true }), td.decode(new Uint8Array([172]))]); try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([255])); } catch (e) { console.log(e.name); }
//// url
const u = new URL("https://us:pw@ex.com:8080/p/a/t/../h?x=1&y=a%20b&x=2#frag"); console.log(u.href, u.origin, u.host, u.pathname, u.search, u.hash, u.username, u.searchParams.getAll("x"), u.searchParams.get("y"), new URL("../c", "http://h/a/b/").href); u.searchParams.append("z", "ü"); u.port = "443"; console.log(String(u));
//// url search params
const usp = new URLSearchParams({ a: "1", b: "x y" }); usp.append("a", "2"); usp.sort(); console.log(usp.toString(), [...usp], usp.has("b"), usp.size); usp.delete("a"); console.log(`${usp}`); try { new URL("nope"); } catch (e) { console.log(e.name); }
//// abort controller
const acx = new AbortController(); acx.signal.addEventListener("abort", () => console.log("aborted", acx.signal.aborted, acx.signal.reason.name)); acx.abort(); console.log(AbortSignal.abort().aborted);
//// events target
const et = new EventTarget(); et.addEventListener("x", (e) => console.log(e.type), { once: true }); et.dispatchEvent(new Event("x")); et.dispatchEvent(new Event("x"));
//// buffer basics
const b = Buffer.from("héllo"); console.log(b, b.length, b.toString(), b.toString("hex"), b.toString("base64"), Buffer.from("aGk=", "base64").toString(), Buffer.concat([b, Buffer.from([33])]).toString(), b.slice(0, 1), Buffer.alloc(3), Buffer.byteLength("ü"), Buffer.isBuffer(b));
//// buffer numbers
const bn = Buffer.alloc(8); bn.writeUInt16BE(258, 0); bn.writeInt32LE(-5, 2); console.log(bn, bn.readUInt16LE(0), bn.readInt32LE(2), bn.equals(Buffer.from(bn)), Buffer.compare(Buffer.from("a"), Buffer.from("b")), bn.indexOf(1), bn.subarray(0, 2).toJSON());
//// path
const path = require("path"); console.log(path.join("/a", "../b", "c.txt"), path.basename("/x/y.tar.gz", ".gz"), path.extname("a.b.c"), path.dirname("/a/b"), path.normalize("/a//b/./../c/"), path.isAbsolute("a"), path.relative("/a/b/c", "/a/d"), path.parse("/home/u/f.txt"), path.format({ dir: "/x", base: "y" }), path.sep);
//// util
const util = require("util"); console.log(util.format("%s=%d", "a", 1), util.inspect({ a: { b: { c: { d: 1 } } } }, { depth: 0 }), util.isDeepStrictEqual({ a: [1] }, { a: [1] }), util.types.isDate(new Date()), util.inspect("it's"), util.inspect(new Map([[{ a: 1 }, "b"]]), { compact: false }));
//// util promisify
const { promisify } = require("util"); promisify((x, cb) => setTimeout(cb, 1, null, x * 2))(4).then(console.log); promisify((cb) => cb(new Error("e")))().catch((e) => console.log(e.message));
//// events
const EventEmitter = require("events"); const em = new EventEmitter(); em.once("a", (x) => console.log("once", x)); em.on("a", (x) => console.log("on", x)); console.log(em.emit("a", 1), em.emit("a", 2), em.emit("none"), em.listenerCount("a")); try { em.emit("error", new Error("boom")); } catch (e) { console.log(e.message); }
//// assert
const assert = require("assert"); for (const f of [() => assert(0), () => assert.strictEqual(1, 2), () => assert.deepStrictEqual({ a: 1 }, { a: 1 }), () => assert.throws(() => { throw new TypeError("x"); }, TypeError), () => assert.equal(1, "1"), () => assert.notStrictEqual(1, 1), () => assert.deepEqual([1, [2]], [1, [3]]), () => assert.rejects]) { try { f(); console.log("ok"); } catch (e) { console.log(e.name, e.code, e.operator); } }
//// assert message
const assert2 = require("assert"); try { assert2.strictEqual(1, 2); } catch (e) { console.log(e.message); } try { assert2.ok(false, "custom"); } catch (e) { console.log(e.message); }
//// querystring
const qs = require("querystring"); console.log(qs.parse("a=1&b=2&a=3&c=%20x+y"), qs.stringify({ a: [1, 2], b: "x y" }));
//// string decoder
const { StringDecoder } = require("string_decoder"); const sd = new StringDecoder("utf8"); console.log([sd.write(Buffer.from([0xe2, 0x82])), sd.write(Buffer.from([0xac])), sd.end()]);
//// url module
const url = require("url"); console.log(url.fileURLToPath("file:///a%20b/c"), url.pathToFileURL("/a b").href, url.parse("http://h:1/p?q=1#f").pathname);
//// crypto
const cr = require("crypto"); console.log(cr.randomUUID().length, cr.randomBytes(4).length, crypto.getRandomValues(new Uint8Array(2)).length, cr.randomInt(5) < 5);
//// globals
console.log(typeof globalThis, globalThis === global, typeof performance.now(), typeof setImmediate, typeof structuredClone, typeof require("os").EOL);
//// weakref
const held = { a: 1 }, wr = new WeakRef(held); console.log(typeof wr.deref(), wr instanceof WeakRef);
//// iterator helpers via generators
function* nat() { let n = 0; while (true) yield n++; } const taken = []; for (const n of nat()) { if (n > 3) break; taken.push(n); } console.log(taken, Object.prototype.toString.call(nat()));
//// function properties
function fpn(a, b = 1, ...c) {} console.log(fpn.name, fpn.length, (() => {}).name, (function () {}).name, { m() {} }.m.name, fpn.toString(), (class Z { q() { } }).toString());
//// getter enumeration
console.log(Object.entries({ get a() { return 1; }, b: 2 }), { get a() { return 1; }, set a(v) {}, get b() { return 1; }, set c(v) {} });
//// sort with comparator errors
try { [2, 1].sort(5); } catch (e) { console.log(e.name); } console.log([3, 1, 2].sort(() => 0), [1, 2, 3].sort((a, b) => b - a));
//// string comparison and concatenation
console.log("a" < "B", "10" < "9", 10 < "9", "a" + 1 + 2, 1 + 2 + "a", "5" * "2", "5" - 2, [] + {}, [1, 2] + [3]);
//// date setters chain
const ds = new Date(Date.UTC(2020, 1, 29)); ds.setUTCFullYear(2021); console.log(ds.toISOString()); ds.setUTCHours(25, 61, 61, 1001); console.log(ds.toISOString());
//// finalization and symbols exist
console.log(typeof FinalizationRegistry, typeof Symbol.asyncIterator, typeof WeakRef, typeof BigInt64Array);
//// label and closures with try
const fns = []; for (const x of [1, 2]) { try { fns.push(() => x); continue; } finally { fns.push(() => -x); } } console.log(fns.map((f) => f()));
