// display(value) and display.html(...): rich results.

const { results } = internal.later;

const text = (value) => (typeof value === "string" ? value : String(value));

function bytes(value) {
  if (typeof value === "string") {
    return value.replace(/^data:[^,]*,/, "");
  }
  return require("buffer").Buffer.from(require("web").bytesOf(value)).toString("base64");
}

const show = (mime, value, fallback) => results.sendResult(JSON.stringify({ ...(fallback !== undefined && { "text/plain": fallback }), [mime]: value }), false);

function display(...values) {
  for (const value of values) {
    results.sendResult(results.bundleOf(value), false);
  }
}

Object.assign(display, {
  html: (html) => show("text/html", text(html)),
  markdown: (markdown) => show("text/markdown", text(markdown)),
  svg: (svg) => show("image/svg+xml", text(svg)),
  latex: (latex) => show("text/latex", text(latex)),
  javascript: (code) => show("application/javascript", text(code)),
  text: (plain) => show("text/plain", text(plain)),
  png: (data) => show("image/png", bytes(data)),
  jpeg: (data) => show("image/jpeg", bytes(data)),
  pdf: (data) => show("application/pdf", bytes(data)),
  json: (value) => show("application/json", value, internal.inspect(value)),
  chart: (value) => show("application/vnd.wasm-interp.chart+json", value),
  data: (value) => show("application/vnd.wasm-interp.data+json", value),
  mime: (bundle) => results.sendResult(JSON.stringify(bundle), false),
  clear: ({ wait = false } = {}) => internal.host.send(internal.host.CLEAR, JSON.stringify({ wait })),
});

module.exports = display;
