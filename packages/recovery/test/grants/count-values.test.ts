import type { Tokenizer } from "@org/masking";
import { afterEach, expect, test, vi } from "vitest";
import { countValues } from "../../src/grants/count-values.ts";

afterEach(() => void vi.useRealTimers());

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

test("a clock that is set back keeps nobody out for longer", async () => {
  vi.useFakeTimers();
  const tokenizerFor = countValues({} as Tokenizer<string>);
  for (let value = 0; value < 30; value += 1) await tokenizerFor("rita");
  vi.setSystemTime(Date.now() - 86_400_000);
  vi.advanceTimersByTime(3_600_000);
  expect(await tokenizerFor("rita")).toEqual({});
});

test("without the token key nobody gives any", async () => {
  await expect(countValues(null)("rita")).rejects.toMatchObject({ exitCode: 2 });
});
