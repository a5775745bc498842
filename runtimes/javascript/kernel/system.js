// WASI calls by name, over the sandbox's files. A call returns an errno, 0 for success; results are in `memory`.

import { address, decode, encode, memory, place, wasi, wasiIndex } from "./host.js";

const ROOT = 3; // the descriptor of "/"
const EVENT_BYTES = 32;
const index = {};
for (const name of [
  "clock_time_get", "poll_oneoff", "random_get", "fd_close", "fd_read", "fd_write", "fd_pread", "fd_pwrite", "fd_seek",
  "fd_filestat_get", "fd_filestat_set_size", "fd_readdir", "fd_filestat_set_times", "path_open", "path_filestat_get", "path_create_directory",
  "path_remove_directory", "path_unlink_file", "path_rename", "path_link", "path_symlink", "path_readlink",
  "path_filestat_set_times",
]) {
  index[name] = wasiIndex(name);
}

const { view, address: at, offset } = memory;
const low = (wide) => wide | 0;
const high = (wide) => Math.floor(wide / 4294967296) | 0;
const wide = (at) => view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;

// A path as the file system wants it: encoded, without its leading slash. The buffer must live until the call is over.
function encoded(path) {
  return encode(path === "/" ? "." : path.slice(1));
}

export function open(path, { follow = true, flags = 0, read = true, write = false, append = false }) {
  const name = encoded(path);
  const rights = (read ? 2 : 0) | (write ? 64 : 0);
  const errno = wasi(index.path_open, ROOT, follow ? 1 : 0, address(name), name.byteLength, flags, rights, 0, 0, 0, append ? 1 : 0, at);
  return errno ? -errno : view.getUint32(offset, true);
}

export const close = (fd) => wasi(index.fd_close, fd);

// Bytes read or written, or a negative errno; position -1 means where the descriptor is.
export function transfer(isWrite, fd, buffer, start, length, position) {
  if (!length) {
    return 0;
  }
  view.setUint32(offset, place(buffer, start, length), true);
  view.setUint32(offset + 4, length, true);
  const errno =
    position < 0
      ? wasi(isWrite ? index.fd_write : index.fd_read, fd, at, 1, at + 8)
      : wasi(isWrite ? index.fd_pwrite : index.fd_pread, fd, at, 1, low(position), high(position), at + 8);
  return errno ? -errno : view.getUint32(offset + 8, true);
}

function stats() {
  return {
    ino: wide(offset + 8),
    type: view.getUint8(offset + 16),
    nlink: wide(offset + 24),
    size: wide(offset + 32),
    atime: wide(offset + 40),
    mtime: wide(offset + 48),
    ctime: wide(offset + 56),
  };
}

export function stat(path, follow) {
  const name = encoded(path);
  const errno = wasi(index.path_filestat_get, ROOT, follow ? 1 : 0, address(name), name.byteLength, at);
  return errno ? -errno : stats();
}

export function fstat(fd) {
  const errno = wasi(index.fd_filestat_get, fd, at);
  return errno ? -errno : stats();
}

export const truncate = (fd, size) => wasi(index.fd_filestat_set_size, fd, low(size), high(size));

const onPath = (call) => (path) => {
  const name = encoded(path);
  return wasi(call, ROOT, address(name), name.byteLength);
};
export const mkdir = onPath(index.path_create_directory);
export const rmdir = onPath(index.path_remove_directory);
export const unlink = onPath(index.path_unlink_file);

export function rename(from, to) {
  const [a, b] = [encoded(from), encoded(to)];
  return wasi(index.path_rename, ROOT, address(a), a.byteLength, ROOT, address(b), b.byteLength);
}

export function link(from, to) {
  const [a, b] = [encoded(from), encoded(to)];
  return wasi(index.path_link, ROOT, 0, address(a), a.byteLength, ROOT, address(b), b.byteLength);
}

export function symlink(target, path) {
  const [a, b] = [encode(target), encoded(path)];
  return wasi(index.path_symlink, address(a), a.byteLength, ROOT, address(b), b.byteLength);
}

export function readlink(path) {
  const [name, target] = [encoded(path), new ArrayBuffer(4096)];
  const errno = wasi(index.path_readlink, ROOT, address(name), name.byteLength, address(target), 4096, at);
  return errno ? -errno : decode(target, 0, view.getUint32(offset, true));
}

export function setTimes(path, atimeMs, mtimeMs) {
  const name = encoded(path);
  const parts = (ms) => {
    const ns = BigInt(Math.round(ms * 1000)) * 1000n;
    return [Number(BigInt.asIntN(32, ns)), Number(BigInt.asIntN(32, ns >> 32n))];
  };
  return wasi(index.path_filestat_set_times, ROOT, 1, address(name), name.byteLength, ...parts(atimeMs), ...parts(mtimeMs), 5);
}

// [[name, type], ...] in the order of their names, or a negative errno.
export function list(path) {
  const fd = open(path, { flags: 2 });
  if (fd < 0) {
    return fd;
  }
  const buffer = new ArrayBuffer(32768);
  const entries = new DataView(buffer);
  const found = [];
  let cookie = 0;
  for (;;) {
    const errno = wasi(index.fd_readdir, fd, address(buffer), buffer.byteLength, low(cookie), high(cookie), at);
    if (errno) {
      close(fd);
      return -errno;
    }
    const used = view.getUint32(offset, true);
    let entry = 0;
    while (entry + 24 <= used) {
      const length = entries.getUint32(entry + 16, true);
      if (entry + 24 + length > used) {
        break;
      }
      const name = decode(buffer, entry + 24, length);
      cookie = entries.getUint32(entry, true) + entries.getUint32(entry + 4, true) * 4294967296;
      if (name !== "." && name !== "..") {
        found.push([name, entries.getUint8(entry + 20)]);
      }
      entry += 24 + length;
    }
    if (used < buffer.byteLength) {
      close(fd);
      return found.sort(([a], [b]) => (a < b ? -1 : 1));
    }
  }
}

// The whole file as an ArrayBuffer, or a negative errno.
export function readFile(path) {
  const fd = open(path, {});
  if (fd < 0) {
    return fd;
  }
  const about = fstat(fd);
  if (about.type === 3) {
    close(fd);
    return -31; // EISDIR
  }
  let buffer = new ArrayBuffer(about.size);
  let done = 0;
  while (done < buffer.byteLength) {
    const count = transfer(false, fd, buffer, done, buffer.byteLength - done, -1);
    if (count <= 0) {
      break;
    }
    done += count;
  }
  close(fd);
  return done === buffer.byteLength ? buffer : buffer.slice(0, done);
}

export function random(buffer, start, length) {
  return wasi(index.random_get, place(buffer, start, length), length);
}

export function nanoseconds(clock) {
  wasi(index.clock_time_get, clock, 0, 0, at);
  return view.getBigUint64(offset, true);
}

export const milliseconds = () => {
  wasi(index.clock_time_get, 1, 0, 0, at);
  return wide(offset) / 1e6;
};

export function sleep(milliseconds) {
  const nanoseconds = BigInt(Math.ceil(milliseconds * 1e6));
  memory.bytes.fill(0, offset, offset + 48);
  view.setUint32(offset + 16, 1, true); // the monotonic clock
  view.setBigUint64(offset + 24, nanoseconds, true);
  wasi(index.poll_oneoff, at, at + 48, 1, at + 48 + EVENT_BYTES);
}

export const FILE_TYPES = { directory: 3, file: 4, symlink: 7 };
