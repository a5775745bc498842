// What the files of node/, which live in the program's realm, may use of the kernel.

import * as host from "./host.js";
import * as system from "./system.js";
import * as timers from "./timers.js";
import { inspect, format, formatWithOptions, stripVTControlCharacters } from "./inspect.js";
import * as requests from "./requests.js";
import * as results from "./results.js";
import { classOf, types, innerPromise } from "./types.js";
import { surroundings } from "./surroundings.js";

export const internal = {
  host,
  system,
  timers,
  requests,
  inspect,
  format,
  formatWithOptions,
  stripVTControlCharacters,
  types,
  classOf,
  innerPromise,
  surroundings,
  later: { results }, // what modules that load after this one add
};
