// Run with: wasm-interp run examples/orders.ts
// Types are not checked; everything else of TypeScript runs.

enum State {
  Open = "open",
  Shipped = "shipped",
}

interface Order {
  id: number;
  state: State;
  lines: ReadonlyArray<[name: string, count: number, price: number]>;
}

class Ledger<T extends Order> {
  constructor(private readonly orders: T[]) {}

  total(state: State): number {
    return this.orders
      .filter((order) => order.state === state)
      .flatMap((order) => order.lines)
      .reduce((sum, [, count, price]) => sum + count * price, 0);
  }
}

const ledger = new Ledger([
  { id: 1, state: State.Open, lines: [["bolt", 100, 0.25]] },
  { id: 2, state: State.Shipped, lines: [["nut", 40, 0.1], ["washer", 10, 0.05]] },
] satisfies Order[]);

for (const state of Object.values(State)) {
  console.log("%s: %s", state, ledger.total(state).toFixed(2));
}
