/** A custodian's long work: erasing, rewrapping, retokenizing, and quarantined messages made rows. */

import type { Sealed, SealedBatchKey, SealedKey, Seed, Token } from "@org/masking";
import { DatabaseError } from "../database-error.ts";
import { type Answer, type Call, callOne } from "./call.ts";
import { type Claim, startFetch, type StoredBatchKey, type Tokens } from "./claims.ts";

export interface WorkRequest {
  readonly grant: string;
  readonly capability: "erase" | "rewrap" | "retoken";
  /** The new claim's id: a UUID that its caller has just generated. */
  readonly claim: string;
  /** The value of the subject whose HMAC the grant keeps. */
  readonly subject?: string | undefined;
}

export interface EraseRequest {
  readonly claim: string;
  readonly subject?: string | undefined;
  readonly limit: number;
}

export interface ErasedBatch {
  readonly erased: number;
  /** Of them, those that had a seed. */
  readonly seeds: number;
  readonly isDone: boolean;
}

export interface ArrivedCount {
  /** So far. */
  readonly arrived: number;
  readonly isDone: boolean;
}

/** Where a page begins: after the last id of the one before, or after the nil UUID. */
export interface Page {
  readonly after: string;
  readonly limit: number;
}

export interface RetokenRow {
  readonly recordId: string;
  readonly createDate: string;
  readonly tokens: Tokens;
  readonly subject: string | null;
  /** Null where nothing can be opened: written without the vault, or erased. */
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
  /** By token field, all under the new key. */
  readonly tokens: Readonly<Record<string, Token>>;
  readonly sealed: Sealed;
  readonly seed: Seed;
}

export interface RewrappedKey {
  readonly id: string;
  readonly sealed: SealedBatchKey;
}

/** The batch key that new seals were made under. */
export interface FreshBatchKey {
  readonly id: string;
  readonly sealedKeys: readonly SealedKey[];
}

export interface RetriedRow {
  readonly recordId: string;
  /** By column, without those of its delivery: what `createToRow` makes. */
  readonly columns: Readonly<Record<string, unknown>>;
  readonly vault: {
    readonly key: FreshBatchKey;
    readonly sealed: Sealed;
    readonly seed: Seed;
  } | null;
}

export interface KeyUsage {
  /** `tag`: of subjects in quarantine. */
  readonly kind: "token" | "tag" | "recipient";
  /** `*` for recipients: batch keys are every contract's. */
  readonly contract: string;
  readonly kid: string;
  readonly uses: number;
}

export interface Work {
  /** Opens the grant's claim, or finds the one that an interrupted run left open. */
  readonly claim: (request: WorkRequest) => Promise<Answer<Claim>>;
  /** Of the records that the grant lists. */
  readonly eraseNext: (request: EraseRequest) => Promise<ErasedBatch>;
  /** Of what the grant's selector means, what came after the request: it is not touched. A page a call. */
  readonly countArrived: (request: Omit<EraseRequest, "limit">) => Promise<ArrivedCount>;
  readonly rewrapNext: (claim: string, page: Page) => Promise<StoredBatchKey[]>;
  readonly rewrapStore: (claim: string, keys: readonly RewrappedKey[]) => Promise<number>;
  readonly retokenNext: (claim: string, page: Page) => Promise<RetokenRow[]>;
  readonly retokenBatchKeys: (claim: string, ids: readonly string[]) => Promise<StoredBatchKey[]>;
  /** How many changed; a row that was erased meanwhile does not. */
  readonly retokenStore: (
    claim: string,
    key: FreshBatchKey,
    rows: readonly RetokenedRow[],
  ) => Promise<number>;
  readonly retokenTombstone: (
    claim: string,
    rows: readonly Pick<RetokenRow, "recordId" | "createDate">[],
  ) => Promise<number>;
  /** Null once the message is a row; the SQLSTATE with which the database refuses it as one. */
  readonly retryStore: (claim: string, row: RetriedRow) => Promise<string | null>;
  readonly keyUsage: () => Promise<KeyUsage[]>;
}

interface StoredRetokenRow {
  readonly record_id: string;
  readonly create_date: string;
  readonly tokens: Tokens;
  readonly subject: string | null;
  readonly sealed: Sealed | null;
  readonly seed: Seed | null;
  readonly batch_key_id: string | null;
}

