/** The suite is only worth what it catches: consumers with one fault each must not pass it. */
import { rm } from "node:fs/promises";

import { deployed } from "@org/schema/test-contracts";
import { expect, test } from "vitest";

import { runChaos } from "../../src/chaos.ts";
import { parseOptions } from "../../src/options.ts";
import { verdictOf } from "../../src/report.ts";
import type { Report } from "../../src/report.ts";

const [, { reference: orders } = { reference: "" }] = deployed;

/** Longer than an unharmed consumer takes to notice a dead connection, which is twelve seconds. */
const drainMs = 30_000;

async function run(
  faults: string,
  { mutant, contract = "login" }: { readonly mutant?: string; readonly contract?: string } = {},
): Promise<Report> {
  const report = await runChaos({
    options: parseOptions(["--minutes", "0", "--faults", faults, "--contract", contract]),
    signal: new AbortController().signal,
    progress: () => {},
    drainMs,
    ...(mutant !== undefined && {
      preload: new URL(`../mutants/${mutant}.ts`, import.meta.url).href,
    }),
  });
  if (report.directory !== null) await rm(report.directory, { recursive: true });
  return report;
}

/** With the login, `pnpm chaos --seed 1` of `pnpm check:chaos` says the same of every fault. */
test("the consumer as it is passes what its mutants do not", async () => {
  const faults = "killed_after_receive,deletes_fail,half_open_socket,keys_wrong,answers_odd";
  const report = await run(`${faults},erased_under_snapshot`, { contract: orders });
  expect({ ...report, verdict: verdictOf(report) }).toMatchObject({
    verdict: "passed",
    violations: [],
    inconclusive: [],
  });
});

test("a consumer that deletes before it commits is caught in the act, and loses messages", async () => {
  const report = await run("killed_before_commit", { mutant: "delete-before-commit" });
  expect(verdictOf(report)).toBe("failed");
  expect(report.violations.join()).toContain("a message was deleted before it was committed");
  expect(report.faults["killed_before_commit"]?.lost).toBeGreaterThan(0);
});

test("a consumer that releases everything loses good messages to the dead-letter queue", async () => {
  const report = await run("delivered_twice", { mutant: "release-everything" });
  expect(verdictOf(report)).toBe("failed");
  expect(report.faults["delivered_twice"]).toMatchObject({ rows: 0, deadLettered: 0 });
  expect(report.faults["delivered_twice"]?.lost).toBeGreaterThan(0);
});

test("a consumer that does not ask the ledger doubles rows", async () => {
  // Each kill comes between commit and delete, so each brings committed messages again.
  const report = await run("killed_after_commit", { mutant: "no-ledger" });
  expect(verdictOf(report)).toBe("failed");
  expect(report.faults["killed_after_commit"]?.doubled).toBeGreaterThan(0);
});

test("a consumer that logs an error object leaks", async () => {
  const report = await run("bombs", { mutant: "log-the-error" });
  expect(verdictOf(report)).toBe("failed");
  expect(report.faults["bombs"]?.leaked).toBeGreaterThan(0);
  expect(report.violations.join()).toMatch(/canary \d+ stands in .*consumer-\d\.log/);
});

test("a consumer that gives the database a value is caught by what the server logs", async () => {
  const report = await run("parameters_logged", { mutant: "body-as-parameter" });
  expect(verdictOf(report)).toBe("failed");
  expect(report.violations.join()).toMatch(/canary \d+ stands in .*postgres.*\.log/);
});

test("a consumer that does not back off from damaged messages is seen to loop", async () => {
  const report = await run("damaged_only", { mutant: "no-backoff" });
  expect(verdictOf(report)).toBe("failed");
  expect(report.violations.join()).toContain("received damaged messages in a busy loop");
});

test("a consumer that reuses a dead connection does not drain its queue", async () => {
  const report = await run("half_open_socket", { mutant: "reuse-dead-client" });
  expect(verdictOf(report)).toBe("inconclusive");
  expect(report.inconclusive.join()).toContain("the queue was empty after half_open_socket");
});
