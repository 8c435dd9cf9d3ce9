/** Batches as the consumer would hand them over: bytes that look sealed, tokens that look keyed. */

import { randomBytes, randomUUID } from "node:crypto";
import type { BatchKeyRow, QuarantineRow, Row, WriteBatch } from "@org/db";
import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import { type AnyContract, createParser, createToRow, sampleMessages } from "@org/schema";
import { v7 } from "uuid";

/** 2026-03-31T23:59:59.999Z: the last millisecond of a month. */
export const lastOfMarchMs: number = Date.UTC(2026, 3, 1) - 1;

const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

export const createToken = (kid = "k1"): Token =>
  `mk1.${kid}.${randomBytes(32).toString("base64url")}` as Token;

export function createSealed(): NonNullable<Row["vault"]> {
  return { sealed: bytes(180) as Sealed, seed: bytes(32) as Seed };
}

/** Makes rows of a contract, each of another sample message. */
export function createRows(contract: AnyContract): (change?: Partial<Row>) => Row {
  const parse = createParser(contract);
  const toRow = createToRow(contract, { tokenize: () => createToken() });
  const messages = sampleMessages(contract, { count: 200, seed: 1 }).flatMap(({ body }) => {
    const parsed = parse(body);
    return parsed.kind === "message" ? [parsed.message] : [];
  });
  let made = 0;
  return (change = {}) => {
    const message = messages[made++ % messages.length];
    if (message === undefined) throw new Error("There is no sample message.");
    const recordId = v7();
    const { columns } = toRow(message, { recordId, sealer: null });
    const place = { messageId: randomUUID(), recordId, sentAtMs: Date.now() };
    return { ...place, columns, vault: createSealed(), ...change };
  };
}

export function createQuarantined(change: Partial<QuarantineRow> = {}): QuarantineRow {
  return {
    messageId: randomUUID(),
    recordId: v7(),
    sentAtMs: Date.now(),
    reason: "not_an_object",
    sqlState: null,
    subjectTag: null,
    sealed: bytes(300) as Sealed,
    seed: bytes(32) as Seed,
    ...change,
  };
}

export function createBatchKey(): BatchKeyRow {
  return { id: randomUUID(), recipient: "r1", sealed: bytes(145) as SealedBatchKey };
}

export function createBatch(change: Partial<WriteBatch> = {}): WriteBatch {
  return { rows: [], quarantined: [], batchKeys: [createBatchKey()], ...change };
}
