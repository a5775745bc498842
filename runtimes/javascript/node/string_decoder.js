// Node's string_decoder: text of chunks that may be cut inside a character.

const { Buffer } = require("buffer");
const { TextDecoder } = require("web");

class StringDecoder {
  #decoder;
  #rest = Buffer.alloc(0);

  constructor(encoding = "utf8") {
    this.encoding = encoding;
    const label = { utf8: "utf-8", "utf-8": "utf-8", utf16le: "utf-16le", ucs2: "utf-16le", "utf-16le": "utf-16le" }[String(encoding).toLowerCase()];
    this.#decoder = label && new TextDecoder(label, { ignoreBOM: true });
  }

  write(chunk) {
    if (typeof chunk === "string") {
      return chunk;
    }
    if (this.#decoder) {
      return this.#decoder.decode(chunk, { stream: true });
    }
    const whole = Buffer.concat([this.#rest, chunk]);
    const end = this.encoding.startsWith("base64") ? whole.length - (whole.length % 3) : whole.length;
    this.#rest = whole.subarray(end);
    return whole.toString(this.encoding, 0, end);
  }

  end(chunk) {
    const text = chunk ? this.write(chunk) : "";
    const rest = this.#decoder ? this.#decoder.decode() : this.#rest.toString(this.encoding);
    this.#rest = Buffer.alloc(0);
    return text + rest;
  }
}

module.exports = { StringDecoder };
