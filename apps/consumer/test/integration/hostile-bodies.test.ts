import { loadPrivateKeyring } from "@org/masking/keyring";
import { batchKeyIdOf, createUnsealer } from "@org/masking/unseal";
import type { BatchOpener } from "@org/masking/unseal";
import { hostileBodies } from "@org/schema/hostile-bodies";
import type { HostileBody } from "@org/schema/hostile-bodies";
import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { expect, inject, test } from "vitest";

import { drain, openStack } from "./stack.ts";
import type { Stack } from "./stack.ts";

/** Where one message must end, and everything that must be found there. */
type Ending = { readonly row: object } | { readonly quarantined: object };

function expectedEnding({ body, expected }: HostileBody): Ending {
  if (expected.kind === "rejection") {
    // Sealed as UTF-8, which has no lone surrogates.
    return { quarantined: { reason: expected.reason, body: body.toWellFormed() } };
  }
  const { app_version, ...login } = expected.login;
  return { row: { ...login, app_version: expected.major, app_version_text: app_version } };
}

interface SealedRow {
  readonly message_id: string;
  readonly record_id: string;
  readonly sealed: Buffer;
  readonly seed: Buffer;
}

async function readEndings(stack: Stack): Promise<Map<string, Ending[]>> {
  const open = await openBatches(stack);
  const endings = new Map<string, Ending[]>();
  const add = (id: string, ending: Ending): unknown =>
    endings.set(id, [...(endings.get(id) ?? []), ending]);

  const rows = await stack.query<SealedRow>(
    `SELECT message_id, record_id, user_id, device_type, locale, app_version, app_version_text,
            sealed, seed
       FROM user_logins
       JOIN maskline.vault USING (record_id, create_date)
       JOIN maskline.seed USING (record_id, create_date)`,
  );
  for (const { message_id, record_id, sealed, seed, ...columns } of rows) {
    const at = { table: "user_logins", recordId: record_id };
    add(message_id, { row: { ...columns, ...open(sealed).unseal(at, sealed, seed) } });
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

const ordinary = hostileBodies.filter((body) => !needsHostileServer(body));
const batches = [
  { name: "as they come", bodies: ordinary.filter(({ unwrap }) => !unwrap) },
  { name: "with envelopes unwrapped", bodies: ordinary.filter(({ unwrap }) => unwrap) },
  { name: "from a queue that takes anything", bodies: hostileBodies.filter(needsHostileServer) },
];

test.each(batches)(
  "hostile bodies $name: each ends as its row or its quarantine record, and opens as it was sent",
  async ({ bodies }) => {
    await using hostile = await startHostileQueueServer();
    const endpoint = bodies.some(needsHostileServer) ? hostile.endpoint : inject("queueEndpoint");
    await using stack = await openStack({ endpoint });
    const expected = new Map<string, Ending[]>();
    for (const hostileBody of bodies) {
      const [id = ""] = await stack.queue.send(stack.queueUrl, [hostileBody]);
      expected.set(id, [expectedEnding(hostileBody)]);
    }

    const MASKLINE_UNWRAP = bodies.map(unwrapVariable)[0] ?? "";
    await drain({ ...stack.env, MASKLINE_UNWRAP });

    expect(await readEndings(stack)).toEqual(expected);
    expect(await stack.query("SELECT count(*)::int FROM maskline.ledger")).toEqual([
      { count: bodies.length },
    ]);
    expect(await stack.queue.depth(stack.deadLetterUrl)).toMatchObject({ visible: 0, inFlight: 0 });
  },
);
