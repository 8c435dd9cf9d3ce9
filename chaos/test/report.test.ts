import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import { parseOptions } from "../src/options.ts";
import { formatReport, verdictOf } from "../src/report.ts";
import type { FaultCounts, Report } from "../src/report.ts";

const counts: FaultCounts = {
  hits: 4,
  needed: 4,
  messages: 300,
  rows: 296,
  quarantined: 3,
  deadLettered: 1,
  lost: 0,
  doubled: 0,
  leaked: 0,
};

const report: Report = {
  options: parseOptions(["--faults", "killed_any_time"]),
  rounds: 1,
  seconds: 12.3,
  faults: { killed_any_time: counts },
  leakedAtRest: 0,
  violations: [],
  inconclusive: [],
  directory: null,
};

function withCounts(change: Partial<FaultCounts>): Report {
  return { ...report, faults: { killed_any_time: { ...counts, ...change } } };
}

test("a run passes where everything is accounted for and every fault was hit often enough", () => {
  expect(verdictOf(report)).toBe("passed");
});

test.each([
  withCounts({ lost: 1 }),
  withCounts({ doubled: 1 }),
  withCounts({ leaked: 1 }),
  { ...report, leakedAtRest: 1 },
  { ...report, violations: ["a token is wrong"] },
  { ...withCounts({ lost: 1, hits: 0 }), inconclusive: ["it did not drain"] },
])("a broken promise fails the run, whatever else it came to", (broken) => {
  expect(verdictOf(broken)).toBe("failed");
});

test.each([
  withCounts({ hits: 3 }),
  { ...report, faults: {} },
  { ...report, inconclusive: ["it did not drain"] },
])("a run that hit too little or did not drain says nothing, which is no pass", (empty) => {
  expect(verdictOf(empty)).toBe("inconclusive");
});

test("the table has a line for each fault and one for all", () => {
  const lines = stripVTControlCharacters(formatReport(withCounts({ leaked: 2 }))).split("\n");
  const header = "fault hit needed messages rows quarantined dead-lettered lost doubled leaked";
  const words = lines.map((line) => line.trim().split(/\s+/).join(" "));
  expect(words).toContain(header);
  expect(words).toContain("killed_any_time 4 4 300 296 3 1 0 0 2");
  expect(words).toContain("all 4 4 300 296 3 1 0 0 2");
  expect(words).toContain("failed");
});
