/** How far long work has come: one line that is written over on a terminal, now and then a line elsewhere. */

import type { Edge } from "./edge.ts";

const linesEvery = 10_000;

export function createProgress(edge: Edge, what: string): (done: number) => void {
  let next = linesEvery;
  return (done) => {
    if (edge.stderr.isTTY) {
      edge.stderr.write(`\r${done} ${what}`);
    } else if (done >= next) {
      edge.stderr.write(`${done} ${what}\n`);
      next = done + linesEvery;
    }
  };
}
