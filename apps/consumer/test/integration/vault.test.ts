import { readFile, writeFile } from "node:fs/promises";

import type { Sealed, SealedBatchKey, Seed } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import type { KeyringJson, RecipientJson } from "@org/masking/keyring";
import { batchKeyIdOf, createUnsealer } from "@org/masking/unseal";
import type { BatchOpener } from "@org/masking/unseal";
import { createParser } from "@org/schema";
import { served } from "@org/schema/test-contracts";
import { expect, test } from "vitest";

import { anyServed, originalsOf, samplesOf } from "./contracts.ts";
import { drain, openStack, startConsumer } from "./stack.ts";
import type { Stack } from "./stack.ts";

interface SealedRow {
  message_id: string;
  record_id: string;
  sealed: Sealed;
  seed: Seed;
}

async function openers(stack: Stack): Promise<Map<string, BatchOpener>> {
  const privateKeyring = await loadPrivateKeyring(stack.privateKeyringPath, { env: {} });
  const unsealer = createUnsealer(privateKeyring, { tenant: "default" });
  const keys = await stack.query<{ id: string; recipient: string; sealed: SealedBatchKey }>(
    "SELECT id, recipient, sealed FROM maskline.batch_key",
  );
  const opened = keys.map(({ id, recipient, sealed }) =>
    unsealer.openBatchKey(id, recipient, sealed),
  );
  return new Map((await Promise.all(opened)).map((opener) => [opener.id, opener]));
}

test.each(served)(
  "the private keyring opens every row and every quarantined body of $name, byte for byte; the consumer's opens none",
  async (each) => {
    await using stack = await openStack({ served: each });
    const { table } = stack.contract;
    const parse = createParser(stack.contract);
    const messages = samplesOf(each, { count: 300, seed: 7 });
    const ids = await stack.queue.send(
      stack.queueUrl,
      messages.map(({ body }) => body),
    );
    const bodies = new Map(ids.map((id, index) => [id, messages[index]?.body ?? ""]));
    await drain(stack.env);
    const byBatchKey = await openers(stack);

    const rows = await stack.query<SealedRow>(
      `SELECT message_id, record_id, sealed, seed FROM ${table}
       JOIN maskline.vault USING (record_id, create_date)
       JOIN maskline.seed USING (record_id, create_date)`,
    );
    for (const { message_id, record_id, sealed, seed } of rows) {
      const parsed = parse(bodies.get(message_id) ?? "");
      if (parsed.kind === "rejection") throw new Error("A body that is no message has a row.");
      const place = { table, recordId: record_id };
      expect(byBatchKey.get(batchKeyIdOf(sealed))?.unseal(place, sealed, seed)).toEqual(
        originalsOf(stack.contract, parsed.message),
      );
    }

    const quarantined = await stack.query<SealedRow>(
      `SELECT message_id, record_id, sealed, seed FROM maskline.quarantine
       JOIN maskline.seed USING (record_id, create_date)`,
    );
    for (const { message_id, record_id, sealed, seed } of quarantined) {
      const place = { table: "quarantine", recordId: record_id };
      const opened = byBatchKey.get(batchKeyIdOf(sealed))?.unsealBytes(place, sealed, seed);
      expect(Buffer.from(opened ?? []).toString("utf8")).toBe(bodies.get(message_id));
    }
    expect(rows.length + quarantined.length).toBe(ids.length);
    expect(quarantined.length).toBeGreaterThan(0);

    await expect(loadPrivateKeyring(stack.keyringPath, { env: {} })).rejects.toMatchObject({
      code: "ERR_MASKING_KEY_INVALID",
    });
    const own = await loadKeyring(stack.keyringPath, { env: {} });
    expect(own.recipients).toEqual([
      { kid: "r1", state: "primary", publicKey: expect.any(Uint8Array) },
    ]);
  },
);

test("the public-key operation happens once a batch, not once a record", async () => {
  await using stack = await openStack();
  const bodies = samplesOf(anyServed, { count: 200, seed: 9 }).map(({ body }) => body);
  await stack.queue.send(stack.queueUrl, bodies);
  const { output } = await drain({ ...stack.env, LOG_LEVEL: "debug" });
  const batches = output.split("\n").filter((line) => line.includes('"batch committed"')).length;
  const [keys] = await stack.query<{ count: number }>(
    "SELECT count(*)::int FROM maskline.batch_key",
  );
  expect(keys?.count).toBe(batches);
  expect(batches).toBeLessThan(bodies.length / 5);
});

async function setRecipients(stack: Stack, state: RecipientJson["state"]): Promise<void> {
  const keyring = JSON.parse(await readFile(stack.keyringPath, "utf8")) as KeyringJson;
  const recipients = keyring.recipients.map((recipient) => ({ ...recipient, state }));
  await writeFile(stack.keyringPath, JSON.stringify({ ...keyring, recipients }));
}

test.each(["pending", "decrypt_only"] as const)(
  "a keyring whose only recipient is %s starts nothing, unless the vault is off by name",
  async (state) => {
    await using stack = await openStack();
    await setRecipients(stack, state);

    const refused = await startConsumer(stack.env, ["--check"]).exited();
    expect(refused.code).toBe(2);
    expect(refused.output).toMatch(/Cannot start:[^]*no recipient [^]*is primary/);
    expect(refused.output).toMatch(/keys promote KID --recipient[^]*MASKLINE_VAULT=off/);
    expect(refused.output).not.toContain("ready to start");
    expect((await startConsumer(stack.env).exited()).code).toBe(2);

    const willingly = { ...stack.env, MASKLINE_VAULT: "off" };
    const checked = await startConsumer(willingly, ["--check"]).exited();
    expect(checked.code).toBe(0);
    expect(checked.output).toMatch(/"vault":"off".*"ready to start"/);
  },
);

test("the line that says consuming says whether the vault is on", async () => {
  await using stack = await openStack();
  expect((await drain(stack.env)).output).toMatch(/"vault":"on".*"consuming"/);
  await setRecipients(stack, "disabled");
  expect((await drain(stack.env)).output).toMatch(/"vault":"off".*"consuming"/);
});
