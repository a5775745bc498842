// Timers of the cell that runs. The host steps the kernel; each step runs the timer that is due first.

import { milliseconds, sleep } from "./system.js";

const MOST_DELAY = 2147483647;
let timers = []; // sorted by time, then by order of creation
let immediates = [];
let ticks = [];
let order = 0;

export function add(callback, delay, args, repeats) {
  const wanted = Number(delay);
  const interval = wanted >= 1 && wanted <= MOST_DELAY ? Math.trunc(wanted) : 1;
  const timer = { id: ++order, callback, args, interval, repeats, due: milliseconds() + interval, alive: true, counts: true };
  insert(timer);
  return timer;
}

export function addImmediate(callback, args) {
  const immediate = { id: ++order, callback, args, alive: true };
  immediates.push(immediate);
  return immediate;
}

// process.nextTick: before the microtasks that wait, when what runs now has returned.
export function addTick(callback, args) {
  ticks.push({ callback, args });
}

export function runTicks() {
  const some = ticks.length > 0;
  while (ticks.length) {
    const { callback, args } = ticks.shift();
    Reflect.apply(callback, undefined, args);
  }
  return some;
}

export function cancel(timer) {
  timer.alive = false;
}

export function find(id) {
  return timers.find((timer) => timer.id === id) ?? immediates.find((each) => each.id === id);
}

export function clear() {
  timers = [];
  immediates = [];
  ticks = [];
}

// Whether something is to run without waiting for it.
export function isDue() {
  return immediates.some((each) => each.alive) || timers.some((timer) => timer.alive && timer.due <= milliseconds());
}

// Run what is due next, after waiting for it; false if there is nothing that the cell waits for.
export function runNext() {
  if (!timers.length && !immediates.length) {
    return false;
  }
  timers = timers.filter((timer) => timer.alive);
  const now = milliseconds();
  if (timers.length && timers[0].due <= now) {
    runTimer(timers.shift());
    runTicks();
    return true;
  }
  while (immediates.length) {
    const immediate = immediates.shift();
    if (immediate.alive) {
      immediate.alive = false;
      Reflect.apply(immediate.callback, undefined, immediate.args);
      runTicks();
      return true;
    }
  }
  if (!timers.some((timer) => timer.counts)) {
    return false;
  }
  sleep(timers[0].due - now);
  return true; // the host looks whether the run was stopped meanwhile
}

function runTimer(timer) {
  if (timer.repeats) {
    timer.due = Math.max(timer.due + timer.interval, milliseconds());
    insert(timer);
  } else {
    timer.alive = false;
  }
  Reflect.apply(timer.callback, timer.handle, timer.args);
}

function insert(timer) {
  let place = timers.length;
  while (place > 0 && timers[place - 1].due > timer.due) {
    place--;
  }
  timers.splice(place, 0, timer);
}

export function refresh(timer) {
  timers = timers.filter((each) => each !== timer);
  timer.due = milliseconds() + timer.interval;
  timer.alive = true;
  insert(timer);
}
