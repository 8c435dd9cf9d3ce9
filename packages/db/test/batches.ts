/** Batches as the consumer would hand them over: bytes that look sealed, tokens that look keyed. */

import { randomBytes, randomUUID } from "node:crypto";
import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import type { BatchKeyRow, LoginRow, QuarantineRow, WriteBatch } from "@org/db";
import { v7 } from "uuid";

/** 2026-03-31T23:59:59.999Z: the last millisecond of a month. */
export const lastOfMarchMs: number = Date.UTC(2026, 3, 1) - 1;

const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const token = (): Token => `mk1.k1.${randomBytes(32).toString("base64url")}` as Token;

export function createLogin(change: Partial<LoginRow> = {}): LoginRow {
  return {
    messageId: randomUUID(),
    recordId: v7(),
    sentAtMs: Date.now(),
    userId: randomUUID(),
    deviceType: "android",
    maskedIp: token(),
    maskedDeviceId: token(),
    locale: "RU",
    appVersion: 2,
    appVersionText: "2.3.0",
    vault: { sealed: bytes(180) as Sealed, seed: bytes(32) as Seed },
    ...change,
  };
}

export function createQuarantined(change: Partial<QuarantineRow> = {}): QuarantineRow {
  return {
    messageId: randomUUID(),
    recordId: v7(),
    sentAtMs: Date.now(),
    reason: "not_an_object",
    sqlState: null,
    sealed: bytes(300) as Sealed,
    seed: bytes(32) as Seed,
    ...change,
  };
}

export function createBatchKey(): BatchKeyRow {
  return { id: randomUUID(), recipient: "r1", sealed: bytes(145) as SealedBatchKey };
}

export function createBatch(change: Partial<WriteBatch> = {}): WriteBatch {
  return { logins: [], quarantined: [], batchKeys: [createBatchKey()], ...change };
}
