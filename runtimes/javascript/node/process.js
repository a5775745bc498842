// Node's process, as far as there is one: no signals, no other processes.

const EventEmitter = require("events");
const { surroundings, system, host } = internal;

const process = Object.create(EventEmitter.prototype);
EventEmitter.call(process);

const env = new Proxy(surroundings.env, {
  set: (target, key, value) => {
    target[key] = `${value}`;
    return true;
  },
  preventExtensions: () => false, // what a run's own environment needs
  defineProperty: (target, key, descriptor) => Reflect.defineProperty(target, key, { ...descriptor, value: `${descriptor.value}`, configurable: true, enumerable: true, writable: true }),
});
const started = system.milliseconds();

function chdir(folder) {
  const path = require("path").resolve(String(folder));
  const about = system.stat(path, true);
  if (typeof about === "number" || about.type !== system.FILE_TYPES.directory) {
    const code = typeof about === "number" ? "ENOENT" : "ENOTDIR";
    const text = code === "ENOENT" ? "no such file or directory" : "not a directory";
    throw Object.assign(new Error(`${code}: ${text}, chdir ${surroundings.cwd} -> '${folder}'`), { code, syscall: "chdir", path: surroundings.cwd, dest: folder });
  }
  surroundings.cwd = path;
}

function exit(code = process.exitCode ?? 0) {
  surroundings.exitCode = Number(code) | 0;
  process.exitCode = undefined;
  process.emit("exit", surroundings.exitCode);
  host.quit(new Error(`process.exit(${code})`));
}

function hrtime(since) {
  const now = system.nanoseconds(1);
  const difference = since ? now - (BigInt(since[0]) * 1000000000n + BigInt(since[1])) : now;
  return [Number(difference / 1000000000n), Number(difference % 1000000000n)];
}
hrtime.bigint = () => system.nanoseconds(1);

const stream = (fd) => ({
  fd,
  isTTY: false,
  writable: true,
  columns: 80,
  write(data, encoding, callback) {
    host.print(fd, typeof data === "string" ? data : require("buffer").Buffer.from(data).toString());
    const done = typeof encoding === "function" ? encoding : callback;
    if (done) {
      process.nextTick(done);
    }
    return true;
  },
  end() {},
  on: () => {},
  once: () => {},
  emit: () => false,
  cork() {},
  uncork() {},
});

const PLAIN = {
  title: "node",
  version: "v20.20.0",
  versions: { node: "20.20.0", quickjs: "0.17.0" },
  arch: "wasm32",
  platform: "linux",
  release: { name: "node" },
  argv: ["/usr/local/bin/node"],
  argv0: "node",
  execPath: "/usr/local/bin/node",
  execArgv: [],
  pid: 1,
  ppid: 0,
  exitCode: undefined,
  features: {},
  config: { target_defaults: {}, variables: {} },
  stdout: stream(1),
  stderr: stream(2),
  stdin: { fd: 0, isTTY: false, read: () => null, on: () => {}, once: () => {} },
  env,
  cwd: () => surroundings.cwd,
  chdir,
  exit,
  abort: () => exit(134),
  hrtime,
  uptime: () => (system.milliseconds() - started) / 1000,
  memoryUsage: Object.assign(() => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }), { rss: () => 0 }),
  cpuUsage: () => ({ user: Math.round(performance.now() * 1000), system: 0 }),
  nextTick: (callback, ...args) => internal.timers.addTick(callback, args),
  emitWarning: (warning) => console.error(`(node:1) ${warning?.name ?? "Warning"}: ${warning?.message ?? warning}`),
  umask: () => 18,
  getuid: () => 1000,
  getgid: () => 1000,
  binding: () => {
    throw new Error("there are no bindings here");
  },
  kill: () => {
    throw new Error("there are no other processes here");
  },
};
Object.assign(process, PLAIN);
Object.defineProperty(process, Symbol.toStringTag, { value: "process", configurable: true });

internal.later.start = ({ cwd, env: variables, entropy }) => {
  if (entropy) {
    host.reseed(typeof entropy === "string" ? entropy : "");
  }
  if (cwd !== undefined) {
    surroundings.cwd = cwd;
    for (const name of Object.keys(surroundings.env)) {
      delete surroundings.env[name];
    }
    Object.assign(surroundings.env, variables);
  }
};
internal.later.rejected = (reason, promise) => process.listenerCount("unhandledRejection") > 0 && process.emit("unhandledRejection", reason, promise);
internal.later.freeze = () => process.removeAllListeners();

module.exports = process;
