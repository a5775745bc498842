// setTimeout and its kin; what they make runs before the cell is over.

const { timers } = internal;

class Timeout {
  #timer;

  constructor(timer) {
    this.#timer = timer;
    timer.handle = this;
  }

  ref() {
    this.#timer.counts = true;
    return this;
  }

  unref() {
    this.#timer.counts = false;
    return this;
  }

  hasRef() {
    return this.#timer.counts;
  }

  refresh() {
    timers.refresh(this.#timer);
    return this;
  }

  close() {
    timers.cancel(this.#timer);
    return this;
  }

  [Symbol.toPrimitive]() {
    return this.#timer.id;
  }

  [Symbol.dispose]() {
    this.close();
  }

  static cancel(handle) {
    if (typeof handle === "object" && handle !== null && #timer in handle) {
      timers.cancel(handle.#timer);
    } else if (typeof handle === "number" || typeof handle === "string") {
      const found = timers.find(Number(handle));
      if (found) {
        timers.cancel(found);
      }
    }
  }
}
const { cancel } = Timeout;
delete Timeout.cancel;
Timeout.prototype[Symbol.for("nodejs.util.inspect.custom")] = () => "Timeout {}";

class Immediate {
  constructor(immediate) {
    Object.defineProperty(this, "_immediate", { value: immediate });
  }

  ref() {
    return this;
  }

  unref() {
    return this;
  }

  hasRef() {
    return true;
  }
}

function checked(callback) {
  if (typeof callback !== "function") {
    throw Object.assign(new TypeError(`The "callback" argument must be of type function. Received ${internal.inspect(callback)}`), { code: "ERR_INVALID_ARG_TYPE" });
  }
  return callback;
}

function setTimeout(callback, delay, ...args) {
  return new Timeout(timers.add(checked(callback), delay, args, false));
}

function setInterval(callback, delay, ...args) {
  return new Timeout(timers.add(checked(callback), delay, args, true));
}

function setImmediate(callback, ...args) {
  return new Immediate(timers.addImmediate(checked(callback), args));
}

function clearTimeout(handle) {
  cancel(handle);
}

function clearInterval(handle) {
  cancel(handle);
}

function clearImmediate(handle) {
  if (handle?._immediate) {
    timers.cancel(handle._immediate);
  }
}

const withSignal = (start, stop) => (value, signal) =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const handle = start(() => resolve(value));
    signal?.addEventListener("abort", () => {
      stop(handle);
      reject(new DOMException("The operation was aborted", "AbortError"));
    });
  });

const promises = {
  setTimeout: (delay, value, options) => withSignal((done) => setTimeout(done, delay), clearTimeout)(value, options?.signal),
  setImmediate: (value, options) => withSignal(setImmediate, clearImmediate)(value, options?.signal),
  async *setInterval(delay, value) {
    for (;;) {
      await promises.setTimeout(delay);
      yield value;
    }
  },
  scheduler: { wait: (delay) => promises.setTimeout(delay), yield: () => promises.setImmediate() },
};
setTimeout[Symbol.for("nodejs.util.promisify.custom")] = promises.setTimeout;

module.exports = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, promises };
