// Node's fs over the sandbox's files: each call synchronous, then as a promise and with a callback.

const { system, host } = internal;
const { Buffer } = require("buffer");
const { adopt, bytesOf } = require("web");
const path = require("path");

// WASI's errno -> [Node's number, name, text]
const ERRORS = {
  2: [-13, "EACCES", "permission denied"],
  8: [-9, "EBADF", "bad file descriptor"],
  20: [-17, "EEXIST", "file already exists"],
  22: [-27, "EFBIG", "file too large"],
  28: [-22, "EINVAL", "invalid argument"],
  31: [-21, "EISDIR", "illegal operation on a directory"],
  32: [-40, "ELOOP", "too many symbolic links encountered"],
  33: [-24, "EMFILE", "too many open files"],
  37: [-36, "ENAMETOOLONG", "name too long"],
  44: [-2, "ENOENT", "no such file or directory"],
  51: [-28, "ENOSPC", "no space left on device"],
  54: [-20, "ENOTDIR", "not a directory"],
  55: [-39, "ENOTEMPTY", "directory not empty"],
  63: [-1, "EPERM", "operation not permitted"],
  69: [-30, "EROFS", "read-only file system"],
  76: [-13, "EACCES", "permission denied"],
};

function failure(errno, syscall, ...paths) {
  const [number, code, text] = ERRORS[errno] ?? [-5, `E${errno}`, "input/output error"];
  const places = paths.length ? ` '${paths.join("' -> '")}'` : "";
  return Object.assign(new Error(`${code}: ${text}, ${syscall}${places}`), { errno: number, code, syscall, ...(paths.length && { path: paths[0] }), ...(paths.length > 1 && { dest: paths[1] }) });
}

function check(outcome, syscall, ...paths) {
  if (typeof outcome === "number" && outcome < 0) {
    throw failure(-outcome, syscall, ...paths);
  }
  return outcome;
}

function checkErrno(errno, syscall, ...paths) {
  if (errno) {
    throw failure(errno, syscall, ...paths);
  }
}

function pathOf(given, name = "path") {
  let text = given;
  if (given instanceof URL) {
    text = require("url").fileURLToPath(given);
  } else if (ArrayBuffer.isView(given)) {
    text = Buffer.from(given).toString();
  }
  if (typeof text !== "string") {
    throw Object.assign(new TypeError(`The "${name}" argument must be of type string or an instance of Buffer or URL. Received ${internal.inspect(given)}`), { code: "ERR_INVALID_ARG_TYPE" });
  }
  if (text.includes("\0")) {
    throw Object.assign(new TypeError(`The argument '${name}' must be a string, Uint8Array, or URL without null bytes. Received ${internal.inspect(text)}`), { code: "ERR_INVALID_ARG_VALUE" });
  }
  return [path.resolve(text), text];
}

const MOST_FD = 2147483647;

function checkInteger(value, name, least = 0, most = Number.MAX_SAFE_INTEGER) {
  if (typeof value !== "number") {
    throw Object.assign(new TypeError(`The "${name}" argument must be of type number. Received ${internal.inspect(value)}`), { code: "ERR_INVALID_ARG_TYPE" });
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    const wanted = Number.isInteger(value) ? `>= ${least} && <= ${most}` : "an integer";
    throw Object.assign(new RangeError(`The value of "${name}" is out of range. It must be ${wanted}. Received ${value}`), { code: "ERR_OUT_OF_RANGE" });
  }
  return value;
}

const checkFd = (fd) => checkInteger(fd, "fd", 0, MOST_FD);

// Where to read or write; -1 is where the descriptor is.
function positionOf(position) {
  if (position === null || position === undefined) {
    return -1;
  }
  return checkInteger(typeof position === "bigint" ? Number(position) : position, "position", -1);
}

const encodingOf = (options) => (typeof options === "string" ? options : options?.encoding) ?? null;
const flagOf = (options, normal) => (typeof options === "object" ? options?.flag : undefined) ?? normal;

