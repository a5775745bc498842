// What the web platform and Node have in common: text, URLs, clones, aborts.

const { host, system } = internal;
const { URL, URLSearchParams } = require("whatwg-url");

const LABELS = { "utf-8": "utf-8", utf8: "utf-8", "unicode-1-1-utf-8": "utf-8", "utf-16le": "utf-16le", "utf-16": "utf-16le", latin1: "windows-1252", "iso-8859-1": "windows-1252", ascii: "windows-1252", "us-ascii": "windows-1252", "windows-1252": "windows-1252" };

// The engine's own is of its first realm only.
const CODES = ["IndexSizeError", , "HierarchyRequestError", "WrongDocumentError", "InvalidCharacterError", , "NoModificationAllowedError", "NotFoundError", "NotSupportedError", "InUseAttributeError", "InvalidStateError", "SyntaxError", "InvalidModificationError", "NamespaceError", "InvalidAccessError", , "TypeMismatchError", "SecurityError", "NetworkError", "AbortError", "URLMismatchError", "QuotaExceededError", "TimeoutError", "InvalidNodeTypeError", "DataCloneError"];

class DOMException extends Error {
  #name;

  constructor(message = "", options = "Error") {
    super(message, typeof options === "object" && "cause" in options ? { cause: options.cause } : undefined);
    this.#name = `${typeof options === "object" ? (options.name ?? "Error") : options}`;
  }

  get name() {
    return this.#name;
  }

  get code() {
    return CODES.indexOf(this.#name) + 1;
  }
}
Object.defineProperty(DOMException.prototype, Symbol.toStringTag, { value: "DOMException", configurable: true });

class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    const bytes = host.encode(String(text));
    return new Uint8Array(adopt(bytes));
  }

  encodeInto(text, target) {
    let [read, written] = [0, 0];
    for (const character of String(text)) {
      const bytes = this.encode(character);
      if (written + bytes.length > target.length) {
        break;
      }
      target.set(bytes, written);
      written += bytes.length;
      read += character.length;
    }
    return { read, written };
  }
}

class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #held = new Uint8Array(0);

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    const encoding = LABELS[String(label).trim().toLowerCase()];
    if (encoding === undefined) {
      throw Object.assign(new RangeError(`The "${label}" encoding is not supported`), { code: "ERR_ENCODING_NOT_SUPPORTED" });
    }
    [this.#encoding, this.#fatal, this.#ignoreBOM] = [encoding, Boolean(fatal), Boolean(ignoreBOM)];
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = new Uint8Array(0), { stream = false } = {}) {
    let bytes = bytesOf(input);
    if (this.#held.length) {
      const joined = new Uint8Array(this.#held.length + bytes.length);
      joined.set(this.#held);
      joined.set(bytes, this.#held.length);
      bytes = joined;
      this.#held = new Uint8Array(0);
    }
    if (stream) {
      const whole = this.#encoding === "utf-8" ? wholeUtf8(bytes) : this.#encoding === "utf-16le" ? bytes.length & ~1 : bytes.length;
      this.#held = bytes.slice(whole);
      bytes = bytes.subarray(0, whole);
    }
    const text = this.#text(bytes);
    return this.#ignoreBOM || text.charCodeAt(0) !== 0xfeff ? text : text.slice(1);
  }

  #text(bytes) {
    if (this.#encoding === "utf-8") {
      const text = host.decode(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (this.#fatal && text.includes("\ufffd") && !sameBytes(host.encode(text), bytes)) {
        throw Object.assign(new TypeError("The encoded data was not valid for encoding utf-8"), { code: "ERR_ENCODING_INVALID_ENCODED_DATA" });
      }
      return text;
    }
    const codes = [];
    const step = this.#encoding === "utf-16le" ? 2 : 1;
    for (let index = 0; index + step <= bytes.length; index += step) {
      codes.push(String.fromCharCode(step === 2 ? bytes[index] | (bytes[index + 1] << 8) : bytes[index]));
    }
    return codes.join("");
  }
}

// Buffers that the kernel makes are of its own realm.
function adopt(foreign) {
  const own = new ArrayBuffer(foreign.byteLength);
  new Uint8Array(own).set(new Uint8Array(foreign));
  return own;
}

function bytesOf(input) {
  if (ArrayBuffer.isView(input)) {
    return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  }
  if (internal.types.isAnyArrayBuffer(input)) {
    return new Uint8Array(input);
  }
  throw Object.assign(new TypeError('The "list" argument must be an instance of SharedArrayBuffer, ArrayBuffer or ArrayBufferView.'), { code: "ERR_INVALID_ARG_TYPE" });
}

function sameBytes(buffer, bytes) {
  const other = new Uint8Array(buffer);
  return other.length === bytes.length && other.every((byte, index) => byte === bytes[index]);
}

// How many bytes end with a whole character.
function wholeUtf8(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.length - back : bytes.length;
    }
    if (byte < 0x80) {
      break;
    }
  }
  return bytes.length;
}

// https://html.spec.whatwg.org/#structuredserializeinternal, for what a program can hold here.
function structuredClone(value, options) {
  if (!arguments.length) {
    throw new TypeError("The \"value\" argument must be specified");
  }
  return clone(value, new Map(), new Set(options?.transfer ?? []));
}

const COPIED = { Number: (v) => Object(Number(v)), String: (v) => Object(String(v)), Boolean: (v) => Object(Boolean.prototype.valueOf.call(v)), BigInt: (v) => Object(BigInt.prototype.valueOf.call(v)), Date: (v) => new Date(Number(v)), RegExp: (v) => new RegExp(v.source, v.flags) };
const CLONED_ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

