// Run with: wasm-interp run examples/inventory.js
// Reads and writes files of the sandbox, groups records, and shows a table.

import { mkdir, readFile, writeFile } from "node:fs/promises";

const deliveries = [
  { item: "apples", boxes: 4, kilograms: 12.5 },
  { item: "pears", boxes: 2, kilograms: 11 },
  { item: "apples", boxes: 1, kilograms: 12.5 },
];

const totals = Map.groupBy(deliveries, ({ item }) => item);
const rows = [...totals].map(([item, list]) => ({
  item,
  boxes: list.reduce((sum, { boxes }) => sum + boxes, 0),
  kilograms: list.reduce((sum, { boxes, kilograms }) => sum + boxes * kilograms, 0),
}));
console.table(rows);

await mkdir("reports", { recursive: true });
await writeFile("reports/inventory.json", JSON.stringify(rows, null, 2));
console.log(`wrote ${(await readFile("reports/inventory.json")).length} bytes`);