// The flags of open(2) by Node's letters: [oflags, read, write, append]
const FLAGS = {
  r: [0, true, false, false], rs: [0, true, false, false], "r+": [0, true, true, false], "rs+": [0, true, true, false],
  w: [9, false, true, false], wx: [13, false, true, false], "w+": [9, true, true, false], "wx+": [13, true, true, false],
  a: [1, false, true, true], ax: [5, false, true, true], "a+": [1, true, true, true], "ax+": [5, true, true, true],
};
const constants = { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1, O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 64, O_EXCL: 128, O_TRUNC: 512, O_APPEND: 1024, COPYFILE_EXCL: 1 };

function flagsOf(flags) {
  if (typeof flags === "number") {
    const oflags = (flags & 64 ? 1 : 0) | (flags & 128 ? 4 : 0) | (flags & 512 ? 8 : 0);
    return [oflags, (flags & 3) !== 1, (flags & 3) !== 0, Boolean(flags & 1024)];
  }
  const known = FLAGS[flags];
  if (known === undefined) {
    throw Object.assign(new TypeError(`The argument 'flags' is invalid. Received ${internal.inspect(flags)}`), { code: "ERR_INVALID_ARG_VALUE" });
  }
  return known;
}

class Stats {
  constructor(about) {
    const mode = { 3: 0o40755, 4: 0o100644, 7: 0o120777 }[about.type] ?? 0o20666;
    Object.assign(this, { dev: 1, mode, nlink: about.nlink, uid: 1000, gid: 1000, rdev: 0, blksize: 4096, ino: about.ino, size: about.size, blocks: Math.ceil(about.size / 512) });
    for (const name of ["atime", "mtime", "ctime"]) {
      this[`${name}Ms`] = about[name] / 1e6;
    }
    this.birthtimeMs = this.ctimeMs;
    for (const name of ["atime", "mtime", "ctime", "birthtime"]) {
      this[name] = new Date(this[`${name}Ms`]);
    }
  }

  isFile() {
    return (this.mode & 0o170000) === 0o100000;
  }

  isDirectory() {
    return (this.mode & 0o170000) === 0o40000;
  }

  isSymbolicLink() {
    return (this.mode & 0o170000) === 0o120000;
  }

  isFIFO() {
    return false;
  }

  isSocket() {
    return false;
  }

  isBlockDevice() {
    return false;
  }

  isCharacterDevice() {
    return (this.mode & 0o170000) === 0o20000;
  }
}

class Dirent {
  #type;

  constructor(name, folder, type) {
    Object.assign(this, { name, path: folder, parentPath: folder });
    this.#type = type;
  }

  isFile() {
    return this.#type === system.FILE_TYPES.file;
  }

  isDirectory() {
    return this.#type === system.FILE_TYPES.directory;
  }

  isSymbolicLink() {
    return this.#type === system.FILE_TYPES.symlink;
  }
}

function open(given, flags = "r") {
  const [absolute, shown] = pathOf(given);
  const [oflags, read, write, append] = flagsOf(flags);
  return check(system.open(absolute, { flags: oflags, read, write, append }), "open", shown);
}

function dataOf(data, encoding) {
  if (typeof data === "string") {
    return encoding === null || /^utf-?8$/i.test(encoding) ? new Uint8Array(host.encode(data)) : Buffer.from(data, encoding);
  }
  if (ArrayBuffer.isView(data)) {
    return bytesOf(data);
  }
  throw Object.assign(new TypeError(`The "data" argument must be of type string or an instance of Buffer, TypedArray, or DataView. Received ${internal.inspect(data)}`), { code: "ERR_INVALID_ARG_TYPE" });
}

function writeAll(fd, bytes, syscall = "write") {
  for (let done = 0; done < bytes.byteLength; ) {
    const count = check(system.transfer(true, checkFd(fd), bytes.buffer, bytes.byteOffset + done, bytes.byteLength - done, -1), syscall);
    done += count;
  }
}

