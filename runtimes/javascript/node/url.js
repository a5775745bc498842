// Node's url: the WHATWG classes, file URLs, and what is left of the old parser.

const { URL, URLSearchParams } = require("web");

function fileURLToPath(input) {
  const url = typeof input === "string" ? new URL(input) : input;
  if (url.protocol !== "file:") {
    throw Object.assign(new TypeError("The URL must be of scheme file"), { code: "ERR_INVALID_URL_SCHEME" });
  }
  return decodeURIComponent(url.pathname);
}

function pathToFileURL(path) {
  const url = new URL("file:///");
  url.pathname = require("path").resolve(path).replaceAll("%", "%25").replaceAll("\\", "%5C").replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll("\t", "%09");
  return url;
}

function parse(text, parseQuery = false) {
  const base = /^[a-z][a-z0-9+.-]*:/i.test(text) ? undefined : "relative:///";
  const url = new URL(text, base);
  const shown = { protocol: null, slashes: null, auth: null, host: null, port: null, hostname: null, hash: url.hash || null, search: url.search || null };
  if (!base) {
    const auth = [url.username, url.password].filter(Boolean).join(":");
    Object.assign(shown, { protocol: url.protocol, slashes: /^[^:]+:\/\//.test(text) || null, auth: auth || null, host: url.host || null, port: url.port || null, hostname: url.hostname || null });
  }
  const query = url.search.slice(1);
  Object.assign(shown, { query: parseQuery ? require("querystring").parse(query) : query || null, pathname: url.pathname || null });
  return { ...shown, path: (shown.pathname ?? "") + (shown.search ?? "") || null, href: base ? text : url.href };
}

function format(url) {
  if (typeof url === "string" || url instanceof URL) {
    return String(url);
  }
  const auth = url.auth ? `${url.auth}@` : "";
  const host = url.host ?? (url.hostname ? url.hostname + (url.port ? `:${url.port}` : "") : "");
  const search = url.search ?? (url.query ? `?${typeof url.query === "string" ? url.query : require("querystring").stringify(url.query)}` : "");
  const protocol = url.protocol ? `${url.protocol.replace(/:$/, "")}:` : "";
  return `${protocol}${host || url.slashes ? "//" : ""}${auth}${host}${url.pathname ?? ""}${search}${url.hash ?? ""}`;
}

const urlToHttpOptions = ({ protocol, hostname, hash, search, pathname, href, port }) => ({ protocol, hostname, hash, search, pathname, path: `${pathname}${search}`, href, ...(port && { port: Number(port) }) });

module.exports = { URL, URLSearchParams, fileURLToPath, pathToFileURL, parse, format, resolve: (from, to) => new URL(to, from).href, urlToHttpOptions };
