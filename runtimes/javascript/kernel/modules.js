// Which file or built-in a specifier means, and its source as an ES module.

import { decode } from "./host.js";
import { isModule } from "./analysis.js";
import { internal } from "./internal.js";
import { realm, requireBuiltin } from "./realm.js";
import { remember } from "./sources.js";
import { surroundings } from "./surroundings.js";
import * as system from "./system.js";

export const PUBLIC = [
  "assert", "buffer", "console", "crypto", "events", "fs", "fs/promises", "module", "os", "path", "path/posix", "perf_hooks", "process", "querystring",
  "string_decoder", "timers", "timers/promises", "url", "util", "util/types",
];
const SUFFIXES = ["", ".js", ".mjs", ".cjs", ".json", "/index.js", "/index.mjs", "/index.cjs"];
const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;
const RESERVED = new Set("arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield".split(" "));
const REQUIRE = "wasm_interp.require";

export function builtinName(specifier) {
  const name = specifier.startsWith("node:") ? specifier.slice(5) : specifier;
  return PUBLIC.includes(name) ? name : undefined;
}

// The engine asks: what `specifier` means in the file `base`. "node:name", or a path.
export function normalize(base, specifier) {
  const builtin = builtinName(specifier);
  return builtin === undefined ? resolve(specifier, base.startsWith("/") ? dirname(base) : surroundings.cwd, true) : `node:${builtin}`;
}

// The absolute path of a file. Throws an error that names what there is.
export function resolve(specifier, folder, isImport) {
  const path = specifier.startsWith("file://") ? decodeURIComponent(specifier.slice(7)) : specifier;
  if (/^(?:\.{0,2}\/|\.{1,2}$)/.test(path)) {
    const found = asFile(join(folder, path)) ?? asFolder(join(folder, path), isImport);
    if (found !== undefined) {
      return found;
    }
    throw notFound(specifier, join(folder, path), isImport);
  }
  for (let place = folder; ; place = dirname(place)) {
    const found = asPackage(place === "/" ? "/node_modules" : `${place}/node_modules`, path, isImport);
    if (found !== undefined) {
      return found;
    }
    if (place === "/") {
      throw notFound(specifier, undefined, isImport);
    }
  }
}

const isFile = (path) => system.stat(path, true).type === system.FILE_TYPES.file;

function asFile(path) {
  return SUFFIXES.map((suffix) => path + suffix).find(isFile);
}

function asFolder(path, isImport) {
  const manifest = readJson(`${path}/package.json`);
  const main = (isImport && manifest?.module) || manifest?.main;
  return typeof main === "string" ? asFile(join(path, main)) : undefined;
}

function asPackage(folder, specifier, isImport) {
  const [, name, rest] = /^((?:@[^/]+\/)?[^/]+)(?:\/(.*))?$/.exec(specifier) ?? [];
  if (name === undefined) {
    return undefined;
  }
  const root = `${folder}/${name}`;
  const manifest = readJson(`${root}/package.json`);
  const target = manifest?.exports && exported(manifest.exports, rest === undefined ? "." : `./${rest}`, isImport);
  if (typeof target === "string") {
    return asFile(join(root, target));
  }
  return rest === undefined ? (asFolder(root, isImport) ?? asFile(`${root}/index`)) : asFile(join(root, rest));
}

function exported(exports, subpath, isImport) {
  const isMap = typeof exports === "object" && !Array.isArray(exports) && Object.keys(exports).some((key) => key.startsWith("."));
  return conditional(isMap ? exports[subpath] : subpath === "." ? exports : undefined, isImport);
}

function conditional(target, isImport) {
  if (typeof target !== "object" || target === null) {
    return target;
  }
  for (const [condition, value] of Object.entries(target)) {
    if (condition === "default" || condition === "node" || condition === (isImport ? "import" : "require")) {
      const found = conditional(value, isImport);
      if (typeof found === "string") {
        return found;
      }
    }
  }
  return undefined;
}

function notFound(specifier, path, isImport) {
  const folder = path === undefined ? undefined : dirname(path);
  const listed = folder === undefined ? -1 : system.list(folder);
  const hint =
    folder === undefined
      ? `the built-ins are ${PUBLIC.join(", ")}; packages can be put into node_modules`
      : typeof listed === "number"
        ? `there is no folder ${folder}`
        : `${folder} has ${listed.length ? listed.slice(0, 20).map(([name]) => name).join(", ") + (listed.length > 20 ? ", ..." : "") : "no files"}`;
  const error = new realm.global.Error(`Cannot find module '${specifier}'; ${hint}`);
  error.code = isImport ? "ERR_MODULE_NOT_FOUND" : "MODULE_NOT_FOUND";
  return error;
}

// The engine asks for the source of a module that `normalize` named.
export function load(name) {
  if (name.startsWith("node:")) {
    return facade(name.slice(5), requirePublic(name.slice(5)));
  }
  const source = readText(name);
  if (name.endsWith(".json")) {
    checkJson(name, source);
    return `export default ${source};`;
  }
  remember(name, source);
  if (name.endsWith(".cjs") || (!name.endsWith(".mjs") && !isModule(source))) {
    return facade(name, internal.later.requireFile(name));
  }
  return source;
}

// ``name`` is one of PUBLIC; undefined is none.
export function requirePublic(name) {
  if (name === undefined) {
    throw new realm.global.Error("there is no built-in of that name");
  }
  const [main, part] = name.split("/");
  const exports = requireBuiltin(main);
  return part === undefined || part === "posix" ? exports : exports[part];
}

// An ES module that exports what `require(name)` gives.
function facade(name, exports) {
  const isObject = (typeof exports === "object" || typeof exports === "function") && exports !== null;
  const names = isObject ? Object.keys(exports).filter((key) => NAME.test(key) && !RESERVED.has(key)) : [];
  const lines = [`const it = globalThis[Symbol.for("${REQUIRE}")](${JSON.stringify(name)});`, "export default it;"];
  names.forEach((key, index) => lines.push(`const _${index} = it.${key}; export { _${index} as ${key} };`));
  return lines.join("\n");
}

export function checkJson(name, source) {
  try {
    JSON.parse(source);
  } catch (error) {
    throw new realm.global.SyntaxError(`${name}: ${error.message}`);
  }
}

export function readText(path) {
  const content = system.readFile(path);
  if (typeof content === "number") {
    throw new realm.global.Error(`cannot read ${path}`);
  }
  const text = decode(content, 0, content.byteLength);
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function readJson(path) {
  const content = system.readFile(path);
  try {
    return typeof content === "number" ? undefined : JSON.parse(decode(content, 0, content.byteLength));
  } catch {
    return undefined;
  }
}

export function dirname(path) {
  const end = path.lastIndexOf("/");
  return end <= 0 ? "/" : path.slice(0, end);
}

export function join(folder, path) {
  const parts = [];
  for (const part of (path.startsWith("/") ? path : `${folder}/${path}`).split("/")) {
    if (part === "..") {
      parts.pop();
    } else if (part && part !== ".") {
      parts.push(part);
    }
  }
  return `/${parts.join("/")}`;
}

Object.assign(internal.later, { modules: { PUBLIC, REQUIRE, builtinName, resolve, requirePublic, readText, checkJson, dirname, remember } });
