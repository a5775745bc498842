// Node's console: log, info, debug to stdout, warn and error to stderr.

const { host, formatWithOptions, inspect, system } = internal;

class Console {
  #indent = "";
  #counts = new Map();
  #timers = new Map();
  #stdout;
  #stderr;

  constructor(stdout, stderr) {
    const given = typeof stdout?.write !== "function" && stdout?.stdout ? stdout : { stdout, stderr };
    [this.#stdout, this.#stderr] = [given.stdout, given.stderr ?? given.stdout];
    for (const name of METHODS) {
      Object.defineProperty(this, name, { value: this[name].bind(this), writable: true, enumerable: true, configurable: true });
    }
  }

  #write(fd, args) {
    const text = formatWithOptions({}, ...args);
    const indented = this.#indent ? this.#indent + text.replaceAll("\n", `\n${this.#indent}`) : text;
    const stream = fd === 1 ? this.#stdout : this.#stderr;
    if (stream === undefined) {
      host.print(fd, `${indented}\n`);
    } else {
      stream.write(`${indented}\n`);
    }
  }

  log(...args) {
    this.#write(1, args);
  }

  info(...args) {
    this.#write(1, args);
  }

  debug(...args) {
    this.#write(1, args);
  }

  warn(...args) {
    this.#write(2, args);
  }

  error(...args) {
    this.#write(2, args);
  }

  dir(value, options) {
    this.#write(1, [inspect(value, { customInspect: false, ...options })]);
  }

  dirxml(...args) {
    this.#write(1, args);
  }

  trace(...args) {
    const error = { name: "Trace", message: formatWithOptions({}, ...args) };
    Error.captureStackTrace(error, this.trace);
    const frames = String(error.stack).split("\n").filter((line) => /^\s+at /.test(line));
    this.#write(2, [[error.message ? `Trace: ${error.message}` : "Trace", ...frames].join("\n")]);
  }

  assert(condition, ...args) {
    if (condition) {
      return;
    }
    if (typeof args[0] === "string") {
      args[0] = `Assertion failed: ${args[0]}`;
      this.warn(...args);
    } else {
      this.warn("Assertion failed", ...args);
    }
  }

  clear() {}

  count(label = "default") {
    const name = `${label}`;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    this.log(`${name}: ${count}`);
  }

  countReset(label = "default") {
    if (!this.#counts.delete(`${label}`)) {
      warning(`Count for '${label}' does not exist`);
    }
  }

  time(label = "default") {
    const name = `${label}`;
    if (this.#timers.has(name)) {
      warning(`Label '${name}' already exists for console.time()`);
    } else {
      this.#timers.set(name, system.milliseconds());
    }
  }

  timeLog(label = "default", ...args) {
    this.#showTime("timeLog", `${label}`, args);
  }

  timeEnd(label = "default") {
    this.#showTime("timeEnd", `${label}`, []);
    this.#timers.delete(`${label}`);
  }

  timeStamp() {}

  #showTime(method, name, args) {
    const started = this.#timers.get(name);
    if (started === undefined) {
      warning(`No such label '${name}' for console.${method}()`);
    } else {
      this.log("%s: %s", name, duration(system.milliseconds() - started), ...args);
    }
  }

  group(...args) {
    if (args.length) {
      this.log(...args);
    }
    this.#indent += "  ";
  }

  groupCollapsed(...args) {
    this.group(...args);
  }

  groupEnd() {
    this.#indent = this.#indent.slice(2);
  }

  table(data, columns) {
    if (columns !== undefined && !Array.isArray(columns)) {
      throw Object.assign(new TypeError(`The "properties" argument must be an instance of Array. Received ${inspect(columns)}`), { code: "ERR_INVALID_ARG_TYPE" });
    }
    this.log(typeof data === "object" && data !== null ? tableOf(data, columns) : data);
  }

  profile() {}

  profileEnd() {}
}

const METHODS = Object.getOwnPropertyNames(Console.prototype).filter((name) => name !== "constructor");

function warning(text) {
  host.print(2, `(node:1) Warning: ${text}\n`);
}

function duration(milliseconds) {
  if (milliseconds >= 3600000) {
    return `${Math.floor(milliseconds / 3600000)}:${String(Math.floor((milliseconds / 60000) % 60)).padStart(2, "0")}:${String(Math.floor((milliseconds / 1000) % 60)).padStart(2, "0")} (h:mm:ss)`;
  }
  if (milliseconds >= 60000) {
    const seconds = (milliseconds / 1000) % 60;
    return `${Math.floor(milliseconds / 60000)}:${seconds.toFixed(3).padStart(6, "0")} (m:ss.mmm)`;
  }
  return milliseconds >= 1000 ? `${Number((milliseconds / 1000).toFixed(3))}s` : `${Number(milliseconds.toFixed(3))}ms`;
}

const shown = (value) => inspect(value, { maxArrayLength: 3, breakLength: Infinity, depth: typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 2 ? -1 : 0 });

// https://console.spec.whatwg.org/#table, drawn as Node does.
function tableOf(data, wanted) {
  const isMap = internal.types.isMap(data);
  const isSet = internal.types.isSet(data);
  const rows = isMap ? [...data].map(([key, value], index) => [index, value, key]) : isSet ? [...data].map((value, index) => [index, value]) : Object.keys(data).map((key) => [key, data[key]]);
  const indexName = isMap || isSet ? "(iteration index)" : "(index)";
  const columns = new Map(wanted?.map((name) => [name, []]));
  const [values, keys] = [[], []];
  rows.forEach(([, value, key], number) => {
    if (isMap) {
      keys[number] = shown(key);
    }
    const isObject = !isMap && ((typeof value === "object" && value !== null) || typeof value === "function");
    if (!isObject) {
      values[number] = shown(value);
      return;
    }
    for (const name of wanted ?? Object.keys(value)) {
      if (!columns.has(name)) {
        columns.set(name, []);
      }
      columns.get(name)[number] = Object.hasOwn(value, name) ? shown(value[name]) : "";
    }
  });
  const head = [indexName, ...(keys.length ? ["Key"] : []), ...columns.keys(), ...(values.length ? ["Values"] : [])];
  const lists = [rows.map(([index]) => String(index)), ...(keys.length ? [keys] : []), ...columns.values(), ...(values.length ? [values] : [])];
  return drawTable(head.map(String), lists, rows.length);
}

const width = (text) => {
  let total = 0;
  for (const character of text.normalize("NFC")) {
    const code = character.codePointAt(0);
    total += /\p{Mark}|\p{Cf}/u.test(character) ? 0 : (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) || (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) || (code >= 0xff00 && code <= 0xff60) || (code >= 0x1f300 && code <= 0x1faff) ? 2 : 1;
  }
  return total;
};

function drawTable(head, lists, count) {
  const widths = head.map((name, column) => 2 + Math.max(width(name), ...Array.from({ length: count }, (_, row) => width(lists[column][row] ?? ""))));
  const line = (left, middle, right) => left + widths.map((each) => "─".repeat(each)).join(middle) + right;
  const row = (cells) =>
    `│${cells
      .map((cell, column) => {
        return ` ${cell}${" ".repeat(widths[column] - width(cell) - 1)}`;
      })
      .join("│")}│`;
  const body = Array.from({ length: count }, (_, number) => row(lists.map((list) => list[number] ?? "")));
  return [line("┌", "┬", "┐"), row(head), line("├", "┼", "┤"), ...body, line("└", "┴", "┘")].join("\n");
}

const console = new Console();
Object.defineProperty(console, "Console", { value: Console, writable: true, configurable: true });
Object.defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });

module.exports = console;
