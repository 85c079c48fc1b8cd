// The page's side of a bench.

import { Background } from "../background.mjs";

/** Return a contender in a worker of its own; `ask` it for the tasks of bench_worker.mjs. */
export function contender(backend, threads) {
  const script = "later/bench_worker.mjs";
  return new Background({}, script, `?backend=${backend}&threads=${threads}`);
}
