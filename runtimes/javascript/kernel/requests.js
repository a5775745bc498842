// What only the host can give: `await host.request(name, payload)` in a cell.
//
// A cell that awaits a request, and can do nothing else, ends its turn with an empty stack: what it was doing is in async
// functions, on the heap like all else. It can lie there, or in a snapshot, until the host answers.

const { stringify } = JSON;
const MOST = 1000;
const MOST_NAME = 1000;
const MOST_CHARS = 1 << 20; // of a payload; more belongs in a file
const MOST_PENDING_CHARS = 3 << 20; // of all that wait: they travel in one frame
const pending = new Map(); // id -> its message, and functions of the program's realm that settle what awaits it
let count = 0;
let chars = 0; // of all messages

// ``payload`` is JSON text. Returns what is wrong with the request, or undefined.
export function add(name, payload, resolve, reject) {
  if (payload.length > MOST_CHARS) {
    return `the payload is ${payload.length} characters of JSON; ${MOST_CHARS} are allowed`;
  }
  if (pending.size >= MOST) {
    return `${MOST} requests wait for the host already`;
  }
  if (chars + payload.length > MOST_PENDING_CHARS) {
    return `all requests together are more than ${MOST_PENDING_CHARS} characters of JSON`;
  }
  const id = `req-${++count}`;
  const shown = stringify(name.slice(0, MOST_NAME).toWellFormed());
  const message = `{"id":"${id}","name":${shown},"payload":${payload.toWellFormed()}}`;
  pending.set(id, { message, resolve, reject });
  chars += message.length;
  return undefined;
}

export const any = () => pending.size > 0;

export const listed = () => `{"requests":[${[...pending.values()].map(({ message }) => message).join(",")}]}`;

// By id: {value}, or {error: {name, message}}. A value crosses into the program's realm as text.
export function answer(answers) {
  for (const [id, { value, error }] of Object.entries(answers)) {
    const request = pending.get(id);
    if (request === undefined) {
      continue;
    }
    pending.delete(id);
    chars -= request.message.length;
    if (error === undefined) {
      Reflect.apply(request.resolve, undefined, [stringify(value)]);
    } else {
      Reflect.apply(request.reject, undefined, [error.name, error.message]);
    }
  }
}

// A cell is over: what still awaits the host awaits nothing that will come.
export function clear() {
  pending.clear();
  chars = 0;
}

export function forget() {
  clear();
  count = 0;
}
