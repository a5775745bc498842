// Node's os: one small machine, the same for everybody.

const { surroundings } = internal;

module.exports = {
  EOL: "\n",
  devNull: "/dev/null",
  arch: () => "wasm32",
  platform: () => "linux",
  type: () => "Linux",
  machine: () => "wasm32",
  release: () => "0.0.0",
  version: () => "wasm_interp",
  hostname: () => "sandbox",
  homedir: () => surroundings.env.HOME ?? "/home/user",
  tmpdir: () => surroundings.env.TMPDIR ?? "/tmp",
  endianness: () => "LE",
  uptime: () => Math.floor(performance.now() / 1000),
  loadavg: () => [0, 0, 0],
  totalmem: () => 1024 ** 3,
  freemem: () => 1024 ** 3 / 2,
  cpus: () => [{ model: "WebAssembly", speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } }],
  availableParallelism: () => 1,
  networkInterfaces: () => ({}),
  userInfo: () => ({ uid: 1000, gid: 1000, username: "user", homedir: surroundings.env.HOME ?? "/home/user", shell: null }),
  constants: { signals: {}, errno: {} },
};
