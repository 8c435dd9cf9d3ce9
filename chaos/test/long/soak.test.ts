/** A small one of what `pnpm chaos --soak 1000000` is. */
import { rm } from "node:fs/promises";

import { deployed } from "@org/schema/test-contracts";
import { expect, test } from "vitest";

import { parseSoakOptions } from "../../src/options.ts";
import { verdictOfSoak } from "../../src/soak-report.ts";
import { runSoak } from "../../src/soak.ts";

const messages = 40_000;
const soak = ["--soak", String(messages), "--kill-every", "0.5"];

test.each(deployed)(
  "consumers that are killed while they drain a queue of $name lose nothing and double nothing",
  async ({ reference: contract }) => {
    const report = await runSoak({
      options: parseSoakOptions([...soak, "--contract", contract]),
      signal: new AbortController().signal,
      progress: () => {},
    });
    if (report.directory !== null) await rm(report.directory, { recursive: true });
    expect({ ...report, verdict: verdictOfSoak(report) }).toMatchObject({
      verdict: "passed",
      deadLettered: 0,
      lost: 0,
      doubled: 0,
      violations: [],
      inconclusive: [],
    });
    expect(report.rows + report.quarantined).toBe(messages);
  },
);
