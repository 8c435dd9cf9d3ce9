import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, it } from "vitest";
import { createProgressView } from "../src/progress.ts";

/** What a terminal this wide is sent, a line for each time it is redrawn. */
function linesOn(columns: number): string[] {
  const terminal = Object.assign(new PassThrough({ encoding: "utf8" }), { columns });
  const view = createProgressView(terminal);
  view.step("Consumed, until the queue was empty");
  view.advance(500, 1000);
  view.advance(1000, 1000, ", 104 delivered again");
  // Each redraw begins by moving the cursor to the first column.
  return String(terminal.read()).split("\u001B[1G").map(stripVTControlCharacters);
}

it("shows a whole bar where there is room", () => {
  expect(linesOn(120).at(-1)).toBe(
    `… Consumed, until the queue was empty ${"█".repeat(30)} 1000 of 1000, 104 delivered again`,
  );
});

it.each([102, 90, 80, 60, 20])("does not wrap in %i columns", (columns) => {
  for (const line of linesOn(columns)) expect(line.length).toBeLessThan(columns);
});

it("shortens the bar before it cuts what the line says", () => {
  expect(linesOn(80).at(-1)).toContain("1000 of 1000, 104 delivered again");
});

it("does not mind a terminal that does not know its width", () => {
  expect(linesOn(0).at(-1)).toContain("█ 1000 of 1000, 104 delivered again");
});
