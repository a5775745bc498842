// Nothing that the kernel's realm is made of can be changed once it is complete.
//
// A program meets objects of this realm: `util.inspect`, the options that it hands on, an error that it threw. By their
// constructors it reaches this realm's Function, Array and JSON. It may look; but what it changed there would break
// the cells that come later.

const { freeze, getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { ownKeys } = Reflect;

// What no property of the global object leads to.
const HIDDEN = [
  function* () {},
  async function () {},
  async function* () {},
  (function* () {})(),
  (async function* () {})(),
  [].values(),
  new Map().keys(),
  new Set().keys(),
  ""[Symbol.iterator](),
  "".matchAll(/x/g),
  Iterator.from({ next() {} }),
  [].values().map(() => {}),
];

export function lockKernelRealm() {
  const found = new Set();
  const waiting = [globalThis, ...HIDDEN];
  while (waiting.length) {
    const object = waiting.pop();
    if (!found.has(object)) {
      found.add(object);
      waiting.push(...neighbours(object).filter(isObject));
    }
  }
  found.forEach(freeze);
}

function neighbours(object) {
  const values = ownKeys(object).flatMap((key) => {
    const { value, get, set } = getOwnPropertyDescriptor(object, key);
    return [value, get, set];
  });
  return [getPrototypeOf(object), ...values];
}

function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
