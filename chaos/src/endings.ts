/** What became of each message, read from the database and the queues, held against what was sent. */
import { createTokenizer } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { batchKeyIdOf, createUnsealer } from "@org/masking/unseal";
import type { BatchOpener } from "@org/masking/unseal";

import {
  areOriginalsOf,
  areTokensOf,
  findWrongValues,
  type StoredTokens,
  tokensOf,
} from "./expected-rows.ts";
import { findOrphans } from "./orphans.ts";
import type { SentMessage } from "./producer.ts";
import type { QueueServer } from "./queue-servers.ts";
import type { Stage } from "./stage.ts";

export interface Endings {
  readonly messages: number;
  readonly rows: number;
  readonly quarantined: number;
  /** Without a row or a quarantine record, and rightly so. */
  readonly deadLettered: number;
  /** Also what is dead-lettered and should have been written. */
  readonly lost: number;
  readonly doubled: number;
  /** What else is not as it must be, as sentences without a value. */
  readonly violations: readonly string[];
}

interface StoredRow extends StoredTokens {
  readonly record_id: string;
  /** Whether `create_date` is the UTC date of `sent_at`. */
  readonly dated_right: boolean;
  readonly sent_at_ms: number;
  readonly sealed: Buffer | null;
  readonly seed: Buffer | null;
}

interface StoredQuarantine {
  readonly message_id: string;
  readonly record_id: string;
  readonly sealed: Buffer;
  readonly seed: Buffer | null;
}

const tenant = "default";

/** What is read, and what has to be in it. */
export interface Readable extends Pick<
  Stage,
  "contract" | "query" | "keyrings" | "deadLetterUrl" | "erased"
> {
  readonly server: Pick<QueueServer, "messageIds">;
}

export async function readEndings(
  stage: Readable,
  sent: readonly SentMessage[],
  { fifo, vault }: { fifo: boolean; vault: boolean },
): Promise<Endings> {
  const ids = sent.map(({ messageId }) => messageId);
  const rows = await stage.query<StoredRow>(
    `SELECT message_id, record_id, ${tokensOf(stage.contract)} AS tokens, sealed, seed,
            create_date = (sent_at AT TIME ZONE 'UTC')::date AS dated_right,
            (extract(epoch FROM sent_at) * 1000)::float8 AS sent_at_ms
       FROM ${stage.contract.table} AS t
       LEFT JOIN maskline.vault USING (record_id, create_date)
       LEFT JOIN maskline.seed USING (record_id, create_date)
      WHERE message_id = ANY($1::uuid[])`,
    [ids],
  );
  const quarantined = await stage.query<StoredQuarantine>(
    `SELECT message_id, record_id, sealed, seed
       FROM maskline.quarantine LEFT JOIN maskline.seed USING (record_id, create_date)
      WHERE message_id = ANY($1::uuid[])`,
    [ids],
  );
  const deadLetters = new Set(await stage.server.messageIds(stage.deadLetterUrl));
  const decided = [...rows, ...quarantined].map(({ message_id }) => message_id);
  const { deadLettered, lost, doubled } = countEndings(sent, {
    decided,
    deadLetters,
    fifo,
    vault,
  });

  const violations = new Violations();
  await checkRows(stage, { sent, rows, vault }, violations);
  await checkQuarantine(stage, { sent, quarantined }, violations);
  if (fifo) await checkOrder(stage, sent, violations);
  return {
    messages: sent.length,
    rows: rows.length,
    quarantined: quarantined.length,
    deadLettered,
    lost,
    doubled,
    violations: violations.sentences(),
  };
}

/**
 * A vault has a place for every message. Without one the redrive policy takes what is rejected, and
 * on a FIFO queue what stands behind it in its group.
 */
function mayEndDeadLettered(
  { due }: Pick<SentMessage, "due">,
  { fifo, vault }: { fifo: boolean; vault: boolean },
): boolean {
  return !vault && (fifo || due === "quarantine");
}

/** A message in the dead-letter queue that should have been written is as lost as one that is nowhere. */
export function countEndings(
  sent: readonly Pick<SentMessage, "messageId" | "due">[],
  found: {
    /** An id for each row and each quarantine record. */
    readonly decided: readonly string[];
    readonly deadLetters: ReadonlySet<string>;
    readonly fifo: boolean;
    readonly vault: boolean;
  },
): Pick<Endings, "deadLettered" | "lost" | "doubled"> {
  const outcomes = Map.groupBy(found.decided, (messageId) => messageId);
  const undecided = sent.filter(({ messageId }) => !outcomes.has(messageId));
  const deadLettered = undecided.filter(
    (message) => found.deadLetters.has(message.messageId) && mayEndDeadLettered(message, found),
  ).length;
  return {
    deadLettered,
    lost: undecided.length - deadLettered,
    doubled: [...outcomes.values()].filter(({ length }) => length > 1).length,
  };
}

/** Counts alike violations, so that one fault makes one sentence. */
class Violations {
  readonly #counts = new Map<string, number>();

  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.#counts.set(otherwise, (this.#counts.get(otherwise) ?? 0) + 1);
  }

  sentences(): string[] {
    return [...this.#counts].map(([sentence, count]) => `${count} × ${sentence}`);
  }
}

