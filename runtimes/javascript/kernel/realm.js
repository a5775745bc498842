// The program's realm: its global object, its variables, and what it finds there.

import { compile, resource } from "./host.js";
import { internal } from "./internal.js";
import { installStacks } from "./errors.js";
import { lockKernelRealm } from "./lockdown.js";

export const realm = { global: undefined, variables: undefined, builtins: new Map() };

const COMMON_JS = "exports, require, module, __filename, __dirname, internal";
const LIBRARIES = { buffer: "buffer", "base64-js": "base64-js", ieee754: "ieee754", events: "events", path: "path", "whatwg-url": "whatwg-url" };
// In the order in which they need one another; each is a file of node/ or a library.
const BUILTINS = [
  "web", "events", "path", "buffer", "util", "url", "process", "timers", "console", "os", "assert", "fs", "string_decoder",
  "querystring", "crypto", "perf_hooks", "module", "display", "host", "globals",
];

export function begin(global, variables) {
  realm.global = global;
  realm.variables = variables;
  Reflect.deleteProperty(variables, "wasmInterpProbe");
  installStacks(global.Error);
  for (const name of BUILTINS) {
    loadBuiltin(name);
  }
  delete globalThis.__kernel;
  lockKernelRealm();
}

export function requireBuiltin(name) {
  const module = realm.builtins.get(name);
  if (module === undefined) {
    throw new Error(`there is no built-in ${name}`);
  }
  return module.exports;
}

function loadBuiltin(specifier) {
  const name = specifier.replace(/^\.\//, "");
  const known = realm.builtins.get(name);
  if (known !== undefined) {
    return known.exports;
  }
  const module = { exports: compile("({})", "wasm_interp:realm") };
  realm.builtins.set(name, module);
  const isLibrary = Object.hasOwn(LIBRARIES, name);
  const source = isLibrary ? resource(`npm/${LIBRARIES[name]}.cjs`) : resource(`node/${name}.js`);
  const load = compile(`(function (${COMMON_JS}) {${source}\n})`, `wasm_interp:${name}`);
  load(module.exports, loadBuiltin, module, name, "", internal);
  return module.exports;
}
