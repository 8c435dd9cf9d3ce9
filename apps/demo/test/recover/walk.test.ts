import { expect, test } from "vitest";
import { walk } from "../../src/recover/walk.ts";

test("the walk goes its whole way, each command ending as it is told to", async () => {
  const said: string[] = [];
  await walk((text) => void said.push(text), new AbortController().signal);
  const text = said.join("\n");
  expect(text).toContain("(self_approval)");
  expect(text).toContain("First bad row: 1. (edited)");
  expect(said.at(-1)).toContain("tampering found, erasure proved.");
}, 300_000);
