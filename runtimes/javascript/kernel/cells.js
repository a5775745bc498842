// One cell, from the request to its DONE frame. The host calls these in turn (see javascript.py).

import { analyse } from "./analysis.js";
import { OUT_OF_MEMORY, describe, letEngineMakeStacks, refusal } from "./errors.js";
import { DONE, ERROR, RESULT, WAITING, compile, finish as finishRun, send } from "./host.js";
import { internal } from "./internal.js";
import { realm } from "./realm.js";
import * as requests from "./requests.js";
import { bundleOf } from "./results.js";
import { remember } from "./sources.js";
import { surroundings } from "./surroundings.js";
import * as timers from "./timers.js";
import { forget, innerPromise, trustPrototypes, types } from "./types.js";

const MOST_ERROR_CHARS = 4 << 20;
const { parse, stringify } = JSON;

let cell = newCell();
const unhandled = new Map(); // promise -> reason, in the order of their rejections

function newCell() {
  return { name: "", isAsync: false, promise: undefined, bundle: undefined, error: undefined, isOver: true, isWaiting: false, isQuiet: false, declared: new Map(), environment: undefined };
}

// A request. For one with code, the source to evaluate: s or a (a script that may
// await: its value is a promise of {value}), a file name, a zero, the code.
export function run(text) {
  const request = parse(text);
  if (request.kind === "resume") {
    return resume(request);
  }
  if (cell.isWaiting) {
    abandon();
  }
  cell = newCell();
  unhandled.clear();
  switch (request.kind) {
    case "run":
      return begin(request, `<cell ${request.count}>`);
    case "warm":
      cell.isQuiet = true;
      return begin(request, "<cell 0>");
    case "freeze":
      freeze();
      return undefined;
    default:
      fail(new Error(`no request of kind ${request.kind}`));
      return undefined;
  }
}

function begin(request, name) {
  cell.isOver = false;
  cell.name = name;
  surroundings.exitCode = undefined;
  if (request.start !== undefined) {
    internal.later.start?.(request.start);
  }
  if (request.env !== undefined) {
    cell.environment = { ...surroundings.env };
    Object.assign(surroundings.env, request.env);
  }
  remember(name, request.source ?? request.code, request.mappings, request.prefix);
  if (request.refused !== undefined) {
    cell.error = refusal(request.refused, name);
    return undefined;
  }
  try {
    const analysed = analyse(request.code, isFixed);
    makeWay(analysed);
    cell.isAsync = analysed.isAsync;
    return `${analysed.isAsync ? "a" : "s"}${name}\0${analysed.code}`;
  } catch (error) {
    fail(error);
    return undefined;
  }
}

// The host has answered: the cell that waits goes on, with the microtasks that this starts.
function resume(request) {
  if (!cell.isWaiting) {
    cell = newCell();
  }
  cell.isOver = cell.isWaiting = false;
  if (request.start !== undefined) {
    internal.later.start?.(request.start);
  }
  requests.answer(request.answers);
  return undefined;
}

// Another cell is to run than the one that waits, which is dropped where it is.
function abandon() {
  timers.clear();
  requests.clear();
  if (cell.environment !== undefined) {
    restore(cell.environment);
  }
}

function isFixed(name) {
  return Object.getOwnPropertyDescriptor(realm.global, name)?.configurable === false;
}

// Remove the variables that the cell declares anew, and keep their values in case it does not get that far.
function makeWay({ lexical, variables }) {
  for (const name of lexical) {
    cell.declared.set(name, undefined);
  }
  for (const name of [...lexical, ...variables]) {
    const old = Object.getOwnPropertyDescriptor(realm.variables, name);
    if (old !== undefined) {
      cell.declared.set(name, old);
      Reflect.deleteProperty(realm.variables, name);
    }
  }
}

// A cell that ended before a declaration of its was reached leaves the variable as it was before.
function putBack() {
  for (const [name, old] of cell.declared) {
    if (isInitialised(name)) {
      continue;
    }
    Reflect.deleteProperty(realm.variables, name);
    if (old !== undefined) {
      Object.defineProperty(realm.variables, name, { ...old, configurable: true });
    }
  }
}

// Only code of the realm is refused the value of a variable that has none yet.
function isInitialised(name) {
  try {
    compile(name, "wasm_interp:variable");
    return true;
  } catch {
    return false;
  }
}

export function receiveValue(value) {
  try {
    receive(value);
    timers.runTicks();
  } catch (error) {
    receiveError(error);
  }
}

function receive(value) {
  if (cell.isAsync || types.isPromise(value)) {
    cell.promise = value;
  } else {
    show(value);
  }
}

export function receiveError(error) {
  if (surroundings.exitCode !== undefined) {
    const code = surroundings.exitCode;
    cell.error = { name: "ExitError", value: String(code), traceback: [`ExitError: ${code}`], exit_code: code };
    timers.clear();
  } else {
    fail(error);
  }
}

