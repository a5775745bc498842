// Small programs of a fixed amount of work: this text is run in every contender, and a call of each function is timed.
// What a function returns must be the same everywhere. Only what ECMAScript 2020 has is used.

function fib() {
  const of = (n) => (n < 2 ? n : of(n - 1) + of(n - 2));
  return of(25);
}

function sieve() {
  const composite = new Uint8Array(250000);
  let count = 0;
  for (let i = 2; i < composite.length; i++) {
    if (!composite[i]) {
      count++;
      for (let j = i * 2; j < composite.length; j += i) {
        composite[j] = 1;
      }
    }
  }
  return count;
}

function nbody() {
  const bodies = [
    [0, 0, 0, 0, 0, 0, 39.47841760435743],
    [4.84, -1.16, -0.1, 0.6, 2.81, -0.02, 0.037],
    [8.34, 4.12, -0.4, -1.01, 1.82, 0.008, 0.011],
    [12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017],
    [15.37, -25.91, 0.17, 0.97, 0.59, -0.03, 0.002],
  ].map(([x, y, z, vx, vy, vz, mass]) => ({ x, y, z, vx, vy, vz, mass }));
  for (let step = 0; step < 4000; step++) {
    for (let i = 0; i < bodies.length; i++) {
      const a = bodies[i];
      for (let j = i + 1; j < bodies.length; j++) {
        const b = bodies[j];
        const [dx, dy, dz] = [a.x - b.x, a.y - b.y, a.z - b.z];
        const squared = dx * dx + dy * dy + dz * dz;
        const magnitude = 0.01 / (squared * Math.sqrt(squared));
        a.vx -= dx * b.mass * magnitude;
        a.vy -= dy * b.mass * magnitude;
        a.vz -= dz * b.mass * magnitude;
        b.vx += dx * a.mass * magnitude;
        b.vy += dy * a.mass * magnitude;
        b.vz += dz * a.mass * magnitude;
      }
    }
    for (const body of bodies) {
      body.x += 0.01 * body.vx;
      body.y += 0.01 * body.vy;
      body.z += 0.01 * body.vz;
    }
  }
  return bodies[0].x.toFixed(9);
}

function fannkuch() {
  const n = 8;
  const [p, q, s] = [[], [], []];
  let [sign, most, sum] = [1, 0, 0];
  for (let i = 0; i < n; i++) {
    p[i] = q[i] = s[i] = i;
  }
  for (;;) {
    if (p[0] !== 0) {
      for (let i = 1; i < n; i++) {
        q[i] = p[i];
      }
      let [first, flips] = [p[0], 1];
      for (; q[first] !== 0; flips++) {
        const next = q[first];
        q[first] = first;
        for (let i = 1, j = first - 1; i < j; i++, j--) {
          [q[i], q[j]] = [q[j], q[i]];
        }
        first = next;
      }
      sum += sign * flips;
      most = Math.max(most, flips);
    }
    if (sign === 1) {
      [p[0], p[1]] = [p[1], p[0]];
      sign = -1;
      continue;
    }
    [p[1], p[2]] = [p[2], p[1]];
    sign = 1;
    for (let i = 2; i < n; i++) {
      if (s[i] !== 0) {
        s[i]--;
        break;
      }
      if (i === n - 1) {
        return `${sum} ${most}`;
      }
      s[i] = i;
      const t = p[0];
      for (let j = 0; j <= i; j++) {
        p[j] = p[j + 1];
      }
      p[i + 1] = t;
    }
  }
}

function spectralNorm() {
  const n = 80;
  const element = (i, j) => 1 / (((i + j) * (i + j + 1)) / 2 + i + 1);
  const times = (vector, of) => {
    const result = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) {
        sum += of(i, j) * vector[j];
      }
      result[i] = sum;
    }
    return result;
  };
  const both = (vector) => times(times(vector, element), (i, j) => element(j, i));
  let u = new Float64Array(n).fill(1);
  let v;
  for (let i = 0; i < 10; i++) {
    v = both(u);
    u = both(v);
  }
  let [above, below] = [0, 0];
  for (let i = 0; i < n; i++) {
    above += u[i] * v[i];
    below += v[i] * v[i];
  }
  return Math.sqrt(above / below).toFixed(9);
}

