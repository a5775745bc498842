// Randomness of Node's crypto, and of the web's; there are no ciphers here.

const { system } = internal;
const { Buffer } = require("buffer");
const { DOMException } = require("web");
const MOST_BYTES = 65536;

function fill(view) {
  if (view.byteLength) {
    system.random(view.buffer, view.byteOffset, view.byteLength);
  }
  return view;
}

function getRandomValues(view) {
  if (!ArrayBuffer.isView(view) || internal.types.isDataView(view) || view instanceof Float32Array || view instanceof Float64Array) {
    throw new DOMException("The data argument must be an integer-type TypedArray", "TypeMismatchError");
  }
  if (view.byteLength > MOST_BYTES) {
    throw new DOMException(`The requested length exceeds ${MOST_BYTES} bytes`, "QuotaExceededError");
  }
  return fill(view);
}

function randomUUID() {
  const bytes = fill(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function randomBytes(size, callback) {
  const bytes = fill(Buffer.alloc(size));
  return callback ? process.nextTick(callback, null, bytes) : bytes;
}

function randomInt(low, high) {
  const [from, to] = high === undefined || typeof high === "function" ? [0, low] : [low, high];
  const range = to - from;
  if (!(range > 0)) {
    throw new RangeError(`The value of "max" is out of range. It must be greater than the value of "min" (${from}). Received ${to}`);
  }
  const most = Math.floor(2 ** 48 / range) * range;
  for (;;) {
    const value = fill(Buffer.alloc(6)).readUIntBE(0, 6);
    if (value < most) {
      return from + (value % range);
    }
  }
}

const webcrypto = { getRandomValues, randomUUID };

module.exports = { getRandomValues, randomUUID, randomBytes, randomInt, randomFillSync: fill, webcrypto };
