// The kernel's entry: one function, by which the host speaks to it (Operation in quickjs.py has the numbers).
//
// It runs in a realm of its own. A program's realm has another Array, JSON, Promise: whatever it does to those,
// nothing here changes. Rule: nothing here calls a method of a program's object; it uses functions of this realm on it.

import * as cells from "./cells.js";
import * as modules from "./modules.js";
import { begin } from "./realm.js";

const operations = [
  cells.run,
  cells.receiveValue,
  cells.receiveLastValue,
  cells.receiveError,
  cells.step,
  cells.stopped,
  cells.trackRejection,
  modules.normalize,
  modules.load,
  begin,
  cells.interrupted,
];

const PASSED_ON = new Set([modules.normalize, modules.load, begin]); // what these throw is for those who asked
// What the kernel needs to tell of a program that took all the memory there is.
const RESERVE_BYTES = 256 << 10;
const MUCH_BYTES = 1 << 20;
let reserve = newReserve();

// None while memory is short: the program is to have it then, to let go of what it holds.
function newReserve() {
  try {
    return new ArrayBuffer(MUCH_BYTES).slice(0, RESERVE_BYTES);
  } catch {
    return undefined;
  }
}

globalThis.__kernel = (operation, first, second, third) => {
  const perform = operations[operation];
  reserve ??= newReserve();
  try {
    return perform(first, second, third);
  } catch (error) {
    if (PASSED_ON.has(perform)) {
      throw error;
    }
    reserve = undefined;
    return cells.breakDown(error);
  }
};
