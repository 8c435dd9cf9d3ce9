import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { loadPrivateKeyring } from "@org/masking/keyring";
import type { Token } from "@org/masking";
import { batchKeyIdOf, createUnsealer } from "@org/masking/unseal";
import type { BatchOpener } from "@org/masking/unseal";
import { createToRow } from "@org/schema";
import type { AnyContract, Value } from "@org/schema";
import { hostileBodies } from "@org/schema/hostile-bodies";
import type { HostileBody } from "@org/schema/hostile-bodies";
import { deployed } from "@org/schema/test-contracts";
import { describe, expect, inject, test } from "vitest";

import { originalsOf } from "./contracts.ts";
import { drain, openStack } from "./stack.ts";
import type { Stack } from "./stack.ts";

/** Where one message must end, and everything that must be found there. */
type Ending =
  | { readonly row: "as expected"; readonly sealed: object }
  | { readonly quarantined: { readonly reason: string; readonly body: string } };

function expectedEnding(contract: AnyContract, { body, expected }: HostileBody): Ending {
  return expected.kind === "rejection"
    ? // Sealed as UTF-8, which has no lone surrogates.
      { quarantined: { reason: expected.reason, body: body.toWellFormed() } }
    : { row: "as expected", sealed: originalsOf(contract, expected.message) };
}

interface SealedRow {
  readonly message_id: string;
  readonly record_id: string;
  readonly sealed: Buffer;
  readonly seed: Buffer;
}

/** Every column's value is compared by PostgreSQL, in the column's own type; a token is one or is not there. */
function conditionOf(contract: AnyContract, { expected }: HostileBody, values: unknown[]): string {
  if (expected.kind === "rejection") return "false";
  const toRow = createToRow(contract, { tokenize: () => "token" as Token });
  const { columns } = toRow(expected.message, {
    recordId: "00000000-0000-7000-8000-000000000000",
    sealer: null,
  });
  const stored = columns as Readonly<Record<string, Value | null>>;
  const conditions = contract.columns.flatMap(({ name, sqlType, from }) => {
    const value = stored[name] ?? null;
    if (from.kind === "system") return [];
    if (from.kind === "token") return `("${name}" IS NULL) = ${value === null}`;
    values.push(value === null ? null : String(value));
    return `"${name}" IS NOT DISTINCT FROM $${values.length}::text::${sqlType}`;
  });
  return conditions.join(" AND ");
}

async function readEndings(
  stack: Stack,
  sent: ReadonlyMap<string, HostileBody>,
): Promise<Map<string, Ending[]>> {
  const { table } = stack.contract;
  const open = await openBatches(stack);
  const endings = new Map<string, Ending[]>();
  const add = (id: string, ending: Ending): unknown =>
    endings.set(id, [...(endings.get(id) ?? []), ending]);

  for (const [id, body] of sent) {
    const values: unknown[] = [id];
    const rows = await stack.query<SealedRow>(
      `SELECT message_id, record_id, sealed, seed
         FROM ${table}
         JOIN maskline.vault USING (record_id, create_date)
         JOIN maskline.seed USING (record_id, create_date)
        WHERE message_id = $1 AND ${conditionOf(stack.contract, body, values)}`,
      values,
    );
    for (const { record_id, sealed, seed } of rows) {
      const opened = open(sealed).unseal({ table, recordId: record_id }, sealed, seed);
      add(id, { row: "as expected", sealed: opened });
    }
  }
  const quarantined = await stack.query<SealedRow & { readonly reason: string }>(
    `SELECT message_id, record_id, reason, sealed, seed
       FROM maskline.quarantine JOIN maskline.seed USING (record_id, create_date)`,
  );
  for (const { message_id, record_id, reason, sealed, seed } of quarantined) {
    const at = { table: "quarantine", recordId: record_id };
    const body = Buffer.from(open(sealed).unsealBytes(at, sealed, seed)).toString();
    add(message_id, { quarantined: { reason, body } });
  }
  return endings;
}

async function openBatches(stack: Stack): Promise<(sealed: Uint8Array) => BatchOpener> {
  const keyring = await loadPrivateKeyring(stack.privateKeyringPath, { env: {} });
  const unsealer = createUnsealer(keyring, { tenant: "default" });
  const keys = await stack.query<{ id: string; recipient: string; sealed: Buffer }>(
    "SELECT id, recipient, sealed FROM maskline.batch_key",
  );
  const openers = new Map<string, BatchOpener>();
  for (const { id, recipient, sealed } of keys) {
    openers.set(id, await unsealer.openBatchKey(id, recipient, sealed));
  }
  return (sealed) => {
    const opener = openers.get(batchKeyIdOf(sealed));
    if (!opener) throw new Error("A record names a batch key that was not written.");
    return opener;
  };
}

function unwrapVariable({ unwrap }: HostileBody): string {
  return [...(unwrap?.snsTopicArns ?? []), ...(unwrap?.eventBridgeSources ?? [])].join(",");
}

/** What SQS refuses, and what only fauxqs (before 2.9.1) refuses: characters beyond the basic plane. */
function needsHostileServer({ body, refusedBySqs }: HostileBody): boolean {
  return refusedBySqs === true || /[\u{10000}-\u{10ffff}]/u.test(body);
}

describe.each(deployed)("hostile bodies of $name", (each) => {
  const bodies = hostileBodies(each.contract);
  const ordinary = bodies.filter((body) => !needsHostileServer(body));
  const hostile = bodies.filter(needsHostileServer);
  test.each([
    { name: "as they come", sent: ordinary.filter(({ unwrap }) => !unwrap) },
    { name: "with envelopes unwrapped", sent: ordinary.filter(({ unwrap }) => unwrap) },
    { name: "from a queue that takes anything", sent: hostile.filter(({ unwrap }) => !unwrap) },
    { name: "from such a queue, unwrapped", sent: hostile.filter(({ unwrap }) => unwrap) },
  ])(
    "$name: each ends as its row or its quarantine record, and opens as it was sent",
    async ({ sent }) => {
      await using server = await startHostileQueueServer();
      const endpoint = sent.some(needsHostileServer) ? server.endpoint : inject("queueEndpoint");
      await using stack = await openStack({ served: each, endpoint });
      const byId = new Map<string, HostileBody>();
      for (const body of sent) {
        const [id = ""] = await stack.queue.send(stack.queueUrl, [body]);
        byId.set(id, body);
      }

      const MASKLINE_UNWRAP = sent.map(unwrapVariable)[0] ?? "";
      await drain({ ...stack.env, MASKLINE_UNWRAP });

      expect(await readEndings(stack, byId)).toEqual(
        new Map([...byId].map(([id, body]) => [id, [expectedEnding(each.contract, body)]])),
      );
      expect(await stack.query("SELECT count(*)::int FROM maskline.ledger")).toEqual([
        { count: sent.length },
      ]);
      expect(await stack.queue.depth(stack.deadLetterUrl)).toMatchObject({
        visible: 0,
        inFlight: 0,
      });
    },
  );
});
