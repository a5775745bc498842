// A value as JSON text, if it is JSON: plain objects and arrays of text, finite numbers, booleans and null.

import { classOf } from "./types.js";

const MOST_DEPTH = 200;
const MOST_CHARS = 4 << 20;
const { stringify } = JSON;

export function toJson(value) {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  const writer = { chars: 0, open: new Set(), done: new Map() };
  try {
    return write(value, writer, 0);
  } catch {
    return undefined; // a getter or a Proxy of the program's
  }
}

function write(value, writer, depth) {
  switch (typeof value) {
    case "string":
      return counted(stringify(value.toWellFormed()), writer);
    case "boolean":
      return String(value);
    case "number":
      return Number.isFinite(value) ? counted(stringify(value), writer) : undefined;
    case "object":
      return value === null ? "null" : writeObject(value, writer, depth);
    default:
      return undefined;
  }
}

function counted(text, writer) {
  writer.chars += text.length;
  return writer.chars > MOST_CHARS ? undefined : text;
}

function writeObject(value, writer, depth) {
  if (depth > MOST_DEPTH || writer.open.has(value)) {
    return undefined;
  }
  const known = writer.done.get(value);
  if (known !== undefined) {
    return counted(known, writer);
  }
  writer.open.add(value);
  const kind = classOf(value);
  writer.chars += 2; // its brackets
  const text = kind === "Array" ? writeArray(value, writer, depth) : kind === "Plain" ? writePlain(value, writer, depth) : undefined;
  writer.open.delete(value);
  writer.done.set(value, text);
  return text;
}

function writeArray(value, writer, depth) {
  const items = [];
  for (let index = 0; index < value.length; index++) {
    const text = write(value[index], writer, depth + 1);
    if (text === undefined) {
      return undefined;
    }
    items.push(text);
  }
  return `[${items.join(",")}]`;
}

function writePlain(value, writer, depth) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return undefined; // an instance of a class
  }
  if (prototype !== null && !Object.hasOwn(prototype, "hasOwnProperty")) {
    return undefined;
  }
  const items = [];
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === "symbol") {
      return undefined;
    }
    if (!Object.getOwnPropertyDescriptor(value, key).enumerable) {
      continue;
    }
    const text = write(value[key], writer, depth + 1);
    if (text === undefined) {
      return undefined;
    }
    items.push(`${counted(stringify(key.toWellFormed()), writer)}:${text}`);
  }
  return `{${items.join(",")}}`;
}