async function checkRows(
  stage: Readable,
  {
    sent,
    rows,
    vault,
  }: { sent: readonly SentMessage[]; rows: readonly StoredRow[]; vault: boolean },
  violations: Violations,
): Promise<void> {
  const byId = new Map(sent.map((each) => [each.messageId, each]));
  const { contract } = stage;
  const keyring = await loadKeyring(stage.keyrings.path, { env: {} });
  const tokenizer = createTokenizer(keyring, { tenant, fields: contract.tokenFields });
  const messages = new Map(
    sent.flatMap(({ messageId, message }) => (message ? [[messageId, message] as const] : [])),
  );
  const wrong = await findWrongValues(stage.query, contract, { messages, tokenizer });
  const open = await openVault(stage, rows);
  for (const row of rows) {
    const { due, message, sentAfterMs, sentBeforeMs } = byId.get(row.message_id) ?? {};
    if (due === undefined) continue;
    violations.expect(due === "row", "a message that must be refused has a row");
    violations.expect(row.dated_right, "create_date is not the UTC date of sent_at");
    violations.expect(
      row.sent_at_ms >= (sentAfterMs ?? 0) && row.sent_at_ms <= (sentBeforeMs ?? 0),
      "sent_at is not when the message was sent",
    );
    if (!message) continue;
    const { tokens, sealed, seed } = row;
    violations.expect(!wrong.has(row.message_id), "a row does not hold what was sent");
    if (stage.erased.has(row.message_id)) {
      violations.expect(
        sealed === null && seed === null && Object.values(tokens).every(isErased),
        "something of an erased row is there again",
      );
      continue;
    }
    violations.expect(
      areTokensOf(contract, tokenizer, { message, tokens }),
      "a masked value is not the token of what was sent",
    );
    violations.expect(
      vault ? sealed !== null && seed !== null : sealed === null && seed === null,
      vault ? "a row has no sealed record or no seed" : "a row has a sealed record without a vault",
    );
    if (!sealed || !seed) continue;
    const at = { table: contract.table, recordId: row.record_id };
    const originals = attempt(() => open(sealed).unseal(at, sealed, seed));
    violations.expect(
      areOriginalsOf(contract, message, originals),
      "a sealed record does not open to what was sent",
    );
  }
}

async function checkQuarantine(
  stage: Readable,
  { sent, quarantined }: { sent: readonly SentMessage[]; quarantined: readonly StoredQuarantine[] },
  violations: Violations,
): Promise<void> {
  const byId = new Map(sent.map((message) => [message.messageId, message]));
  const open = await openVault(stage, quarantined);
  for (const { message_id, record_id, sealed, seed } of quarantined) {
    const message = byId.get(message_id);
    violations.expect(message?.due === "quarantine", "a good message is in quarantine");
    const at = { table: "quarantine", recordId: record_id };
    const body = seed && attempt(() => open(sealed).unsealBytes(at, sealed, seed));
    violations.expect(
      body !== null && Buffer.from(body).toString() === message?.body,
      "a quarantined body does not open to what was sent",
    );
  }
}

/** By the commit time that PostgreSQL keeps of the transaction which decided each message. */
async function checkOrder(
  stage: Readable,
  sent: readonly SentMessage[],
  violations: Violations,
): Promise<void> {
  const decided = await stage.query<{ message_id: string; committed_us: string }>(
    `SELECT message_id,
            (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint::text AS committed_us
       FROM maskline.ledger WHERE message_id = ANY($1::uuid[])`,
    [sent.map(({ messageId }) => messageId)],
  );
  const times = new Map(decided.map((entry) => [entry.message_id, Number(entry.committed_us)]));
  for (const group of Map.groupBy(sent, ({ groupId }) => groupId).values()) {
    const inOrder = group.flatMap(({ messageId }) => times.get(messageId) ?? []);
    for (const [at, time] of inOrder.entries()) {
      const before = inOrder[at - 1] ?? 0;
      violations.expect(before <= time, "a message committed before an earlier one of its group");
    }
  }
}

/** Opens sealed records with the private keyring, as whoever recovers does. */
async function openVault(
  stage: Readable,
  records: readonly { readonly sealed: Uint8Array | null }[],
): Promise<(sealed: Uint8Array) => BatchOpener> {
  const keyring = await loadPrivateKeyring(stage.keyrings.privatePath, { env: {} });
  const unsealer = createUnsealer(keyring, { tenant });
  const ids = new Set(records.flatMap(({ sealed }) => (sealed ? [batchKeyIdOf(sealed)] : [])));
  const keys = await stage.query<{ id: string; recipient: string; sealed: Buffer }>(
    "SELECT id, recipient, sealed FROM maskline.batch_key WHERE id = ANY($1::uuid[])",
    [[...ids]],
  );
  const openers = new Map<string, BatchOpener>();
  for (const { id, recipient, sealed } of keys) {
    openers.set(id, await unsealer.openBatchKey(id, recipient, sealed));
  }
  return (sealed) => {
    const opener = openers.get(batchKeyIdOf(sealed));
    if (!opener) throw new Error("There is no batch key for this record.");
    return opener;
  };
}

function attempt<T>(open: () => T): T | null {
  try {
    return open();
  } catch {
    return null;
  }
}

function isErased(token: string | null): boolean {
  return token === null || token === "erased";
}

/** What must hold for the whole database, whoever sent what. */
export async function checkDatabase(
  stage: Pick<Readable, "contract" | "query">,
  sentIds: ReadonlySet<string>,
): Promise<readonly string[]> {
  const violations = new Violations();
  const decided = await stage.query<{ message_id: string }>(
    "SELECT message_id FROM maskline.ledger",
  );
  for (const { message_id } of decided) {
    violations.expect(sentIds.has(message_id), "the ledger has a message that nobody sent");
  }
  return [...violations.sentences(), ...(await findOrphans(stage.query, stage.contract))];
}
