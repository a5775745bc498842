// What the host does for the kernel: the functions of quickjs.py, with the room that some of them want.

const host = globalThis.__host;
delete globalThis.__host;

const SCRATCH_BYTES = 4096;
const scratch = new ArrayBuffer(SCRATCH_BYTES);
const room = host.address(0, scratch); // its first 16 bytes are for lengths

export const RESULT = 1;
export const ERROR = 2;
export const DONE = 3;
export const INPUT = 4;
export const CLEAR = 5;
export const UPDATE = 6;
export const WAITING = 7;

export const { wasi, isMemoryFull, classId, promiseState, promiseResult, proxyTarget, proxyHandler, quit } = host;
export const memory = { view: new DataView(scratch), bytes: new Uint8Array(scratch), address: room + 16, offset: 16 };

export const send = (kind, payload) => host.send(room, kind, payload);
// Kinds and texts of the last frames of a run, in turn.
export const finish = (...frames) => {
  host.finish(room, ...frames);
};
export const print = (fd, text) => {
  host.print(room, fd, text.toWellFormed());
};
export const address = (buffer) => host.address(room, buffer);

const sizes = [ArrayBuffer, SharedArrayBuffer].map((Class) => Object.getOwnPropertyDescriptor(Class.prototype, "byteLength").get);

// Where those bytes of a buffer are. Whatever a program did to get here, they are inside it.
export function place(buffer, start, length) {
  const size = sizeOf(buffer);
  if (!Number.isInteger(start) || !Number.isInteger(length) || start < 0 || length < 0 || start + length > size) {
    throw new RangeError(`a buffer of ${size} bytes has no ${String(length)} from ${String(start)}`);
  }
  return address(buffer) + start;
}

function sizeOf(buffer) {
  try {
    return Reflect.apply(sizes[0], buffer, []);
  } catch {
    return Reflect.apply(sizes[1], buffer, []);
  }
}
export const encode = (text) => host.encode(room, text.toWellFormed());
export const decode = (buffer, start, length) => (length ? host.decode(place(buffer, start, length), length) : "");
export const compile = (source, filename) => host.compile(room, source, filename);
export const reseed = (seed) => {
  host.reseed(room, seed);
};
export const resource = (name) => host.resource(room, name);
export const wasiIndex = (name) => host.wasiIndex(room, name);
