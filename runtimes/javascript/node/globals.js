// The global object of a program.

const web = require("web");
const timers = require("timers");
const { surroundings } = internal;

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

function defineEnumerable(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: true });
}

for (const name of ["URL", "URLSearchParams", "TextEncoder", "TextDecoder", "Event", "EventTarget", "AbortSignal", "AbortController", "DOMException"]) {
  define(name, web[name]);
}
for (const name of ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"]) {
  defineEnumerable(name, timers[name]);
}
defineEnumerable("structuredClone", web.structuredClone);
define("Buffer", require("buffer").Buffer);
define("process", require("process"));
define("console", require("console"));
define("crypto", require("crypto").webcrypto);
define("display", require("display"));
define("host", require("host"));
defineEnumerable("global", globalThis);

// In a cell, files are looked for from the working folder.
const requireCell = Object.assign((specifier) => internal.later.createRequire(`${surroundings.cwd}/cell`)(specifier), {
  resolve: (specifier) => internal.later.createRequire(`${surroundings.cwd}/cell`).resolve(specifier),
  cache: require("module")._cache,
});
define("require", requireCell);
define("module", { exports: {}, id: "<cell>", filename: "<cell>", children: [], paths: [] });
define("exports", globalThis.module.exports);

let last;
Object.defineProperty(globalThis, "_", {
  get: () => last,
  set(value) {
    Object.defineProperty(globalThis, "_", { value, writable: true, configurable: true, enumerable: false });
  },
  configurable: true,
  enumerable: false,
});
internal.later.keep = (value) => {
  last = value;
};
const { freeze } = internal.later;
internal.later.freeze = () => {
  freeze();
  last = undefined;
};

require("./intl");
