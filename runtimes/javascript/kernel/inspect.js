// Node's util.inspect (node-inspect-extracted), told by the engine what it cannot see from JavaScript.

import { resource } from "./host.js";
import { classOf, innerPromise, innerProxy, types } from "./types.js";

// The library is one webpack bundle; three of its inner modules stand in for Node's C++, and ours take their places.
const CACHE = "},e={};function r(n){var o=e[n];";
const BINDING = 763;
const TYPES = 567;
const UTIL = 641;

const CLASS_NAMES = { Plain: "Object", MappedArguments: "Arguments", MapIterator: "Map Iterator", SetIterator: "Set Iterator" };

const pending = Symbol("pending");
const rejected = Symbol("rejected");
const INDEX = /^(?:0|[1-9][0-9]{0,9})$/;
const isEnumerable = Object.prototype.propertyIsEnumerable;

// What follows the indices, which come first and in order.
function nonIndexProperties(value, filter) {
  const keys = Reflect.ownKeys(value);
  let first = 0;
  let step = keys.length;
  while (step > 0) {
    const half = step >> 1;
    const key = keys[first + half];
    if (typeof key === "string" && INDEX.test(key)) {
      first += half + 1;
      step -= half + 1;
    } else {
      step = half;
    }
  }
  const rest = keys.slice(first);
  return filter === 2 ? rest.filter((key) => Reflect.apply(isEnumerable, value, [key])) : rest;
}

const binding = {
  constants: { kPending: pending, kRejected: rejected, ALL_PROPERTIES: 0, ONLY_ENUMERABLE: 2 },
  getOwnNonIndexProperties: (value, filter = 2) => nonIndexProperties(value, filter),
  getPromiseDetails(promise) {
    const [state, result] = innerPromise(promise);
    return state === 0 ? [pending, undefined] : [state === 2 ? rejected : undefined, result];
  },
  getProxyDetails(value, both = true) {
    const details = innerProxy(value);
    return details && (both ? details : details[0]);
  },
  Proxy,
  previewEntries: () => [[], false],
  getConstructorName: (value) => CLASS_NAMES[classOf(value)] ?? classOf(value) ?? "Object",
  getExternalValue: () => 0n,
};

const util = {
  customInspectSymbol: Symbol.for("nodejs.util.inspect.custom"),
  isError: (value) => classOf(value) === "Error",
  join: (items, separator) => items.join(separator),
  removeColors: (text) => text.replace(/\u001b\[\d\d?m/g, ""),
};

function loadLibrary() {
  const source = resource("npm/inspect.cjs");
  if (!source.includes(CACHE)) {
    throw new Error("node-inspect-extracted is not built as expected");
  }
  const places = { [BINDING]: "binding", [TYPES]: "types", [UTIL]: "util" };
  const cached = Object.keys(places).map((place) => `${place}:{exports:__given.${places[place]}}`);
  const given = CACHE.replace("e={}", `e={${cached.join()}}`);
  globalThis.Atomics ??= {}; // the library looks through it; this build of the engine has none
  const module = { exports: {} };
  const load = new Function("module", "exports", "__given", "URL", source.replace(CACHE, () => given));
  load(module, module.exports, { binding, types, util }, class URL {});
  return module.exports;
}

export const { inspect, format, formatWithOptions, stripVTControlCharacters } = loadLibrary();
