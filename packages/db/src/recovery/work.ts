/** A custodian's long work: erasing, rewrapping, retokenising, and quarantined messages made rows. */

import type { Sealed, SealedBatchKey, SealedKey, Seed, Token } from "@org/masking";
import { DatabaseError } from "../database-error.ts";
import { type Answer, type Call, callOne } from "./call.ts";
import type { Claim, StoredBatchKey } from "./claims.ts";

export interface RetokenRow {
  readonly recordId: string;
  readonly createDate: string;
  readonly maskedIp: string;
  readonly maskedDeviceId: string;
  /** Null where nothing can be opened: written without the vault. */
  readonly vault: {
    readonly sealed: Sealed;
    readonly seed: Seed;
    readonly batchKeyId: string;
  } | null;
}

export interface RetokenedRow {
  readonly recordId: string;
  readonly createDate: string;
  readonly oldSeed: Seed;
  readonly maskedIp: Token;
  readonly maskedDeviceId: Token;
  readonly sealed: Sealed;
  readonly seed: Seed;
}

/** The batch key that new seals were made under. */
export interface FreshBatchKey {
  readonly id: string;
  readonly sealedKeys: readonly SealedKey[];
}

export interface RetriedLogin {
  readonly user_id: string;
  readonly device_type: string;
  readonly masked_ip: Token;
  readonly masked_device_id: Token;
  readonly locale: string | null;
  readonly app_version: number | null;
  readonly app_version_text: string | null;
}

export interface WhatRemains {
  /** The day on which the last backup or archived WAL that holds today's seeds expires. */
  readonly backupsUntil: string;
  readonly backupDays: number;
  readonly quarantined: number;
  readonly newestQuarantinedOn: string | null;
}

export interface KeyUsage {
  readonly kind: "token" | "recipient";
  readonly kid: string;
  readonly uses: number;
}

export interface Work {
  /** Opens the grant's claim under the id `what.claim`, or finds the one that an interrupted run left open. */
  claim(
    grant: string,
    capability: "erase" | "rewrap" | "retoken",
    what: { readonly claim: string; readonly userId?: string | undefined },
  ): Promise<Answer<Claim>>;
  /** A batch may be empty and not the last: rows are looked through a part at a time. */
  eraseNext(
    claim: string,
    options: { readonly userId?: string | undefined; readonly limit: number },
  ): Promise<{ readonly erased: number; readonly seeds: number; readonly isDone: boolean }>;
  whatRemains(): Promise<WhatRemains>;
  rewrapNext(claim: string, after: string, limit: number): Promise<StoredBatchKey[]>;
  rewrapStore(
    claim: string,
    keys: readonly { readonly id: string; readonly sealed: SealedBatchKey }[],
  ): Promise<number>;
  retokenNext(claim: string, after: string, limit: number): Promise<RetokenRow[]>;
  retokenBatchKeys(claim: string, ids: readonly string[]): Promise<StoredBatchKey[]>;
  /** How many changed; a row that was erased meanwhile does not. */
  retokenStore(claim: string, key: FreshBatchKey, rows: readonly RetokenedRow[]): Promise<number>;
  retokenTombstone(
    claim: string,
    rows: readonly { readonly recordId: string; readonly createDate: string }[],
  ): Promise<number>;
  /** Null once the message is a row; the SQLSTATE with which the database refuses it as one. */
  retryStore(
    claim: string,
    recordId: string,
    login: RetriedLogin,
    vault: { readonly key: FreshBatchKey; readonly sealed: Sealed; readonly seed: Seed } | null,
  ): Promise<string | null>;
  keyUsage(): Promise<KeyUsage[]>;
}

export function createWork(call: Call): Work {
  return {
    claim: (grant, capability, { claim, userId }) =>
      callOne(call, "claim_work", grant, capability, userId ?? null, claim),
    eraseNext: (claim, { userId, limit }) =>
      callOne(call, "erase_next", claim, userId ?? null, limit),
    whatRemains: () => callOne(call, "what_remains"),
    rewrapNext: (claim, after, limit) => call<StoredBatchKey>("rewrap_next", claim, after, limit),
    rewrapStore: (claim, keys) =>
      callOne(
        call,
        "rewrap_store",
        claim,
        keys.map((key) => key.id),
        keys.map((key) => key.sealed),
      ),
    async retokenNext(claim, after, limit) {
      const rows = await call<{
        record_id: string;
        create_date: string;
        masked_ip: string;
        masked_device_id: string;
        sealed: Sealed | null;
        seed: Seed | null;
        batch_key_id: string | null;
      }>("retoken_next", claim, after, limit);
      return rows.map(({ sealed, seed, batch_key_id: batchKeyId, ...row }) => ({
        recordId: row.record_id,
        createDate: row.create_date,
        maskedIp: row.masked_ip,
        maskedDeviceId: row.masked_device_id,
        vault: sealed && seed && batchKeyId ? { sealed, seed, batchKeyId } : null,
      }));
    },
    retokenBatchKeys: (claim, ids) => call<StoredBatchKey>("retoken_batch_keys", claim, ids),
    retokenStore: (claim, key, rows) =>
      callOne(
        call,
        "retoken_store",
        claim,
        ...batchKeyValues(key),
        rows.map((row) => row.recordId),
        rows.map((row) => row.createDate),
        rows.map((row) => row.oldSeed),
        rows.map((row) => row.maskedIp),
        rows.map((row) => row.maskedDeviceId),
        rows.map((row) => row.sealed),
        rows.map((row) => row.seed),
      ),
    retokenTombstone: (claim, rows) =>
      callOne(
        call,
        "retoken_tombstone",
        claim,
        rows.map((row) => row.recordId),
        rows.map((row) => row.createDate),
      ),
    async retryStore(claim, recordId, login, vault) {
      try {
        await call(
          "retry_store",
          claim,
          recordId,
          JSON.stringify(login),
          vault?.sealed ?? null,
          vault?.seed ?? null,
          ...(vault === null ? [null, null, null] : batchKeyValues(vault.key)),
        );
        return null;
      } catch (error) {
        if (error instanceof DatabaseError && error.kind === "data") return error.sqlState;
        throw error;
      }
    },
    async keyUsage() {
      const rows = await call<{ kind: KeyUsage["kind"]; kid: string; uses: string }>("key_usage");
      return rows.map(({ kind, kid, uses }) => ({ kind, kid, uses: Number(uses) }));
    },
  };
}

function batchKeyValues({ id, sealedKeys }: FreshBatchKey): unknown[] {
  return [id, sealedKeys.map((key) => key.recipient), sealedKeys.map((key) => key.sealed)];
}