const sync = {
  readFile(given, options) {
    const encoding = encodingOf(options);
    let content;
    if (typeof given === "number") {
      const { size } = sync.fstat(given);
      const whole = Buffer.alloc(size);
      content = whole.subarray(0, sync.read(given, whole, 0, size, null)).slice();
    } else {
      const [absolute, shown] = pathOf(given);
      const found = system.readFile(absolute);
      content = check(found, found === -31 ? "read" : "open", ...(found === -31 ? [] : [shown]));
    }
    if (encoding !== null && /^utf-?8$/i.test(encoding) && !ArrayBuffer.isView(content)) {
      return host.decode(content, 0, content.byteLength);
    }
    const buffer = ArrayBuffer.isView(content) ? content : Buffer.from(adopt(content));
    return encoding === null || encoding === "buffer" ? buffer : buffer.toString(encoding);
  },

  writeFile(given, data, options) {
    const bytes = dataOf(data, encodingOf(options));
    if (typeof given === "number") {
      writeAll(given, bytes);
      return;
    }
    const fd = open(given, flagOf(options, "w"));
    try {
      writeAll(fd, bytes);
    } finally {
      system.close(fd);
    }
  },

  appendFile(given, data, options) {
    sync.writeFile(given, data, { ...(typeof options === "object" ? options : { encoding: options }), flag: flagOf(options, "a") });
  },

  open: (given, flags) => open(given, flags ?? "r"),

  close(fd) {
    checkErrno(system.close(checkFd(fd)), "close");
  },

  read(fd, buffer, offset = 0, length, position = null) {
    if (typeof offset === "object" && offset !== null) {
      return sync.read(fd, buffer, offset.offset ?? 0, offset.length, offset.position ?? null);
    }
    return transfer(false, fd, bytesOf(buffer), offset, length, position);
  },

  write(fd, data, ...rest) {
    if (typeof data === "string") {
      const [position, encoding] = rest;
      return transfer(true, fd, dataOf(data, encoding ?? null), 0, undefined, position);
    }
    const [offset = 0, length, position] = rest;
    return transfer(true, fd, bytesOf(data), offset, length, position);
  },

  fstat: (fd) => new Stats(check(system.fstat(checkFd(fd)), "fstat")),
  ftruncate: (fd, length = 0) => checkErrno(system.truncate(checkFd(fd), checkInteger(length, "len")), "ftruncate"),
  fsync() {},
  fdatasync() {},

  stat(given, options) {
    return statOf(given, true, "stat", options);
  },

  lstat(given, options) {
    return statOf(given, false, "lstat", options);
  },

  access(given) {
    const [absolute, shown] = pathOf(given);
    check(system.stat(absolute, true), "access", shown);
  },

  readdir(given, options) {
    const [absolute, shown] = pathOf(given);
    const entries = listed(absolute, shown, Boolean(options?.recursive), "");
    return entries.map(([name, type, folder]) => (options?.withFileTypes ? new Dirent(name.slice(name.lastIndexOf("/") + 1), folder, type) : name));
  },

  mkdir(given, options) {
    const [absolute, shown] = pathOf(given);
    if (typeof options !== "object" || !options?.recursive) {
      checkErrno(system.mkdir(absolute), "mkdir", shown);
      return undefined;
    }
    let first;
    const parts = absolute.split("/").slice(1);
    for (let count = 1; count <= parts.length; count++) {
      const folder = `/${parts.slice(0, count).join("/")}`;
      const errno = system.mkdir(folder);
      if (errno === 0) {
        first ??= folder;
      } else if (errno !== 20 || (count === parts.length && system.stat(folder, true).type !== system.FILE_TYPES.directory)) {
        throw failure(errno, "mkdir", shown);
      }
    }
    return first;
  },

  rmdir(given, options) {
    if (options?.recursive) {
      sync.rm(given, { recursive: true });
      return;
    }
    const [absolute, shown] = pathOf(given);
    checkErrno(system.rmdir(absolute), "rmdir", shown);
  },

  rm(given, options) {
    const [absolute, shown] = pathOf(given);
    const about = system.stat(absolute, false);
    if (typeof about === "number") {
      if (options?.force && about === -44) {
        return;
      }
      throw failure(-about, "rm", shown);
    }
    if (about.type !== system.FILE_TYPES.directory) {
      checkErrno(system.unlink(absolute), "rm", shown);
      return;
    }
    if (!options?.recursive) {
      throw Object.assign(new Error(`Path is a directory: rm returned EISDIR (is a directory) ${shown}`), { name: "SystemError", code: "ERR_FS_EISDIR", syscall: "rm", path: shown, errno: 21 });
    }
    for (const [name] of check(system.list(absolute), "rm", shown)) {
      sync.rm(`${absolute}/${name}`, options);
    }
    checkErrno(system.rmdir(absolute), "rm", shown);
  },

  unlink(given) {
    const [absolute, shown] = pathOf(given);
    checkErrno(system.unlink(absolute), "unlink", shown);
  },

  rename(from, to) {
    const [[a, shownA], [b, shownB]] = [pathOf(from, "oldPath"), pathOf(to, "newPath")];
    checkErrno(system.rename(a, b), "rename", shownA, shownB);
  },

  copyFile(from, to, mode = 0) {
    const [[a, shownA], [b, shownB]] = [pathOf(from, "src"), pathOf(to, "dest")];
    if (mode & 1 && typeof system.stat(b, true) !== "number") {
      throw failure(20, "copyfile", shownA, shownB);
    }
    const content = check(system.readFile(a), "copyfile", shownA, shownB);
    sync.writeFile(b, new Uint8Array(content));
  },

  cp(from, to, options) {
    const [[a, shownA], [b]] = [pathOf(from, "src"), pathOf(to, "dest")];
    if (check(system.stat(a, true), "cp", shownA).type !== system.FILE_TYPES.directory) {
      sync.mkdir(path.dirname(b), { recursive: true });
      sync.copyFile(a, b);
      return;
    }
    if (!options?.recursive) {
      throw Object.assign(new Error(`Recursive option not enabled, cannot copy a directory: ${shownA}`), { code: "ERR_FS_EISDIR", path: shownA });
    }
    sync.mkdir(b, { recursive: true });
    for (const [name] of system.list(a)) {
      sync.cp(`${a}/${name}`, `${b}/${name}`, options);
    }
  },

  link(from, to) {
    const [[a, shownA], [b, shownB]] = [pathOf(from, "existingPath"), pathOf(to, "newPath")];
    checkErrno(system.link(a, b), "link", shownA, shownB);
  },

  symlink(target, given) {
    const [absolute, shown] = pathOf(given);
    checkErrno(system.symlink(String(target), absolute), "symlink", String(target), shown);
  },

  readlink(given) {
    const [absolute, shown] = pathOf(given);
    return check(system.readlink(absolute), "readlink", shown);
  },

  realpath(given) {
    const [absolute, shown] = pathOf(given);
    check(system.stat(absolute, true), "realpath", shown);
    return real(absolute, 0);
  },

  truncate(given, length = 0) {
    const fd = open(given, "r+");
    try {
      sync.ftruncate(fd, length);
    } finally {
      system.close(fd);
    }
  },

  utimes(given, atime, mtime) {
    const [absolute, shown] = pathOf(given);
    const ms = (time) => (time instanceof Date ? time.getTime() : Number(time) * 1000);
    checkErrno(system.setTimes(absolute, ms(atime), ms(mtime)), "utime", shown);
  },

  chmod: (given) => sync.access(given),
  chown: (given) => sync.access(given),

  mkdtemp(prefix) {
    const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const ending = Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => letters[byte % letters.length]).join("");
    sync.mkdir(prefix + ending);
    return prefix + ending;
  },
};