export function createWork(call: Call): Work {
  const begun = new Set<string>();

  /** Once a claim, not once a page. */
  async function beginFetch(claim: string): Promise<void> {
    if (begun.has(claim)) return;
    await startFetch(call, claim);
    begun.add(claim);
  }

  /** In a transaction of its own: a key that nothing was sealed under in the end opens nothing. */
  async function addBatchKey(claim: string, { id, sealedKeys }: FreshBatchKey): Promise<void> {
    const keys = sealedKeys.map(({ recipient, sealed }) => [recipient, hex(sealed)]);
    await call("add_batch_key", {
      p_claim: claim,
      p_id: id,
      p_keys: JSON.stringify(Object.fromEntries(keys)),
    });
  }

  return {
    claim: ({ grant, capability, claim, subject }) =>
      callOne(call, "claim_work", {
        p_grant: grant,
        p_capability: capability,
        p_subject: subject ?? null,
        p_claim: claim,
      }),
    eraseNext: ({ claim, subject, limit }) =>
      callOne(call, "erase_next", {
        p_claim: claim,
        p_subject: subject ?? null,
        p_limit: limit,
      }),
    countArrived: ({ claim, subject }) =>
      callOne(call, "count_arrived", { p_claim: claim, p_subject: subject ?? null }),
    async rewrapNext(claim, { after, limit }) {
      await beginFetch(claim);
      return call("rewrap_next", { p_claim: claim, p_after: after, p_limit: limit });
    },
    rewrapStore: (claim, keys) =>
      callOne(call, "rewrap_store", {
        p_claim: claim,
        p_keys: JSON.stringify(keys.map(({ id, sealed }) => ({ id, sealed: hex(sealed) }))),
      }),
    async retokenNext(claim, { after, limit }) {
      await beginFetch(claim);
      const rows = await call<StoredRetokenRow>("retoken_next", {
        p_claim: claim,
        p_after: after,
        p_limit: limit,
      });
      return rows.map(({ sealed, seed, batch_key_id: batchKeyId, ...row }) => ({
        recordId: row.record_id,
        createDate: row.create_date,
        tokens: row.tokens,
        subject: row.subject,
        vault: sealed && seed && batchKeyId ? { sealed, seed, batchKeyId } : null,
      }));
    },
    retokenBatchKeys: (claim, ids) =>
      call<StoredBatchKey>("retoken_batch_keys", { p_claim: claim, p_ids: ids }),
    async retokenStore(claim, key, rows) {
      await addBatchKey(claim, key);
      const stored = rows.map((row) => ({
        record_id: row.recordId,
        create_date: row.createDate,
        old_seed: hex(row.oldSeed),
        tokens: row.tokens,
        sealed: hex(row.sealed),
        seed: hex(row.seed),
      }));
      return callOne(call, "retoken_store", { p_claim: claim, p_rows: JSON.stringify(stored) });
    },
    retokenTombstone: (claim, rows) =>
      callOne(call, "retoken_tombstone", {
        p_claim: claim,
        p_rows: JSON.stringify(
          rows.map((row) => ({ record_id: row.recordId, create_date: row.createDate })),
        ),
      }),
    async retryStore(claim, { recordId, columns, vault }) {
      if (vault !== null) await addBatchKey(claim, vault.key);
      try {
        await call("retry_store", {
          p_claim: claim,
          p_record: recordId,
          p_row: JSON.stringify(columns, asText),
          p_sealed: vault?.sealed ?? null,
          p_seed: vault?.seed ?? null,
        });
        return null;
      } catch (error) {
        if (error instanceof DatabaseError && error.kind === "data") return error.sqlState;
        throw error;
      }
    },
    async keyUsage() {
      const rows = await call<Omit<KeyUsage, "uses"> & { readonly uses: string }>("key_usage");
      return rows.map((row) => ({ ...row, uses: Number(row.uses) }));
    },
  };
}

/** Bytes as PostgreSQL reads them from text. */
function hex(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes).toString("hex")}`;
}

/** JSON has no number of 64 bits. */
function asText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
