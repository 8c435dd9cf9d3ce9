/** Both rotations at full size, while the consumer writes, killed and resumed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { nodeEnvironment } from "@org/local";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askApproved, type Office, openOffice } from "../office.ts";
import { type Message, numberedValues } from "../samples.ts";

let office: Office;
let base: Message;

beforeEach(async () => {
  office = await openOffice();
  base = office.sample();
});

afterEach(() => office[Symbol.asyncDispose]());

/** What is polled goes over a whole table. */
const patience = { timeout: 240_000, interval: 500 };

const sample = (number: number): Partial<Message> => ({
  ...base,
  ...numberedValues(office.contract, number),
});

async function fill(count: number, recordsPerBatchKey: number): Promise<void> {
  for (let at = 0; at < count; at += 2_000) {
    const messages = Array.from({ length: Math.min(2_000, count - at) }, (_, index) =>
      sample(at + index),
    );
    await office.write(messages, { recordsPerBatchKey });
  }
}

async function count(sql: string): Promise<number> {
  const [row] = await office.admin(`SELECT count(*)::integer AS count FROM ${sql}`);
  return Number(row?.["count"]);
}

/** The tool as a custodian runs it: a process of its own, that can be killed. */
function start(argv: readonly string[]): {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stdout: string }>;
} {
  const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@org/source", main, ...argv], {
    env: { ...nodeEnvironment, ...office.custodian.env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  return {
    child,
    ended: once(child, "close").then(([code]) => ({ code: code as number | null, stdout })),
  };
}

/** Starts, kills once `isUnderWay`, and starts again until done. */
async function killedAndResumed(
  argv: readonly string[],
  isUnderWay: () => Promise<boolean>,
): Promise<unknown> {
  const first = start(argv);
  await expect.poll(isUnderWay, patience).toBe(true);
  first.child.kill("SIGKILL");
  await first.ended;
  const { code, stdout } = await start(argv).ended;
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

/** Messages that arrive, masked and sealed with the promoted keys, until stopped. */
function keepWriting(): { readonly stop: () => Promise<number> } {
  const stopping = new AbortController();
  const running = (async () => {
    let written = 0;
    while (!stopping.signal.aborted) {
      written += (
        await office.write(
          Array.from({ length: 20 }, (_, index) => sample(5_000_000 + written + index)),
        )
      ).length;
      await sleep(20);
    }
    return written;
  })();
  return {
    stop() {
      stopping.abort();
      return running;
    },
  };
}

async function expectReadable(records: number): Promise<void> {
  await office.admin("UPDATE recovery.policy SET records_per_minute = 1000000");
  const ids = await office.admin(
    `SELECT record_id FROM ${office.table} ORDER BY md5(record_id::text) LIMIT $1`,
    [records],
  );
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    office.field,
    "--record",
    ...ids.map(({ record_id: id }) => String(id)),
  ]);
  const { code, stderr } = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
  // Exit 0 also says that every row's tokens fit its opened values.
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: `Opened ${records} record(s); 0 had no sealed value.\n`,
  });
}

const rotate = async (kind: "token" | "recipient", kid: string): Promise<void> => {
  for (const argv of [["add"], ["promote", kid]]) {
    const { code, stderr } = await office.custodian.recover(["keys", ...argv, `--${kind}`]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  }
};

test("rewrap moves 10,000 batch keys and quarantined bodies' too, killed and resumed under load", async () => {
  const batchKeys = 10_000;
  await fill(batchKeys, 1);
  const [body = ""] = await office.quarantine(['{"foo": 1}']);
  await rotate("recipient", "r2");
  const grant = await askApproved(office, office.custodian, [
    "rewrap",
    "--from-key",
    "r1",
    "--to-key",
    "r2",
  ]);

  const writing = keepWriting();
  const moved = await killedAndResumed(
    ["rewrap", "--grant", grant, "--json"],
    async () => (await count("maskline.batch_key WHERE recipient = 'r1'")) < batchKeys,
  );
  expect(await writing.stop()).toBeGreaterThan(0);
  expect(moved).toMatchObject({ failed: 0 });
  expect(await count("maskline.batch_key WHERE recipient = 'r1'")).toBe(0);
  expect(await count("maskline.batch_key WHERE recipient = 'r2'")).toBeGreaterThan(batchKeys);

  const disabled = await office.custodian.recover(["keys", "disable", "r1", "--recipient"]);
  expect(disabled.code).toBe(0);
  await expectReadable(2_000);
  const show = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "body",
    "--quarantined",
    body,
  ]);
  const shown = await office.requester.recover(["quarantine", "show", "--grant", show, "--print"]);
  expect(shown.stdout).toContain('{"foo": 1}');
}, 300_000);

test("retoken moves 100,000 records, killed and resumed under load", async () => {
  const records = 100_000;
  await fill(records, 1_000);
  await rotate("token", "t2");
  const grant = await askApproved(office, office.custodian, [
    "retoken",
    "--from-key",
    "t1",
    "--to-key",
    "t2",
  ]);
  const isOld = office.tokenColumns.map((column) => `starts_with(${column}, 'mk1.t1.')`);
  const underOld = `${office.table} WHERE ${isOld.join(" OR ")}`;

  const writing = keepWriting();
  const moved = await killedAndResumed(
    ["retoken", "--grant", grant, "--json"],
    async () => (await count(underOld)) < records,
  );
  const written = await writing.stop();
  expect(written).toBeGreaterThan(0);
  expect(moved).toMatchObject({ tombstoned: 0, left: [] });
  expect(await count(underOld)).toBe(0);
  expect(await count(office.table)).toBe(records + written);
  // Equal values have equal tokens again: no value has two.
  for (const column of office.tokenColumns) {
    const tokens = `(SELECT DISTINCT ${column} FROM ${office.table}) AS tokens`;
    expect(await count(tokens)).toBe(records + written);
  }

  const disabled = await office.custodian.recover(["keys", "disable", "t1", "--token"]);
  expect(disabled.code).toBe(0);
  await expectReadable(2_000);
}, 300_000);
