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

globalThis.__kernel = (operation, first, second, third) => operations[operation](first, second, third);
