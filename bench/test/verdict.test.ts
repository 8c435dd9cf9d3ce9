import { expect, test } from "vitest";
import type { BenchResult, CandidateResult } from "../src/rounds.ts";
import { figuresTable } from "../src/tables.ts";
import { judge } from "../src/verdict.ts";

function candidate(
  name: string,
  perSecond: number[],
  disqualified: string | null = null,
): CandidateResult {
  return {
    name,
    label: name,
    rounds: perSecond.map((value) => ({ perSecond: value, cpuMicros: 1e6 / value })),
    skipped: null,
    disqualified,
  };
}

function resultOf(candidates: CandidateResult[]): BenchResult {
  return {
    name: "bench",
    title: "bench",
    unit: "messages",
    baseline: "slow",
    claims: [{ text: "fast ≥ 10 × slow", of: "fast", to: "slow", atLeast: 10 }],
    candidates,
    measuredAt: "2026-01-01T00:00:00.000Z",
    loadBefore: 0,
  };
}

test("a claim is judged by the median of the rounds' ratios", () => {
  const reached = resultOf([candidate("slow", [1, 2, 1]), candidate("fast", [9, 30, 12])]);
  expect(judge(reached)[0]).toMatchObject({
    ratio: { median: 12, low: 9, high: 15 },
    reached: true,
  });
  const missed = resultOf([candidate("slow", [1]), candidate("fast", [9])]);
  expect(judge(missed)[0]?.reached).toBe(false);
});

test("a contender that lost a message has no figure", () => {
  const result = resultOf([candidate("slow", [1]), candidate("fast", [100], "it lost 1 messages")]);
  expect(judge(result)[0]).toMatchObject({ ratio: null, reached: null });
  expect(figuresTable(result)).toContain("disqualified: it lost 1 messages");
});
