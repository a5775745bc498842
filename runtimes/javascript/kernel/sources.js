// Source text of cells and modules, for the lines that a traceback shows, and positions mapped back to TypeScript.

import { decodeMappings } from "./source_map.js";

const MOST_CHARS = 1 << 20; // of all sources kept; older ones lose their lines, not their positions
const kept = new Map();
const maps = new Map();
let chars = 0;

// ``prefix``: how many characters stand before the source on its first line.
export function remember(file, source, mappings, prefix = 0) {
  kept.delete(file);
  kept.set(file, source);
  chars += source.length;
  for (const [oldest, text] of kept) {
    if (chars <= MOST_CHARS) {
      break;
    }
    kept.delete(oldest);
    chars -= text.length;
  }
  if (mappings === undefined && !prefix) {
    maps.delete(file);
  } else {
    maps.set(file, { mappings, prefix, decoded: undefined });
  }
}

export function lineOf(file, number) {
  return kept.get(file)?.split("\n", number)[number - 1];
}

// [line, column], both from 1, in the source as it was written.
export function original(file, line, column) {
  const map = maps.get(file);
  if (map === undefined || line === null) {
    return [line, column];
  }
  if (map.mappings === undefined) {
    return [line, line === 1 ? Math.max(column - map.prefix, 1) : column];
  }
  map.decoded ??= decodeMappings(map.mappings);
  const segments = map.decoded[line - 1] ?? [];
  let best;
  for (const segment of segments) {
    if (segment[0] > column - 1 && best !== undefined) {
      break;
    }
    best = segment;
  }
  if (best === undefined) {
    return [line, column];
  }
  return [best[1] + 1, best[1] === 0 ? Math.max(best[2] + 1 - map.prefix, 1) : best[2] + 1];
}
