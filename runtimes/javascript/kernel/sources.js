// Source text of cells and modules, for the lines that a traceback shows, and positions mapped back to TypeScript.

import { decodeMappings } from "./source_map.js";

const MOST_CHARS = 1 << 20; // of all sources kept; older ones lose their lines, not their positions
const kept = new Map();
const maps = new Map();
let chars = 0;

export function remember(file, source, mappings, prefixLines = 0) {
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
  if (mappings === undefined) {
    maps.delete(file);
  } else {
    maps.set(file, { mappings, prefixLines, decoded: undefined });
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
  map.decoded ??= decodeMappings(map.mappings);
  const segments = map.decoded[line - 1 - map.prefixLines] ?? [];
  let best;
  for (const segment of segments) {
    if (segment[0] > column - 1 && best !== undefined) {
      break;
    }
    best = segment;
  }
  return best === undefined ? [line, column] : [best[1] + 1, best[2] + 1];
}
