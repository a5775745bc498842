// Errors as Node would tell them: stacks of the program's own frames, and what an ERROR frame says.

import { isMemoryFull } from "./host.js";
import { inspect } from "./inspect.js";
import { lineOf, original } from "./sources.js";
import { classOf } from "./types.js";
import { safeText } from "./results.js";

const OURS = ["wasm_interp:", "kernel/", "npm/"];
const GENERIC = new Set(["Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "URIError"]);
const MOST_CAUSES = 10;
const MOST_ERRORS = 50; // those inside one error, at any depth
const MOST_LINE = 200;
const UNSHOWABLE = { name: "Error", value: "[an error that cannot be shown]", traceback: ["Error: [an error that cannot be shown]"] };
export const OUT_OF_MEMORY = { name: "InternalError", value: "out of memory", traceback: ["InternalError: out of memory"] };
const MOST_FRAME = 5000; // characters; the stack of an error is the program's to write

// As V8, a stack is made text when it is first asked for: by then a subclass has given itself its name.
class Stack {
  #frames;
  #text;

  constructor(frames) {
    this.#frames = frames;
  }

  textFor(error) {
    this.#text ??= [headerOf(error), ...this.#frames.map(frameLine)].join("\n");
    return this.#text;
  }
}

// What Error.prepareStackTrace is in the program's realm.
function prepareStackTrace(error, callSites) {
  try {
    const frames = describeFrames(callSites);
    while (frames.length > 1 && isConstructorFrame(frames[0], error)) {
      frames.shift();
    }
    const stack = new Stack(frames);
    return isError(error) ? stack : stack.textFor(error);
  } catch {
    return "Error";
  }
}

let installed;
let preparing; // the accessor Error.prepareStackTrace, which the program may replace: the engine goes by what was set
let setAside; // prepareStackTrace, the program's or ours, while the engine makes stacks

export function installStacks(ErrorClass) {
  installed = ErrorClass;
  const { get } = Object.getOwnPropertyDescriptor(ErrorClass.prototype, "stack");
  const stack = {
    get stack() {
      const found = Reflect.apply(get, this, []);
      return found instanceof Stack ? found.textFor(this) : found;
    },
    set stack(value) {
      Object.defineProperty(this, "stack", { value, writable: true, configurable: true });
    },
  };
  const accessor = Object.getOwnPropertyDescriptor(stack, "stack");
  Object.defineProperty(ErrorClass.prototype, "stack", { ...accessor, enumerable: false });
  preparing = Object.getOwnPropertyDescriptor(ErrorClass, "prepareStackTrace");
  hideFunctions(ErrorClass);
  ErrorClass.prepareStackTrace = prepareStackTrace;
}

// A program's own prepareStackTrace gets call sites of the kernel's functions too. Those are not for it to call; in V8
// likewise, a function of strict code is not shown.
function hideFunctions(ErrorClass) {
  let prototype;
  ErrorClass.prepareStackTrace = (error, callSites) => {
    prototype = Object.getPrototypeOf(callSites[0]);
  };
  new ErrorClass().stack;
  const { getFunction } = Object.getOwnPropertyDescriptors(prototype);
  Object.defineProperty(prototype, "getFunction", { ...getFunction, value: () => undefined });
}

// While a run is stopped the engine makes stacks by itself: an interruption whose stack JavaScript makes can be caught
// by the program (QuickJS-ng 0.17; seen for `while (true) { try { throw 1 } catch { } }`).
export function letEngineMakeStacks(isSo) {
  if (isSo) {
    setAside ??= Reflect.apply(preparing.get, installed, []);
    Reflect.apply(preparing.set, installed, [undefined]);
  } else if (setAside !== undefined) {
    Reflect.apply(preparing.set, installed, [setAside]);
    setAside = undefined;
  }
}

function describeFrames(callSites) {
  const frames = [];
  let pendingNative = [];
  for (let index = 0; index < callSites.length; index++) { // an array of the program's realm, whose iterator may be gone
    const site = callSites[index];
    const file = site.getFileName();
    if (!file) {
      pendingNative.push({ name: site.getFunctionName(), file: undefined });
    } else if (file.startsWith(OURS[0]) || file.startsWith(OURS[1]) || file.startsWith(OURS[2])) {
      pendingNative = []; // called by us
    } else {
      frames.push(...pendingNative);
      pendingNative = [];
      const [line, column] = original(file, site.getLineNumber(), site.getColumnNumber());
      frames.push({ name: site.getFunctionName(), file, line, column });
    }
  }
  return frames;
}

function isConstructorFrame(frame, error) {
  for (let prototype = Object.getPrototypeOf(error); prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
    if (typeof constructor === "function" && constructor.name === frame.name && frame.name) {
      return true;
    }
  }
  return false;
}

function frameLine({ name, file, line, column }) {
  const place = file === undefined ? "<anonymous>" : `${file}:${line}:${column}`;
  return name && name !== "<eval>" ? `    at ${name} (${place})` : `    at ${place}`;
}

function headerOf(error) {
  const name = read(error, "name") ?? "Error";
  const message = read(error, "message") ?? "";
  return message === "" ? `${name}` : name === "" ? `${message}` : `${name}: ${message}`;
}

function read(object, key) {
  try {
    const value = object[key];
    return value === undefined || value === null ? undefined : typeof value === "symbol" ? value.toString() : `${value}`;
  } catch {
    return undefined;
  }
}

export const isError = (value) => classOf(value) === "Error";

// What an ERROR frame says of a thrown value.
export function describe(thrown) {
  try {
    return described(thrown);
  } catch {
    return isMemoryFull() ? OUT_OF_MEMORY : UNSHOWABLE;
  }
}

function described(thrown) {
  if (thrown === null && isMemoryFull()) {
    return OUT_OF_MEMORY; // the engine throws null where it has no room for an error
  }
  if (!isError(thrown)) {
    const value = typeof thrown === "string" ? inspect(thrown) : safeInspect(thrown);
    return { name: "Uncaught", value, traceback: [`Uncaught ${value}`] };
  }
  const name = nameOf(thrown);
  const value = read(thrown, "message") ?? "";
  const last = value === "" ? name : `${name}: ${value}`;
  return { name, value, traceback: [...body(thrown, 0, new Set()), ...last.split("\n")] };
}

// What the transpiler refused, which the engine never saw.
export function refusal({ name, value, line, column }, file) {
  const place = `    at ${file}:${line}:${column}`;
  const lines = line ? [...excerpt(place), place] : [];
  const shown = line ? `${value} (${file}:${line}:${column})` : value;
  return { name, value: shown, traceback: [...lines, `${name}: ${shown}`] };
}

// The class of an error: its name, unless it is a subclass that has not given itself one.
function nameOf(error) {
  const name = read(error, "name") ?? "Error";
  const constructor = ownClass(error);
  return GENERIC.has(name) && constructor && !GENERIC.has(constructor) ? constructor : name || "Error";
}

function ownClass(error) {
  try {
    const constructor = Object.getPrototypeOf(error)?.constructor;
    return typeof constructor === "function" ? constructor.name : undefined;
  } catch {
    return undefined;
  }
}

// Frames, the line of source that the first is in, and causes: all but the last line.
function body(error, depth, seen) {
  seen.add(error);
  const frames = framesOf(error);
  const lines = [...(depth ? [] : excerpt(frames[0])), ...frames];
  if (depth >= MOST_CAUSES) {
    return lines;
  }
  if (classOf(error) === "Error" && Object.hasOwn(error, "cause")) {
    lines.push(...nested("[cause]", error.cause, depth, seen));
  }
  if (Object.hasOwn(error, "errors") && classOf(error.errors) === "Array") {
    for (let index = 0; index < Math.min(error.errors.length, MOST_CAUSES); index++) {
      lines.push(...nested(`[errors][${index}]`, error.errors[index], depth, seen));
    }
  }
  return lines;
}

function nested(label, error, depth, seen) {
  if (!isError(error)) {
    return [`  ${label}: ${safeInspect(error)}`];
  }
  if (seen.has(error) || seen.size >= MOST_ERRORS) {
    return [`  ${label}: ${seen.has(error) ? "[Circular]" : "[Error]"}`];
  }
  const value = read(error, "message") ?? "";
  const header = value === "" ? nameOf(error) : `${nameOf(error)}: ${value}`;
  return [`  ${label}: ${header}`, ...body(error, depth + 1, seen).map((line) => `  ${line}`)];
}

function framesOf(error) {
  const stack = read(error, "stack");
  const lines = stack === undefined ? [] : stack.split("\n").filter((line) => /^\s+at /.test(line));
  return stack?.startsWith("    at ") ? lines.map(engineFrame).filter((line) => line !== undefined) : lines;
}

// A line of the engine's own making, as ours would be.
function engineFrame(line) {
  const [, name, file, row, column] = /^\s+at (.*) \((.*):(\d+):(\d+)\)$/.exec(line) ?? [];
  if (file === undefined) {
    return line.replace("(native)", "(<anonymous>)");
  }
  const [mappedLine, mappedColumn] = original(file, Number(row), Number(column));
  return OURS.some((prefix) => file.startsWith(prefix)) ? undefined : frameLine({ name, file, line: mappedLine, column: mappedColumn });
}

const PLACE = /(?:\(|at )([^()]+):(\d+):(\d+)\)?$/;

function excerpt(frame) {
  const [, file, line, column] = PLACE.exec(frame?.length <= MOST_FRAME ? frame : "") ?? [];
  const source = file === undefined ? undefined : lineOf(file, Number(line));
  if (source === undefined || source.length > MOST_LINE) {
    return [];
  }
  const place = Math.min(Number(column), source.length + 1) - 1;
  const indent = source.slice(0, place).replace(/[^\t]/g, " ");
  return [`${file}:${line}`, source, `${indent}^`, ""];
}

function safeInspect(value) {
  try {
    return inspect(value);
  } catch {
    return safeText(value);
  }
}
