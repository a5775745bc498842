// What kind of object a value is, by the engine's own class of it, which no program can change.

import { classId, promiseResult, promiseState, proxyHandler, proxyTarget } from "./host.js";

const { getPrototypeOf } = Object;
const prototypeToString = Object.prototype.toString;
const arrayOfTypes = Object.getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

const samples = {
  Array: [],
  Error: new Error(),
  Number: Object(1),
  String: Object(""),
  Boolean: Object(true),
  Symbol: Object(Symbol()),
  BigInt: Object(1n),
  Date: new Date(0),
  RegExp: /x/,
  ArrayBuffer: new ArrayBuffer(0),
  SharedArrayBuffer: new SharedArrayBuffer(1),
  DataView: new DataView(new ArrayBuffer(0)),
  Map: new Map(),
  Set: new Set(),
  WeakMap: new WeakMap(),
  WeakSet: new WeakSet(),
  WeakRef: new WeakRef({}),
  MapIterator: new Map().keys(),
  SetIterator: new Set().keys(),
  Promise: Promise.resolve(),
  Proxy: new Proxy({}, {}),
  Generator: (function* () {})(),
  GeneratorFunction: function* () {},
  AsyncFunction: async function () {},
  AsyncGeneratorFunction: async function* () {},
  Arguments: (function () { "use strict"; return arguments; })(),
  MappedArguments: Function("a", "return arguments")(1),
  Plain: {},
};
const names = new Map();
for (const name of Object.keys(samples)) {
  names.set(classId(samples[name]), name);
}
const plainPrototypes = new Set([Object.prototype]);
const arrayPrototypes = new Set([Array.prototype]);
let lastValue;
let lastName;

export function trustPrototypes(objectPrototype, arrayPrototype) {
  plainPrototypes.add(objectPrototype);
  arrayPrototypes.add(arrayPrototype);
}

// The name in `samples`, "Plain" for ordinary objects, undefined for what is no object or of no class named there.
export function classOf(value) {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    return undefined;
  }
  if (value === lastValue) {
    return lastName;
  }
  lastName = names.get(classId(value));
  lastValue = value;
  return lastName;
}

export function forget() {
  lastValue = undefined;
}

const isClass = (...wanted) => (value) => wanted.includes(classOf(value));
const isFunctionClass = (...wanted) => (value) => typeof value === "function" && wanted.includes(classOf(value));
const isView = ArrayBuffer.isView;
const typedName = (value) => (isView(value) ? Reflect.apply(arrayOfTypes, value, []) : undefined);

export const types = {
  isAsyncFunction: isFunctionClass("AsyncFunction", "AsyncGeneratorFunction"),
  isGeneratorFunction: isFunctionClass("GeneratorFunction", "AsyncGeneratorFunction"),
  isGeneratorObject: isClass("Generator"),
  isAnyArrayBuffer: isClass("ArrayBuffer", "SharedArrayBuffer"),
  isArrayBuffer: isClass("ArrayBuffer"),
  isSharedArrayBuffer: isClass("SharedArrayBuffer"),
  isArrayBufferView: (value) => isView(value),
  isArgumentsObject: isClass("Arguments", "MappedArguments"),
  isBoxedPrimitive: isClass("Number", "String", "Boolean", "Symbol", "BigInt"),
  isDataView: isClass("DataView"),
  isExternal: () => false,
  isMap: isClass("Map"),
  isMapIterator: isClass("MapIterator"),
  isModuleNamespaceObject: (value) =>
    typeof value === "object" && value !== null && getPrototypeOf(value) === null && Reflect.apply(prototypeToString, value, []) === "[object Module]",
  isNativeError: isClass("Error"),
  isPromise: isClass("Promise"),
  isProxy: isClass("Proxy"),
  isSet: isClass("Set"),
  isSetIterator: isClass("SetIterator"),
  isWeakMap: isClass("WeakMap"),
  isWeakSet: isClass("WeakSet"),
  isRegExp: isClass("RegExp"),
  isDate: isClass("Date"),
  isTypedArray: (value) => typedName(value) !== undefined,
  isStringObject: isClass("String"),
  isNumberObject: isClass("Number"),
  isBooleanObject: isClass("Boolean"),
  isBigIntObject: isClass("BigInt"),
  isSymbolObject: isClass("Symbol"),
};
for (const name of ["Uint8", "Uint8Clamped", "Uint16", "Uint32", "Int8", "Int16", "Int32", "Float16", "Float32", "Float64", "BigInt64", "BigUint64"]) {
  types[`is${name}Array`] = (value) => typedName(value) === `${name}Array`;
}

// [state, value]: 0 pending, 1 fulfilled, 2 rejected.
export function innerPromise(promise) {
  const state = promiseState(promise);
  return [state, state ? promiseResult(promise) : undefined];
}

export function innerProxy(value) {
  return classOf(value) === "Proxy" ? [proxyTarget(value), proxyHandler(value)] : undefined;
}
