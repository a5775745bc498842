// Node's util.

const { inspect, format, formatWithOptions, stripVTControlCharacters } = internal;
const custom = Symbol.for("nodejs.util.promisify.custom");

function promisify(original) {
  checkFunction(original, "original");
  if (original[custom]) {
    return original[custom];
  }
  return Object.setPrototypeOf(function (...args) {
    return new Promise((resolve, reject) => {
      original.call(this, ...args, (error, ...values) => (error ? reject(error) : resolve(values[0])));
    });
  }, Object.getPrototypeOf(original));
}
promisify.custom = custom;

function callbackify(original) {
  checkFunction(original, "original");
  return function (...args) {
    const callback = args.pop();
    original.apply(this, args).then(
      (value) => setImmediate(callback, null, value),
      (error) => setImmediate(callback, error ?? new Error("Promise was rejected with a falsy value")),
    );
  };
}

function checkFunction(value, name) {
  if (typeof value !== "function") {
    throw Object.assign(new TypeError(`The "${name}" argument must be of type function. Received ${inspect(value)}`), { code: "ERR_INVALID_ARG_TYPE" });
  }
}

function inherits(constructor, parent) {
  Object.defineProperty(constructor, "super_", { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(constructor.prototype, parent.prototype);
}

function deprecate(wrapped, message, code) {
  let warned = false;
  return function (...args) {
    if (!warned) {
      warned = true;
      console.warn(`${code ? `[${code}] ` : ""}DeprecationWarning: ${message}`);
    }
    return wrapped.apply(this, args);
  };
}

const { isDeepStrictEqual } = require("./compare");
const { TextEncoder, TextDecoder } = require("web");
const colors = { bold: [1, 22], dim: [2, 22], italic: [3, 23], underline: [4, 24], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39], magenta: [35, 39], cyan: [36, 39], white: [37, 39], gray: [90, 39] };

module.exports = {
  inspect,
  format,
  formatWithOptions,
  stripVTControlCharacters,
  promisify,
  callbackify,
  inherits,
  deprecate,
  isDeepStrictEqual,
  types: { ...internal.types },
  TextEncoder,
  TextDecoder,
  isArray: Array.isArray,
  debuglog: () => Object.assign(() => {}, { enabled: false }),
  toUSVString: (text) => String(text).toWellFormed(),
  styleText: (styles, text) => [styles].flat().reduce((shown, style) => `\u001b[${colors[style][0]}m${shown}\u001b[${colors[style][1]}m`, text),
};
