//// var hoisting
console.log(typeof x); var x = 1; console.log(x); { var x = 2; } console.log(x);
//// let in blocks
let a = 1; { let a = 2; console.log(a); } console.log(a);
//// const is constant
const c = 1; try { eval("c = 2"); } catch (e) { console.log(e.name); } console.log(c);
//// temporal dead zone
try { t; let t = 1; } catch (e) { console.log(e instanceof ReferenceError); }
//// if else chains
for (const n of [1, 2, 3]) { if (n === 1) console.log("one"); else if (n === 2) console.log("two"); else console.log("many"); }
//// for with several variables
for (let i = 0, j = 10; i < j; i += 3, j--) console.log(i, j);
//// for in over inherited
const p = Object.create({ inherited: 1 }); p.own = 2; for (const k in p) console.log(k);
//// for in order
for (const k in { b: 1, 2: 1, a: 1, 1: 1 }) console.log(k);
//// for of over a string
for (const ch of "a😀b") console.log(ch, ch.length);
//// for of over a map
for (const [k, v] of new Map([["a", 1], ["b", { x: 2 }]])) console.log(k, v);
//// while and do while
let n = 3; while (n--) console.log(n); do { console.log("once", n); } while (n > 0);
//// labels
outer: for (let i = 0; i < 3; i++) { for (let j = 0; j < 3; j++) { if (j === 1) continue outer; if (i === 2) break outer; console.log(i, j); } }
//// labelled block
block: { console.log(1); break block; console.log(2); } console.log(3);
//// switch falls through
for (const v of [1, 2, "2", 9]) { switch (v) { case 1: console.log("a"); case 2: console.log("b"); break; default: console.log("d"); case 3: console.log("c"); } }
//// switch scope
switch (1) { case 0: let q; case 1: q = 5; console.log(q); }
//// try catch finally order
function f() { try { console.log("t"); return "r"; } catch { console.log("c"); } finally { console.log("f"); } } console.log(f());
//// finally overrides return
console.log((() => { try { return 1; } finally { return 2; } })());
//// catch without binding
try { throw 1; } catch { console.log("caught"); }
//// nested throws
try { try { throw new Error("a"); } finally { console.log("fin"); } } catch (e) { console.log(e.message); }
//// throw any value
for (const v of [1, "s", null, undefined, { a: 1 }]) { try { throw v; } catch (e) { console.log(e); } }
//// closures in loops
const fs1 = []; for (let i = 0; i < 3; i++) fs1.push(() => i); console.log(fs1.map((f) => f())); const gs = []; for (var i = 0; i < 3; i++) gs.push(() => i); console.log(gs.map((f) => f()));
//// comma and void
console.log((1, 2, 3), void 0);
//// conditional and nullish
console.log(null ?? "d", 0 ?? "d", 0 || "d", "" && 1, undefined?.x, null?.[1], (void 0)?.());
//// logical assignment
let la = null, lb = 0, lc = 1; la ??= 5; lb ||= 6; lc &&= 7; console.log(la, lb, lc);
//// exponent and bitwise
console.log(2 ** 10, (-2) ** 3, 5 & 3, 5 | 3, 5 ^ 3, ~5, 1 << 31, -1 >>> 28, -8 >> 1);
//// equality
console.log(1 == "1", null == undefined, NaN == NaN, [] == "", [1] == 1, Object.is(-0, 0), "b" > "a", [2] > 1);
//// typeof
for (const v of [1, "s", true, undefined, null, {}, [], () => 1, Symbol("a"), 1n, class {}]) console.log(typeof v);
//// delete
const d = { a: 1, b: 2 }; console.log(delete d.a, d, delete d.zzz);
//// in and instanceof
class K {} console.log("a" in { a: 1 }, 1 in [1], new K() instanceof K, [] instanceof Object);
//// getter and setter
const o = { _v: 1, get v() { return this._v; }, set v(x) { this._v = x * 2; } }; o.v = 5; console.log(o.v, o);
//// computed and shorthand members
const key = "dyn", x1 = 1; console.log({ [key + 1]: 1, x1, m() { return 1; }, async *g() {}, ["a b"]: 2, 1.5: 3 });
//// spread
console.log([...[1, 2], ...new Set([3]), ..."ab"], { ...{ a: 1 }, ...null, b: 2, ...[9] }, Math.max(...[1, 5, 2]));
//// destructuring objects
const { a: da = 5, b: { c: dc } = { c: 9 }, ...rest } = { a: undefined, z: 1, y: 2 }; console.log(da, dc, rest);
//// destructuring arrays
const [h, , t2 = 3, ...others] = [1, 2, undefined, 4, 5]; console.log(h, t2, others); let m1 = 1, m2 = 2; [m1, m2] = [m2, m1]; console.log(m1, m2);
//// destructuring parameters
((a, { b, c = b } = { b: 2 }, [d] = [4], ...r) => console.log(a, b, c, d, r))(1, undefined, undefined, 7, 8);
//// default parameters see earlier ones
function dp(a, b = a + 1, c = () => a + b) { return c(); } console.log(dp(1), dp(1, 5), dp.length);
//// arguments object
function ar(a) { arguments[0] = 9; return [a, arguments.length, [...arguments]]; } console.log(ar(1, 2));
//// strict arguments
function sar(a) { "use strict"; arguments[0] = 9; return a; } console.log(sar(1));
//// this in functions
function th() { return typeof this; } console.log(th.call(5), (function () { "use strict"; return typeof this; }).call(5), (() => typeof this)());
//// call apply bind
function ca(...a) { return [this.v, ...a]; } console.log(ca.call({ v: 1 }, 2), ca.apply({ v: 3 }, [4]), ca.bind({ v: 5 }, 6)(7), ca.bind({}).name);
//// recursion and hoisted functions
console.log(fact(20)); function fact(n) { return n < 2 ? 1 : n * fact(n - 1); }
//// immediately invoked
console.log((function (a) { return a * 2; })(4), (() => ({ a: 1 }))());
//// tagged templates
function tag(s, ...v) { return s.raw.join("|") + v.join(","); } console.log(tag`a${1}\n${2}c`, `multi
line ${1 + 1}`);
//// generators
function* g() { const x = yield 1; console.log("got", x); try { yield 2; } finally { console.log("cleanup"); } } const it = g(); console.log(it.next(), it.next("v"), it.return(7), it.next());
//// generator delegation
function* inner() { yield 1; return "r"; } function* outer2() { const r = yield* inner(); yield r; yield* [8, 9]; } console.log([...outer2()]);
//// generator throw
function* gt() { try { yield 1; } catch (e) { yield "caught " + e; } } const gi = gt(); gi.next(); console.log(gi.throw("x"), gi.next());
//// iterator protocol closes
const iter = { [Symbol.iterator]() { let n = 0; return { next: () => ({ value: n++, done: false }), return() { console.log("closed"); return {}; } }; } }; for (const v of iter) { if (v > 2) break; console.log(v); } const [i1] = iter; console.log(i1);
//// classes
class A { #p = 1; static s = "st"; f = this.#p + 1; get p() { return this.#p; } set p(v) { this.#p = v; } static m() { return this.s; } static #priv() { return "pr"; } static callPriv() { return A.#priv(); } has(o) { return #p in o; } } const aa = new A(); aa.p = 5; console.log(aa, aa.p, aa.f, A.m(), A.callPriv(), aa.has(aa), aa.has({}));
//// inheritance
class B1 { constructor(n) { this.n = n; } hi() { return "B" + this.n; } static make() { return new this(1); } } class C1 extends B1 { constructor() { super(7); this.c = 1; } hi() { return super.hi() + "C"; } } console.log(new C1(), new C1().hi(), C1.make(), C1.name, C1.length);
//// extending builtins
class Stack extends Array { top() { return this.at(-1); } } const st = Stack.from([1, 2]); st.push(3); console.log(st, st.top(), st.length, st instanceof Array, st.map((x) => x * 2) instanceof Stack);
//// static blocks and accessors
class SB { static x; static { this.x = 10; } static get y() { return this.x * 2; } } console.log(SB.x, SB.y);
//// class expression and new.target
const CE = class Named { constructor() { console.log(new.target === Named, new.target.name); } }; new CE();
//// mixins
const M = (S) => class extends S { mixed() { return "m"; } }; class MM extends M(Object) {} console.log(new MM().mixed());
//// symbols as members
const sy = Symbol("desc"); console.log({ [sy]: 1 }, sy.description, sy.toString(), Symbol.for("k") === Symbol.for("k"), Symbol.keyFor(Symbol.for("k")));
//// toPrimitive
const tp = { [Symbol.toPrimitive](hint) { return hint === "number" ? 42 : hint; } }; console.log(+tp, `${tp}`, tp + "");
//// eval has scope
var ev = 1; (function () { var ev = 2; console.log(eval("ev"), (0, eval)("typeof ev")); })();
//// with statement
with ({ wx: 5 }) { console.log(wx); }
//// getter on prototype chain
class GP { get z() { return 1; } } console.log(new GP().z, Object.keys(new GP()), "z" in new GP());
//// optional chaining calls
const oc = { f() { return this.v; }, v: 3, n: null }; console.log(oc.f?.(), oc.g?.(), oc.n?.x.y.z, oc?.["v"], delete oc?.v, oc);
//// numeric literals
console.log(0xff, 0b11, 0o17, 1_000_000, 1e3, .5, 5., 0.1 + 0.2, 1 / 3, 1e21, 1e-7, -0, [-0], 123456789012345680000);
//// string escapes
console.log("\x41\u0042\u{1F600}\t|\0|".length, "a\
b", 'it\'s', "\"q\"");
//// automatic semicolons
let asi = 1
let asi2 = asi
++asi2
console.log(asi, asi2)
//// sparse arrays
const sp = [1, , 3]; sp[6] = 7; console.log(sp, sp.length, 1 in sp, sp.indexOf(undefined), sp.map((x) => 1));
//// sequence of async
(async () => { console.log(1); await null; console.log(3); })(); console.log(2); Promise.resolve().then(() => console.log(4));
//// async errors
(async () => { try { await Promise.reject(new TypeError("x")); } catch (e) { console.log(e.name, e.message); } finally { console.log("f"); } })();
//// for await
(async () => { async function* ag() { yield 1; yield Promise.resolve(2); } for await (const v of ag()) console.log(v); for await (const v of [Promise.resolve(3), 4]) console.log(v); })();
//// async generator return
(async () => { async function* ag() { try { yield 1; yield 2; } finally { console.log("fin"); } } for await (const v of ag()) { console.log(v); break; } })();
//// microtasks before timers
setTimeout(() => console.log("timer"), 0); Promise.resolve().then(() => console.log("micro")); process.nextTick(() => console.log("tick")); queueMicrotask(() => console.log("qm")); console.log("sync");
//// timers in order
setTimeout(() => console.log("b"), 20); setTimeout(() => console.log("a"), 5); const iv = setInterval(() => { console.log("i"); clearInterval(iv); }, 10);
//// nested timers and arguments
setTimeout((a, b) => { console.log(a, b); setTimeout(() => console.log("inner"), 1); }, 1, "x", { y: 1 });
//// cancelled timer
const ct = setTimeout(() => console.log("never"), 1); clearTimeout(ct); setTimeout(() => console.log("end"), 5);
//// promise combinators
Promise.all([1, Promise.resolve(2)]).then((v) => console.log("all", v)); Promise.allSettled([Promise.reject(1), 2]).then((v) => console.log(v)); Promise.race([new Promise((r) => setTimeout(r, 5, "slow")), "fast"]).then((v) => console.log("race", v)); Promise.any([Promise.reject(1), Promise.resolve(3)]).then((v) => console.log("any", v)); Promise.any([Promise.reject(1)]).catch((e) => console.log(e.name, e.errors));
//// promise chains
Promise.resolve(1).then((v) => v + 1).then((v) => { throw v; }).catch((v) => v * 10).finally(() => console.log("f")).then(console.log);
//// thenables
Promise.resolve({ then(r) { r("thenable"); } }).then(console.log);
//// order of awaits
async function oa(n) { for (let i = 0; i < 2; i++) { console.log(n, i); await null; } } oa("a"); oa("b");
