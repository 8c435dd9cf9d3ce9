import { stripVTControlCharacters } from "node:util";

import { expect, test } from "vitest";

import { parseSoakOptions } from "../src/options.ts";
import { formatSoakReport, verdictOfSoak } from "../src/soak-report.ts";
import type { SoakReport } from "../src/soak-report.ts";

const report: SoakReport = {
  options: parseSoakOptions(["--soak", "1000", "--kill-every", "5"]),
  seconds: 60,
  kills: 3,
  readySeconds: 60,
  redelivered: 40,
  rows: 990,
  quarantined: 10,
  deadLettered: 0,
  lost: 0,
  doubled: 0,
  peakMegabytes: 187.4,
  violations: [],
  inconclusive: [],
  directory: null,
};

test("a soak passes where every message is accounted for and enough consumers were killed", () => {
  expect(verdictOfSoak(report)).toBe("passed");
});

test.each([
  { lost: 1 },
  { doubled: 1 },
  { deadLettered: 1 },
  { violations: ["a row has no seed"] },
])("%j fails it", (change) => {
  expect(verdictOfSoak({ ...report, ...change })).toBe("failed");
});

test.each([{ kills: 2 }, { redelivered: 0 }, { inconclusive: ["it stood still"], lost: 7 }])(
  "%j says nothing, which is no pass",
  (change) => {
    expect(verdictOfSoak({ ...report, ...change })).toBe("inconclusive");
  },
);

test("time in which consumers start asks for no kill", () => {
  expect(verdictOfSoak({ ...report, kills: 2, readySeconds: 45 })).toBe("passed");
});

test("the table says what became of the messages, and how large a consumer was", () => {
  const lines = stripVTControlCharacters(formatSoakReport(report)).split("\n");
  const words = lines.map((line) => line.trim().split(/\s+/).join(" "));
  expect(words).toEqual(
    expect.arrayContaining(["messages 1000", "kills 3", "largest consumer, MB 187", "passed"]),
  );
});
