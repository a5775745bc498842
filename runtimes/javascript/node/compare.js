// Deep equality, as Node's assert and util have it.

const { types } = internal;
const kinds = internal.classOf;

const isDeepStrictEqual = (a, b) => compare(a, b, true, []);
const isDeepEqual = (a, b) => compare(a, b, false, []);

function compare(a, b, strict, open) {
  if (strict ? Object.is(a, b) : a == b || (a !== a && b !== b)) {
    return true;
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return false;
  }
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) {
    return false;
  }
  if (kinds(a) !== kinds(b) || Array.isArray(a) !== Array.isArray(b)) {
    return false;
  }
  if (open.some(([x, y]) => x === a && y === b)) {
    return true;
  }
  open.push([a, b]);
  const same = sameInside(a, b, strict, open);
  open.pop();
  return same;
}

function sameInside(a, b, strict, open) {
  if (types.isDate(a) && a.getTime() !== b.getTime() && !(isNaN(a) && isNaN(b))) {
    return false;
  }
  if (types.isRegExp(a) && String(a) !== String(b)) {
    return false;
  }
  if (types.isNativeError(a) && (a.message !== b.message || a.name !== b.name)) {
    return false;
  }
  if (types.isBoxedPrimitive(a) && !Object.is(a.valueOf(), b.valueOf())) {
    return false;
  }
  if (types.isArrayBuffer(a)) {
    return compare(new Uint8Array(a), new Uint8Array(b), strict, open);
  }
  if (types.isMap(a)) {
    return a.size === b.size && sameMaps(a, b, strict, open) && sameProperties(a, b, strict, open);
  }
  if (types.isSet(a)) {
    return a.size === b.size && sameSets(a, b, strict, open) && sameProperties(a, b, strict, open);
  }
  return sameProperties(a, b, strict, open);
}

function sameMaps(a, b, strict, open) {
  for (const [key, value] of a) {
    if (b.has(key) ? !compare(value, b.get(key), strict, open) : ![...b].some(([k, v]) => compare(key, k, strict, open) && compare(value, v, strict, open))) {
      return false;
    }
  }
  return true;
}

function sameSets(a, b, strict, open) {
  const rest = [...b].filter((item) => !a.has(item));
  for (const item of a) {
    if (b.has(item)) {
      continue;
    }
    const match = rest.findIndex((other) => compare(item, other, strict, open));
    if (match < 0) {
      return false;
    }
    rest.splice(match, 1);
  }
  return true;
}

function sameProperties(a, b, strict, open) {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || a.length !== b.length) {
    return false;
  }
  if (strict) {
    const symbols = (object) => Object.getOwnPropertySymbols(object).filter((key) => Object.prototype.propertyIsEnumerable.call(object, key));
    if (symbols(a).length !== symbols(b).length) {
      return false;
    }
    keys.push(...symbols(a));
  }
  return keys.every((key) => Object.hasOwn(b, key) && compare(a[key], b[key], strict, open));
}

module.exports = { isDeepStrictEqual, isDeepEqual };
