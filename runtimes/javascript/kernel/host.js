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

export const { wasi, classId, promiseState, promiseResult, proxyTarget, proxyHandler, quit } = host;
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
export const encode = (text) => host.encode(room, text.toWellFormed());
export const decode = (buffer, start, length) => (length ? host.decode(host.address(room, buffer) + start, length) : "");
export const compile = (source, filename) => host.compile(room, source, filename);
export const reseed = (seed) => {
  host.reseed(room, seed);
};
export const resource = (name) => host.resource(room, name);
export const wasiIndex = (name) => host.wasiIndex(room, name);
