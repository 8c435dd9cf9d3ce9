import { DatabaseError } from "@org/db/writer";
import type { BatchFailure, QueueAttributes, Receipt } from "@org/sqs";
import { expect, test } from "vitest";

import { findDenied, findUnwritable, preflight } from "../src/preflight.ts";

const fortnightSeconds = 14 * 86_400;

const healthy: QueueAttributes = {
  arn: "arn:aws:sqs:eu-central-1:000000000000:login-queue",
  fifo: false,
  visibilityTimeoutSeconds: 30,
  retentionSeconds: fortnightSeconds,
  redrive: {
    deadLetterTargetArn: "arn:aws:sqs:eu-central-1:000000000000:login-queue-dlq",
    maxReceiveCount: 10,
    deadLetterRetentionSeconds: fortnightSeconds,
    deadLetterMessages: 0,
  },
  depth: { visible: 0, inFlight: 0, delayed: 0 },
};
const plan = {
  batchAgeMs: 100,
  hasVault: true,
  readsMaskedData: false,
  preparesTransactions: false,
  readingRequesters: [],
  isRestored: false,
  additions: [],
  maintains: true,
  maintainedAt: null,
  namesPrivateKeyring: false,
  unknownSettings: [],
  ignoredSettings: [],
  regionFrom: "queue_url" as const,
  waitSeconds: 20,
  shutdownSeconds: 25,
  workers: 2,
  cores: 2,
};

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);

test("has nothing to say of a healthy queue", () => {
  expect(preflight(healthy, plan)).toEqual([]);
});

test("warns of maintenance that is off and that nobody has done for a day and a half", () => {
  const off = { ...plan, maintains: false };
  expect(preflight(healthy, { ...off, maintainedAt: hoursAgo(35) })).toEqual([]);
  expect(preflight(healthy, { ...plan, maintainedAt: hoursAgo(37) })).toEqual([]);
  for (const maintainedAt of [null, hoursAgo(37)]) {
    expect(preflight(healthy, { ...off, maintainedAt })).toMatchObject([
      { severity: "warning", finding: expect.stringContaining("MASKLINE_MAINTENANCE is off") },
    ]);
  }
});

test("warns of more workers than cores", () => {
  expect(preflight(healthy, { ...plan, workers: 3 })).toMatchObject([
    { severity: "warning", finding: expect.stringContaining("MASKLINE_WORKERS is 3") },
  ]);
});

test("refuses a queue where a rejected message would have nowhere to go", () => {
  const findings = preflight({ ...healthy, redrive: null }, { ...plan, hasVault: false });
  expect(findings).toMatchObject([
    { severity: "error", finding: expect.stringContaining("nowhere to go") },
  ]);
});

test("warns of a missing redrive policy where there is a vault: damaged messages have no other way out", () => {
  expect(preflight({ ...healthy, redrive: null }, plan)).toMatchObject([
    { severity: "warning", finding: expect.stringContaining("no redrive policy") },
  ]);
});

test("warns of a dead-letter queue that cannot be read, not of one without a retention", () => {
  const redrive = {
    deadLetterTargetArn: "arn",
    maxReceiveCount: 10,
    deadLetterRetentionSeconds: null,
    deadLetterMessages: 0,
  };
  expect(preflight({ ...healthy, redrive }, plan)).toMatchObject([
    { severity: "warning", advice: expect.stringContaining("sqs:GetQueueUrl") },
  ]);
  expect(preflight({ ...healthy, redrive, retentionSeconds: null }, plan)).toEqual([]);
});