function transfer(isWrite, fd, bytes, offset, length, position) {
  const from = checkInteger(offset, "offset", 0, bytes.byteLength);
  const most = bytes.byteLength - from;
  const count = checkInteger(length ?? most, "length", 0, most);
  const place = positionOf(position);
  return check(system.transfer(isWrite, checkFd(fd), bytes.buffer, bytes.byteOffset + from, count, place), isWrite ? "write" : "read");
}

function statOf(given, follow, syscall, options) {
  const [absolute, shown] = pathOf(given);
  const about = system.stat(absolute, follow);
  if (typeof about === "number" && options?.throwIfNoEntry === false && (about === -44 || about === -54)) {
    return undefined;
  }
  return new Stats(check(about, syscall, shown));
}

function listed(absolute, shown, recursive, prefix) {
  const found = [];
  for (const [name, type] of check(system.list(absolute), "scandir", shown)) {
    found.push([prefix + name, type, absolute]);
    if (recursive && type === system.FILE_TYPES.directory) {
      found.push(...listed(`${absolute}/${name}`, shown, true, `${prefix}${name}/`));
    }
  }
  return found;
}

function real(absolute, depth) {
  let place = "";
  const parts = absolute.split("/").filter(Boolean);
  for (const [index, part] of parts.entries()) {
    const target = system.readlink(`${place}/${part}`);
    if (typeof target === "string") {
      return depth > 40 ? absolute : real(path.resolve(place || "/", target, ...parts.slice(index + 1)), depth + 1);
    }
    place += `/${part}`;
  }
  return place || "/";
}

