// require(): CommonJS files of the sandbox, JSON, and the built-ins.

const { host } = internal;
const { modules } = internal.later;
const cache = Object.create(null);
const OPENING = "(function (exports, require, module, __filename, __dirname) {"; // so that lines keep their numbers

class Module {
  constructor(filename, parent) {
    Object.assign(this, { id: filename, filename, path: modules.dirname(filename), exports: {}, loaded: false, children: [], paths: [], parent });
  }
}

function requireFile(filename, parent) {
  const known = cache[filename];
  if (known) {
    return known.exports;
  }
  const module = new Module(filename, parent);
  cache[filename] = module;
  try {
    run(module, modules.readText(filename));
  } catch (error) {
    delete cache[filename];
    throw error;
  }
  module.loaded = true;
  return module.exports;
}

function run(module, source) {
  const { filename } = module;
  if (filename.endsWith(".json")) {
    modules.checkJson(filename, source);
    module.exports = JSON.parse(source);
    return;
  }
  if (filename.endsWith(".mjs")) {
    throw Object.assign(new Error(`require() of ES Module ${filename} is not supported: use import('${filename}')`), { code: "ERR_REQUIRE_ESM" });
  }
  modules.remember(filename, source, undefined, OPENING.length);
  const body = source.replace(/^#!.*/, "");
  const wrapped = host.compile(`${OPENING}${body}\n})`, filename);
  wrapped.call(module.exports, module.exports, createRequire(filename, module), module, filename, module.path);
}

function createRequire(from, parent) {
  const filename = from instanceof URL || String(from).startsWith("file:") ? require("url").fileURLToPath(from) : String(from);
  const resolve = (specifier) => {
    if (typeof specifier !== "string" || !specifier) {
      throw Object.assign(new TypeError(`The "id" argument must be a non-empty string. Received ${internal.inspect(specifier)}`), { code: "ERR_INVALID_ARG_VALUE" });
    }
    const builtin = modules.builtinName(specifier);
    return builtin === undefined ? modules.resolve(specifier, modules.dirname(filename), false) : specifier;
  };
  const requireFrom = (specifier) => {
    const resolved = resolve(specifier);
    const builtin = modules.builtinName(resolved);
    return builtin === undefined ? requireFile(resolved, parent) : modules.requirePublic(builtin);
  };
  return Object.assign(requireFrom, { resolve, cache, main: undefined });
}

internal.later.requireFile = requireFile;
internal.later.createRequire = createRequire;
Object.defineProperty(globalThis, Symbol.for(modules.REQUIRE), {
  value: (name) => (name.startsWith("/") ? requireFile(name) : modules.requirePublic(modules.builtinName(name))),
});

module.exports = Object.assign(Module, { createRequire, builtinModules: [...modules.PUBLIC], isBuiltin: (name) => modules.builtinName(name) !== undefined, _cache: cache, Module });