test.each([
  ["ReceiptHandleIsInvalid", []],
  ["InvalidParameterValue", []],
  ["AccessDenied", ["sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]],
] as const)("finds out what is denied by a handle that is none: %s", async (code, actions) => {
  const fail = async ([receipt]: readonly Receipt[]): Promise<BatchFailure[]> =>
    receipt ? [{ receipt, code, senderFault: true }] : [];
  const findings = await findDenied({ delete: fail, changeVisibility: fail });
  expect(findings).toMatchObject(
    actions.map((action) => ({
      severity: "error",
      finding: expect.stringContaining(`${action} is denied`),
      advice: expect.stringContaining(`allow ${action} `),
    })),
  );
  expect(findings).toHaveLength(actions.length);
});

test("refuses a batch age above a quarter of the lease", () => {
  const findings = preflight(healthy, { ...plan, batchAgeMs: 7_501 });
  expect(findings).toMatchObject([{ severity: "error" }]);
});

test("warns of a short lease, few receives and short retentions", () => {
  const findings = preflight(
    {
      ...healthy,
      visibilityTimeoutSeconds: 5,
      retentionSeconds: 4 * 86_400,
      redrive: {
        deadLetterTargetArn: "arn",
        maxReceiveCount: 3,
        deadLetterRetentionSeconds: 86_400,
        deadLetterMessages: 0,
      },
    },
    plan,
  );
  expect(findings.map(({ severity }) => severity)).toEqual([
    "warning",
    "warning",
    "warning",
    "warning",
  ]);
  expect(findings.map(({ finding }) => finding).join("\n")).toMatch(
    /5 s[^]*is 3[^]*4 days[^]*1 days/,
  );
});

test("warns of a server that lets a transaction outlive its session", () => {
  expect(preflight(healthy, { ...plan, preparesTransactions: true })).toMatchObject([
    { severity: "warning", advice: expect.stringContaining("max_prepared_transactions") },
  ]);
});

test("a login that asks for originals and reads their rows is told of", () => {
  expect(preflight(healthy, { ...plan, readingRequesters: ["alice", "bob"] })).toMatchObject([
    { severity: "warning", finding: expect.stringMatching(/: alice, bob$/) },
  ]);
});

test("a database that goes on from a backup is told of", () => {
  expect(preflight(healthy, { ...plan, isRestored: true })).toMatchObject([
    { severity: "warning", advice: expect.stringContaining("--accept-restore") },
  ]);
});

test("a table of a later contract is told of, with what it has more", () => {
  const additions = ["column more is not in the contract"];
  expect(preflight(healthy, { ...plan, additions })).toMatchObject([
    { severity: "warning", finding: expect.stringContaining(additions[0] ?? "") },
  ]);
});

test("warns of a database login that can read what it writes", () => {
  const findings = preflight(healthy, { ...plan, readsMaskedData: true });
  expect(findings).toMatchObject([
    { severity: "warning", advice: expect.stringContaining("maskline_writer") },
  ]);
});

test("warns of a private keyring beside the consumer", () => {
  const findings = preflight(healthy, { ...plan, namesPrivateKeyring: true });
  expect(findings).toMatchObject([
    { severity: "warning", finding: expect.stringContaining("RECOVER_PRIVATE_KEYRING") },
  ]);
});

test("warns of a FIFO queue without a vault, where a rejected message takes others along", () => {
  const fifo = { ...healthy, fifo: true };
  const findings = preflight(fifo, { ...plan, hasVault: false });
  expect(findings).toMatchObject([
    { severity: "warning", finding: expect.stringContaining("dead-letter queue") },
  ]);
  expect(preflight(fifo, plan)).toEqual([]);
});

test("warns of a variable that is named like a setting and is none", () => {
  const findings = preflight(healthy, { ...plan, unknownSettings: ["MASKLINE_POLERS"] });
  expect(findings).toMatchObject([
    { severity: "warning", finding: "MASKLINE_POLERS is not a setting of this program" },
  ]);
});

test("warns of a shutdown that is shorter than a long poll", () => {
  const findings = preflight(healthy, { ...plan, shutdownSeconds: 20 });
  expect(findings).toMatchObject([
    { severity: "warning", advice: expect.stringContaining("MASKLINE_SHUTDOWN_SECONDS") },
  ]);
});

test("warns of what OpenTelemetry's variables say and is not known here", () => {
  const ignoredSettings = [{ name: "OTEL_TRACES_EXPORTER", advice: "otlp or none" }];
  expect(preflight(healthy, { ...plan, ignoredSettings })).toMatchObject([
    { severity: "warning", finding: expect.stringMatching(/^OTEL_TRACES_EXPORTER .*otlp or none/) },
  ]);
});

test("warns of a region that nothing names", () => {
  expect(preflight(healthy, { ...plan, regionFrom: "nothing" })).toMatchObject([
    { severity: "warning", advice: "set AWS_REGION" },
  ]);
});

test("finds a pooler that keeps no prepared statements apart: the second connection fails", async () => {
  const fault = new DatabaseError("made up", {
    kind: "unknown",
    reason: "pooler_without_prepared_statements",
    sqlState: "42P05",
    constraint: null,
    systemCode: null,
  });
  const passes = { probe: async () => {} };
  const fails = { probe: () => Promise.reject(fault) };
  expect(await findUnwritable(passes, passes)).toEqual([]);
  expect(await findUnwritable(passes, fails)).toMatchObject([
    {
      severity: "error",
      finding: expect.stringContaining("42P05"),
      advice: expect.stringContaining("max_prepared_statements"),
    },
  ]);
});
