// Node's querystring.

const escape = (text) => encodeURIComponent(text).replaceAll("%20", "%20");
const unescape = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return globalThis.unescape(text);
  }
};

function parse(text, separator = "&", equals = "=") {
  const found = Object.create(null);
  for (const pair of String(text ?? "").split(separator)) {
    if (!pair) {
      continue;
    }
    const at = pair.indexOf(equals);
    const decode = (part) => unescape(part.replaceAll("+", " "));
    const key = decode(at < 0 ? pair : pair.slice(0, at));
    const value = at < 0 ? "" : decode(pair.slice(at + equals.length));
    found[key] = key in found ? [found[key], value].flat() : value;
  }
  return found;
}

function stringify(object, separator = "&", equals = "=") {
  const text = (value) => (["string", "number", "bigint", "boolean"].includes(typeof value) ? escape(String(value)) : "");
  return Object.keys(object ?? {})
    .flatMap((key) => [object[key]].flat().map((value) => `${escape(key)}${equals}${text(value)}`))
    .join(separator);
}

module.exports = { parse, decode: parse, stringify, encode: stringify, escape, unescape };
