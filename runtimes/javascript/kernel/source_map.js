// The "mappings" of a source map, version 3: https://tc39.es/ecma426/

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// For each generated line its segments, ascending: [generated column, source line, source column], all from 0.
export function decodeMappings(mappings) {
  const lines = [];
  let [sourceLine, sourceColumn] = [0, 0];
  for (const line of mappings.split(";")) {
    let column = 0;
    const segments = [];
    for (const encoded of line ? line.split(",") : []) {
      const numbers = decodeNumbers(encoded);
      column += numbers[0];
      if (numbers.length >= 4) {
        sourceLine += numbers[2];
        sourceColumn += numbers[3];
        segments.push([column, sourceLine, sourceColumn]);
      }
    }
    lines.push(segments);
  }
  return lines;
}

function decodeNumbers(encoded) {
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const digit of encoded) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (!(bits & 32)) {
      numbers.push(value & 1 ? -(value >>> 1) : value >>> 1);
      [value, shift] = [0, 0];
    }
  }
  return numbers;
}
