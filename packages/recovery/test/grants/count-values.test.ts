import type { Tokenizer } from "@org/masking";
import { expect, test } from "vitest";
import { countValues } from "../../src/grants/count-values.ts";

test("a person gives thirty values within any hour, whatever others give", async () => {
  let nowMs = 0;
  const tokenizer = {} as Tokenizer<string>;
  const tokenizerFor = countValues(tokenizer, () => nowMs);
  for (let value = 0; value < 30; value += 1) {
    nowMs = value * 60_000;
    expect(await tokenizerFor("rita")).toBe(tokenizer);
  }
  await expect(tokenizerFor("rita")).rejects.toMatchObject({ exitCode: 3 });
  expect(await tokenizerFor("otto")).toBe(tokenizer);
  nowMs = 3_600_000;
  expect(await tokenizerFor("rita")).toBe(tokenizer);
  await expect(tokenizerFor("rita")).rejects.toMatchObject({ exitCode: 3 });
});

test("without the token key nobody gives any", async () => {
  await expect(countValues(null)("rita")).rejects.toMatchObject({ exitCode: 2 });
});
