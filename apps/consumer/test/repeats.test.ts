import { pino } from "pino";
import { expect, test } from "vitest";

import { createRepeats } from "../src/repeats.ts";

const rejected = { level: "warn", message: "rejected" } as const;

function open() {
  const said: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line: string) => void said.push(JSON.parse(line)) });
  return { ...createRepeats(log), said };
}

test("says a line at once, and those of the next minute in one with their number", () => {
  const { say, flush, said } = open();
  say(rejected, { reason: "not_json" }, { example: { messageId: "first" } });
  for (let more = 0; more < 9_000; more += 1) {
    say(rejected, { reason: "not_json" }, { example: { messageId: "other" } });
  }
  flush();
  expect(said).toMatchObject([
    { level: 40, msg: "rejected", reason: "not_json", messageId: "first", count: 1 },
    { level: 40, msg: "rejected", reason: "not_json", count: 9_000, isSum: true },
  ]);
  expect(said[1]).not.toHaveProperty("messageId");
});

test("tells lines apart by their fields, not by their number", () => {
  const { say, said } = open();
  say(rejected, { reason: "not_json" }, { count: 3 });
  say(rejected, { reason: "too_deep" });
  expect(said).toMatchObject([{ count: 3 }, { reason: "too_deep", count: 1 }]);
});

test("says a line at once again after a minute without it, and nothing in between", () => {
  const { say, flush, said } = open();
  say(rejected, {});
  flush();
  flush();
  expect(said).toHaveLength(1);
  say(rejected, {});
  expect(said).toHaveLength(2);
});