function clone(value, seen, transferred) {
  if (typeof value === "symbol" || typeof value === "function") {
    throw notCloneable(value);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (seen.has(value)) {
    return seen.get(value);
  }
  const kind = internal.classOf(value);
  if (kind in COPIED) {
    return remember(seen, value, COPIED[kind](value));
  }
  if (ArrayBuffer.isView(value)) {
    const buffer = clone(value.buffer, seen, transferred);
    const length = kind === "DataView" ? value.byteLength : value.length;
    const View = globalThis[Object.prototype.toString.call(value).slice(8, -1)];
    return remember(seen, value, new View(buffer, value.byteOffset, length));
  }
  switch (kind) {
    case "ArrayBuffer":
      return remember(seen, value, transferred.has(value) ? value.transfer() : value.slice(0));
    case "Map": {
      const copy = remember(seen, value, new Map());
      for (const [key, item] of [...Map.prototype.entries.call(value)]) {
        copy.set(clone(key, seen, transferred), clone(item, seen, transferred));
      }
      return copy;
    }
    case "Set": {
      const copy = remember(seen, value, new Set());
      for (const item of [...Set.prototype.values.call(value)]) {
        copy.add(clone(item, seen, transferred));
      }
      return copy;
    }
    case "Error":
      return cloneError(value, seen, transferred);
    case "Array":
      return cloneProperties(value, remember(seen, value, new Array(value.length)), seen, transferred);
    case "Plain":
    case "Arguments":
    case "MappedArguments":
      return cloneProperties(value, remember(seen, value, {}), seen, transferred);
    default:
      throw notCloneable(value);
  }
}

function remember(seen, value, copy) {
  seen.set(value, copy);
  return copy;
}

function cloneProperties(value, copy, seen, transferred) {
  for (const key of Object.keys(value)) {
    copy[key] = clone(value[key], seen, transferred);
  }
  return copy;
}

function cloneError(error, seen, transferred) {
  const name = String(error.name);
  const copy = remember(seen, error, Object.create((CLONED_ERRORS[name] ?? Error).prototype));
  const made = new (CLONED_ERRORS[name] ?? Error)(error.message);
  seen.set(error, made);
  for (const key of ["stack", "cause"]) {
    if (key in error) {
      Object.defineProperty(made, key, { value: clone(error[key], seen, transferred), writable: true, configurable: true });
    }
  }
  return made ?? copy;
}

function notCloneable(value) {
  return new DOMException(`${typeof value === "symbol" ? value.toString() : typeof value === "function" ? Function.prototype.toString.call(value) : `#<${value?.constructor?.name ?? "Object"}>`} could not be cloned.`, "DataCloneError");
}

class Event {
  constructor(type, { bubbles = false, cancelable = false } = {}) {
    Object.assign(this, { type: String(type), bubbles, cancelable, defaultPrevented: false, target: null, timeStamp: performance.now() });
  }

  preventDefault() {
    this.defaultPrevented = this.cancelable;
  }

  stopImmediatePropagation() {
    this.stopped = true;
  }
}

class EventTarget {
  #listeners = new Map();

  addEventListener(type, listener, options) {
    const known = this.#listeners.get(type) ?? [];
    if (listener && !known.some((each) => each.listener === listener)) {
      this.#listeners.set(type, [...known, { listener, once: Boolean(options?.once) }]);
    }
  }

  removeEventListener(type, listener) {
    this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((each) => each.listener !== listener));
  }

  dispatchEvent(event) {
    event.target = this;
    for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
      if (once) {
        this.removeEventListener(event.type, listener);
      }
      typeof listener === "function" ? listener.call(this, event) : listener.handleEvent(event);
      if (event.stopped) {
        break;
      }
    }
    return !event.defaultPrevented;
  }
}

class AbortSignal extends EventTarget {
  aborted = false;
  reason = undefined;
  onabort = null;

  throwIfAborted() {
    if (this.aborted) {
      throw this.reason;
    }
  }

  static abort(reason = new DOMException("This operation was aborted", "AbortError")) {
    return Object.assign(new AbortSignal(), { aborted: true, reason });
  }

  static timeout(milliseconds) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError")), milliseconds);
    timer.unref?.();
    return controller.signal;
  }

  static any(signals) {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) {
        controller.abort(signal.reason);
      } else {
        signal.addEventListener("abort", () => controller.abort(signal.reason), { once: true });
      }
    }
    return controller.signal;
  }
}

class AbortController {
  signal = new AbortSignal();

  abort(reason = new DOMException("This operation was aborted", "AbortError")) {
    if (!this.signal.aborted) {
      Object.assign(this.signal, { aborted: true, reason });
      const event = new Event("abort");
      this.signal.onabort?.(event);
      this.signal.dispatchEvent(event);
    }
  }
}

for (const Class of [URL, URLSearchParams]) {
  Object.defineProperty(Class.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: Class === URL ? inspectUrl : inspectParams, configurable: true });
}

function inspectUrl(depth, options) {
  if (depth < 0) {
    return this.href;
  }
  const shown = {};
  for (const key of ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "searchParams", "hash"]) {
    shown[key] = this[key];
  }
  return `URL ${internal.inspect(shown, options)}`;
}

function inspectParams(depth, options) {
  const items = [...this].map(([key, value]) => `${internal.inspect(key, options)} => ${internal.inspect(value, options)}`);
  return items.length ? `URLSearchParams { ${items.join(", ")} }` : "URLSearchParams {}";
}

module.exports = { DOMException, URL, URLSearchParams, TextEncoder, TextDecoder, structuredClone, Event, EventTarget, AbortSignal, AbortController, adopt, bytesOf };