function fail(error) {
  if (cell.error === undefined) {
    cell.error = describe(error);
  }
  timers.clear();
}

function show(value) {
  if (value !== undefined) {
    cell.bundle = bundleOf(value);
    if (!cell.isQuiet) {
      internal.later.keep?.(value);
    }
  }
}

// The kernel failed at what it was asked, most likely for want of memory: that is the cell's error.
export function breakDown(error) {
  const isFinishing = cell.isOver;
  cell.isOver = false;
  cell.bundle = cell.promise = undefined;
  cell.error = OUT_OF_MEMORY; // which it stays if there is no room to describe another
  cell.error = describe(error);
  timers.clear();
  if (isFinishing) {
    finish();
  }
}

export function trackRejection(promise, reason, isHandled) {
  if (isHandled) {
    unhandled.delete(promise);
  } else if (!cell.isOver) {
    unhandled.set(promise, reason);
  }
}

// The same when no microtask waits; undefined when the run is over.
export function receiveLastValue(value) {
  receiveValue(value);
  return cell.promise === undefined && unhandled.size === 0 ? step() : true;
}

// After every microtask has run: true if there is more to do, else undefined.
export function step() {
  if (cell.isOver) {
    return undefined;
  }
  try {
    if (surroundings.exitCode !== undefined) {
      receiveError(); // thrown in a callback that a step ran, and not to be caught there
    } else if (timers.runTicks()) {
      return true;
    }
    settle();
    checkRejections();
    // Timers that are not due wait too: a cell that gives the host an hour to answer does not wait that hour here.
    if (cell.error === undefined && cell.promise !== undefined && requests.any() && !timers.isDue()) {
      suspend();
      return undefined;
    }
    if (cell.error === undefined && timers.runNext()) {
      return true;
    }
    if (cell.error === undefined && cell.promise !== undefined) {
      show(cell.promise); // nothing is left that could settle it
      cell.promise = undefined;
    }
    if (internal.later.beforeExit?.(cell.error)) {
      return true;
    }
  } catch (error) {
    receiveError(error);
  }
  finish();
  return undefined;
}

function suspend() {
  cell.isOver = cell.isWaiting = true;
  forget();
  finishRun(WAITING, requests.listed());
}

function settle() {
  while (cell.promise !== undefined) {
    const [state, result] = innerPromise(cell.promise);
    if (state === 0) {
      return;
    }
    unhandled.delete(cell.promise);
    cell.promise = undefined;
    if (state === 2) {
      fail(result);
      return;
    }
    const value = cell.isAsync ? result.value : result;
    cell.isAsync = false;
    receive(value);
  }
}

function checkRejections() {
  unhandled.delete(cell.promise);
  for (const [promise, reason] of unhandled) {
    unhandled.delete(promise);
    if (!internal.later.rejected?.(reason, promise)) {
      fail(reason);
    }
  }
}

// The program is about to be interrupted.
export function interrupted() {
  letEngineMakeStacks(true);
}

// The run was stopped by the host, which says why; what is left of it has ended.
export function stopped() {
  letEngineMakeStacks(false);
  if (cell.isOver) {
    return;
  }
  const { traceback } = cell.error ?? { traceback: [] };
  const frames = cell.error?.value === "interrupted" ? traceback.slice(0, -1) : [];
  cell.error = { name: "KeyboardInterrupt", value: "", traceback: [...frames, "KeyboardInterrupt"] };
  finish();
}

function finish() {
  cell.isOver = true;
  timers.clear();
  requests.clear();
  if (cell.error !== undefined) {
    putBack();
  }
  forget();
  if (cell.environment !== undefined) {
    restore(cell.environment);
  }
  if (cell.isQuiet) {
    return;
  }
  const frames = [];
  if (cell.bundle !== undefined) {
    frames.push(RESULT, `{"data":${cell.bundle},"metadata":{},"main":true}`);
  }
  if (cell.error !== undefined) {
    frames.push(ERROR, errorText(cell.error));
  }
  cell.promise = cell.bundle = undefined;
  finishRun(...frames);
}

function errorText({ name, value, traceback, exit_code }) {
  const lines = traceback.map((line) => line.toWellFormed());
  const text = stringify({ name: name.toWellFormed(), value: value.toWellFormed(), traceback: lines, exit_code });
  return text.length <= MOST_ERROR_CHARS
    ? text
    : stringify({ name: name.slice(0, 100).toWellFormed(), value: value.slice(0, 1000).toWellFormed(), traceback: [] });
}

function restore(environment) {
  for (const name of Object.keys(surroundings.env)) {
    delete surroundings.env[name];
  }
  Object.assign(surroundings.env, environment);
}

// The template is done: forget the cells that warmed it up.
function freeze() {
  trustPrototypes(realm.global.Object.prototype, realm.global.Array.prototype);
  for (const name of ["a", "b", "A"]) {
    Reflect.deleteProperty(realm.variables, name);
  }
  internal.later.freeze?.();
  requests.forget();
  send(DONE, "{}");
}