function mandelbrot() {
  const size = 160;
  let inside = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [cr, ci] = [(2 * x) / size - 1.5, (2 * y) / size - 1];
      let [zr, zi, step] = [0, 0, 0];
      while (step < 50 && zr * zr + zi * zi < 4) {
        const next = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = next;
        step++;
      }
      inside += step === 50 ? 1 : 0;
    }
  }
  return inside;
}

function objects() {
  class Task {
    constructor(id, priority) {
      this.id = id;
      this.priority = priority;
      this.done = 0;
      this.next = null;
    }

    work(amount) {
      this.done += amount;
      return this.done >= this.priority;
    }
  }
  class Quick extends Task {
    work(amount) {
      return super.work(amount * 2);
    }
  }
  class Queue {
    first = null;
    last = null;
    #length = 0;

    get length() {
      return this.#length;
    }

    add(task) {
      if (this.last === null) {
        this.first = task;
      } else {
        this.last.next = task;
      }
      this.last = task;
      this.#length++;
    }

    take() {
      const task = this.first;
      this.first = task.next;
      task.next = null;
      if (this.first === null) {
        this.last = null;
      }
      this.#length--;
      return task;
    }
  }
  const queue = new Queue();
  for (let i = 0; i < 1000; i++) {
    queue.add(i % 3 ? new Task(i, 100 + (i % 50)) : new Quick(i, 200));
  }
  let turns = 0;
  while (queue.length) {
    const task = queue.take();
    turns++;
    if (!task.work(1)) {
      queue.add(task);
    }
  }
  return turns;
}

function strings() {
  const parts = [];
  for (let i = 0; i < 60000; i++) {
    parts.push(`item ${i}: ${(i * 7919) % 1009}`);
  }
  const text = parts.join("\n");
  let total = 0;
  for (const line of text.split("\n")) {
    total += line.toUpperCase().indexOf("9") + line.slice(5).length + line.charCodeAt(line.length - 1);
  }
  return total;
}

function mapsAndSets() {
  const map = new Map();
  const set = new Set();
  for (let i = 0; i < 150000; i++) {
    map.set(i, i * 2);
    set.add(`key ${i % 20000}`);
  }
  let sum = 0;
  for (let i = 0; i < 150000; i++) {
    sum += map.get(i) + (set.has(`key ${i}`) ? 1 : 0);
  }
  map.forEach((value, key) => {
    sum += value - key;
  });
  return sum + set.size;
}

function regularExpressions() {
  const line = "2026-11-25 18:13:30 INFO user=alice@example.org id=12345 took 17.5 ms";
  const pattern = /^(\d+)-(\d+)-(\d+) \S+ (\w+) user=(\S+?)@\S+ id=(\d+) took ([\d.]+) ms$/;
  let sum = 0;
  for (let i = 0; i < 12000; i++) {
    sum += Number(pattern.exec(line)[6]) + line.replace(/[aeiou]/g, "").length;
  }
  return sum;
}

function json() {
  const rows = Array.from({ length: 4000 }, (_, i) => ({ id: i, name: `row ${i}`, tags: ["a", "b", null], value: i / 7 }));
  let length = 0;
  for (let i = 0; i < 4; i++) {
    length += JSON.stringify(JSON.parse(JSON.stringify(rows))).length;
  }
  return length;
}

function sort() {
  const numbers = Array.from({ length: 50000 }, (_, i) => (i * 7919) % 100003);
  const sorted = numbers.slice().sort((a, b) => a - b);
  const words = numbers.slice(0, 10000).map(String).sort();
  return `${sorted[1000]} ${words[1000]}`;
}

function binaryTrees() {
  const make = (depth) => (depth ? { left: make(depth - 1), right: make(depth - 1) } : { left: null, right: null });
  const count = (tree) => (tree.left ? 1 + count(tree.left) + count(tree.right) : 1);
  let total = 0;
  for (let i = 0; i < 12; i++) {
    total += count(make(12));
  }
  return total;
}

function closures() {
  const add = (n) => (x) => x + n;
  const functions = Array.from({ length: 100 }, (_, i) => add(i));
  let sum = 0;
  for (let i = 0; i < 3000; i++) {
    sum += functions.map((f) => f(i)).filter((x) => x % 2).reduce((a, b) => a + b, 0) % 1000;
  }
  return sum;
}

const PROGRAMS = {
  fib, sieve, "n-body": nbody, fannkuch, "spectral norm": spectralNorm, mandelbrot, objects, strings,
  "maps and sets": mapsAndSets, "regular expressions": regularExpressions, json, sort, "binary trees": binaryTrees, closures,
};
2;
