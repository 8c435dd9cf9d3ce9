/** How far long work has come: one line that is written over on a terminal, now and then a line elsewhere. */

import type { Edge } from "./edge.ts";

/** Told how much is done so far. */
export type Progress = (done: number) => void;

const linesEvery = 10_000;

/** However the work ends, a terminal is left on a new line. */
export async function withProgress<Result>(
  { stderr }: Pick<Edge, "stderr">,
  what: string,
  work: (progress: Progress) => Promise<Result>,
): Promise<Result> {
  let next = linesEvery;
  let isLineOpen = false;

  function show(done: number): void {
    if (stderr.isTTY) {
      stderr.write(`\r${done} ${what}`);
      isLineOpen = true;
    } else if (done >= next) {
      stderr.write(`${done} ${what}\n`);
      next = done + linesEvery;
    }
  }

  try {
    return await work(show);
  } finally {
    if (isLineOpen) stderr.write("\n");
  }
}
