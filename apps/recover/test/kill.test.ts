/** Kills the tool at every step of an access, and amid a retry, by making that step wait for a lock. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askApproved, type Office, openOffice, type Person } from "./office.ts";
import { bodyOf } from "./samples.ts";

let office: Office;
let plaintext: string;
let grant: string;
let admin: Client;
let another: Client;

beforeEach(async () => {
  office = await openOffice();
  const message = office.sample();
  plaintext = String(message[office.field]);
  const [record = ""] = await office.write([message]);
  grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    office.field,
    "--record",
    record,
  ]);
  admin = new Client({ connectionString: office.adminUrl });
  another = new Client({ connectionString: office.adminUrl });
  await Promise.all([admin.connect(), another.connect()]);
});

afterEach(async () => {
  await Promise.all([admin.end(), another.end()]);
  await office[Symbol.asyncDispose]();
});

interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
}

/** The tool as an operator runs it: a process of its own. */
function start(person: Person, argv: readonly string[]): Running {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@org/source", main, ...argv], {
    env: { PATH: process.env["PATH"], ...person.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.resume();
  return { child, stdout: () => stdout };
}

const startUnmask = (): Running =>
  start(office.requester, ["unmask", "--grant", grant, "--print", "--format", "jsonl"]);

const patience = { timeout: 40_000 };

const untilItWaits = (): Promise<void> =>
  expect
    .poll(async () => {
      const rows = await office.admin(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
           AND application_name = 'maskline-recover' AND wait_event_type = 'Lock'`,
      );
      return rows.length;
    }, patience)
    .toBe(1);

async function kill({ child, stdout }: Running): Promise<string> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
  return stdout();
}

const intents = async (): Promise<number[]> => {
  const rows = await office.admin(
    "SELECT seq::integer FROM recovery.audit WHERE action = 'intent'",
  );
  return rows.map(({ seq }) => Number(seq));
};

const newestCheckpoint = async (): Promise<number> => {
  const names = await readdir(join(office.directory, "checkpoints")).catch(() => []);
  const seqs = names
    .filter((name) => name.startsWith("0"))
    .map((name) => Number.parseInt(name, 10));
  return Math.max(0, ...seqs);
};

const sessions = async (): Promise<number> => {
  const rows = await office.admin(
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'maskline-recover'",
  );
  return rows.length;
};

/** What the database still does for the dead client ends; then the claim's time is over, and it is explained. */
async function expectExplained(): Promise<void> {
  await expect.poll(sessions, patience).toBe(0);
  await office.admin("UPDATE recovery.claim SET deadline = clock_timestamp()");
  const open = "SELECT 1 FROM recovery.claim WHERE closed_at IS NULL";
  await expect
    .poll(async () => {
      await office.auditor.recover(["audit", "settle"]);
      return (await office.admin(open)).length;
    }, patience)
    .toBe(0);
  await office.auditor.recover(["audit", "checkpoint"]);
  const verified = await office.auditor.recover(["audit", "verify"]);
  expect(verified).toMatchObject({ code: 0, stderr: "" });
}

test("before the claim: nothing out", async () => {
  await admin.query("BEGIN; SELECT * FROM recovery.audit_head FOR UPDATE");
  const running = startUnmask();
  await untilItWaits();
  expect(await kill(running)).toBe("");
  await admin.query("ROLLBACK");
  await expectExplained();
});

test("between claim and checkpoint: an intent, and nothing out", async () => {
  await admin.query("BEGIN; SELECT * FROM recovery.audit_head FOR UPDATE");
  const running = startUnmask();
  await untilItWaits();
  // In line behind the claim, and before whatever reads the chain's end for the checkpoint.
  await another.query("BEGIN");
  const locked = another.query("LOCK TABLE recovery.audit_head");
  await admin.query("ROLLBACK");
  await locked;
  await untilItWaits();
  expect(await intents()).toHaveLength(1);
  expect(await newestCheckpoint()).toBeLessThan((await intents())[0] ?? 0);
  expect(await kill(running)).toBe("");
  await another.query("ROLLBACK");
  await expectExplained();
});

test("between checkpoint and fetch: intent and checkpoint, and nothing out", async () => {
  await admin.query("BEGIN; LOCK TABLE maskline.vault");
  const running = startUnmask();
  await untilItWaits();
  expect(await newestCheckpoint()).toBeGreaterThanOrEqual((await intents())[0] ?? Infinity);
  expect(await kill(running)).toBe("");
  await admin.query("ROLLBACK");
  await expectExplained();
});

test("between fetch and opening: intent and checkpoint, and nothing out", async () => {
  await admin.query("BEGIN; LOCK TABLE maskline.batch_key");
  const running = startUnmask();
  await untilItWaits();
  expect(await newestCheckpoint()).toBeGreaterThanOrEqual((await intents())[0] ?? Infinity);
  expect(await kill(running)).toBe("");
  await admin.query("ROLLBACK");
  await expectExplained();
});

test("between showing and the result: plaintext is out, and intent and checkpoint were before it", async () => {
  await admin.query("BEGIN; LOCK TABLE maskline.batch_key");
  const running = startUnmask();
  await untilItWaits();
  expect(await newestCheckpoint()).toBeGreaterThanOrEqual((await intents())[0] ?? Infinity);
  expect(running.stdout()).toBe("");
  await another.query("BEGIN; SELECT * FROM recovery.audit_head FOR UPDATE");
  await admin.query("ROLLBACK");
  await expect.poll(running.stdout, patience).toContain(plaintext);
  await untilItWaits();
  await kill(running);
  await another.query("ROLLBACK");
  await expectExplained();
});

/** What the database holds of a message. */
const written = (id: string) => ({ record_id: id, outcome: "row", rows: 1, kept: 0 });
const waiting = (id: string) => ({ record_id: id, outcome: "quarantined", rows: 0, kept: 1 });

test("amid a retry: each message is a row or in quarantine, and the next run finishes the rest", async () => {
  const body = bodyOf(office.sample());
  const records = await office.quarantine([body, body, body]);
  const states = async (): Promise<unknown[]> =>
    office.admin(
      `SELECT record_id, outcome::text,
         (SELECT count(*)::integer FROM ${office.table} AS made WHERE made.record_id = ledger.record_id) AS rows,
         (SELECT count(*)::integer FROM maskline.quarantine AS kept WHERE kept.record_id = ledger.record_id) AS kept
       FROM maskline.ledger WHERE record_id = ANY ($1) ORDER BY record_id`,
      [records],
    );
  const [first = "", second = "", third = ""] = records.toSorted();

  const retry = await askApproved(office, office.custodian, ["retry", "--quarantined", ...records]);
  await admin.query("BEGIN");
  await admin.query("SELECT * FROM maskline.quarantine WHERE record_id = $1 FOR UPDATE", [second]);
  const argv = ["quarantine", "retry", "--grant", retry, "--json"];
  const running = start(office.custodian, argv);
  await untilItWaits();
  expect(await states()).toEqual([written(first), waiting(second), waiting(third)]);
  await kill(running);
  await admin.query("ROLLBACK");
  await expect.poll(sessions, patience).toBe(0);
  // What the server still did for the dead client is whole.
  expect([written(second), waiting(second)]).toContainEqual((await states())[1]);

  const finished = await office.custodian.recover(argv);
  expect(finished.code).toBe(0);
  expect(JSON.parse(finished.stdout)).toMatchObject({ failed: 0, rejected: {}, refused: {} });
  expect(await states()).toEqual([written(first), written(second), written(third)]);
  const chain = "SELECT action, detail::jsonb -> 'changed' AS changed FROM recovery.audit";
  expect(await office.admin(`${chain} WHERE action IN ('intent', 'result') ORDER BY seq`)).toEqual([
    { action: "intent", changed: null },
    { action: "result", changed: 3 },
  ]);
});
