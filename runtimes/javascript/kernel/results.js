// Values as results: what travels in RESULT frames.

import { RESULT, send } from "./host.js";
import { inspect } from "./inspect.js";
import { toJson } from "./json.js";

const { stringify } = JSON;
const MOST_FRAME_BYTES = 16 << 20;

// The JSON of a mime bundle for a value.
export function bundleOf(value) {
  if (typeof value === "string") {
    return `{"text/plain":${stringify(value.toWellFormed())}}`;
  }
  if (typeof value === "number" || typeof value === "boolean" || value === null) {
    return `{"text/plain":"${Object.is(value, -0) ? "-0" : value}"}`; // as inspect does, which is slower
  }
  const text = stringify(textOf(value).toWellFormed());
  const json = toJson(value);
  return json === undefined ? `{"text/plain":${text}}` : `{"text/plain":${text},"application/json":${json}}`;
}

export function textOf(value) {
  try {
    return inspect(value);
  } catch (error) {
    return `[${typeof value} whose inspection failed: ${safeText(error)}]`;
  }
}

export function safeText(value) {
  try {
    return String(value);
  } catch {
    return "an unprintable error";
  }
}

export function sendResult(bundle, isMain) {
  const tooLong = send(RESULT, `{"data":${bundle},"metadata":{},"main":${isMain}}`);
  if (typeof tooLong === "number") {
    const text = stringify(`[a result of ${tooLong} bytes, more than the ${MOST_FRAME_BYTES} that one may have]`);
    send(RESULT, `{"data":{"text/plain":${text}},"metadata":{},"main":${isMain}}`);
  }
}