class FileHandle {
  constructor(fd) {
    this.fd = fd;
  }

  async close() {
    sync.close(this.fd);
  }

  async [Symbol.asyncDispose]() {
    sync.close(this.fd);
  }

  async read(buffer, offset, length, position) {
    return { bytesRead: sync.read(this.fd, buffer, offset, length, position), buffer };
  }

  async write(data, ...rest) {
    return { bytesWritten: sync.write(this.fd, data, ...rest), buffer: data };
  }
}
for (const [name, call] of Object.entries({ readFile: "readFile", writeFile: "writeFile", appendFile: "appendFile", stat: "fstat", truncate: "ftruncate", sync: "fsync" })) {
  FileHandle.prototype[name] = async function (...args) {
    return sync[call](this.fd, ...args);
  };
}

const fs = { constants, Stats, Dirent, F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 };
const promises = { constants };
for (const [name, call] of Object.entries(sync)) {
  const own = { [`${name}Sync`]: (...args) => call(...args) };
  fs[`${name}Sync`] = own[`${name}Sync`];
  promises[name] = async (...args) => call(...args);
  fs[name] = withCallback(call);
}
promises.open = async (...args) => new FileHandle(sync.open(...args));
fs.existsSync = (given) => {
  try {
    return typeof system.stat(pathOf(given)[0], true) !== "number";
  } catch {
    return false;
  }
};
fs.exists = (given, callback) => setImmediate(callback, fs.existsSync(given));
fs.realpathSync.native = fs.realpathSync;
fs.promises = promises;
for (const name of ["createReadStream", "createWriteStream", "watch", "watchFile"]) {
  fs[name] = () => {
    throw new Error(`fs.${name} is not available here: read and write whole files, or use openSync, readSync and writeSync`);
  };
}

function withCallback(call) {
  return (...args) => {
    const callback = args.pop();
    if (typeof callback !== "function") {
      throw Object.assign(new TypeError(`The "cb" argument must be of type function. Received ${internal.inspect(callback)}`), { code: "ERR_INVALID_ARG_TYPE" });
    }
    let outcome;
    try {
      outcome = [null, call(...args)];
    } catch (error) {
      outcome = [error];
    }
    setImmediate(callback, ...outcome);
  };
}

module.exports = fs;
