/** What one write takes: the outcome of a batch of messages. */

import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import type { AnyContract, RowOf } from "@org/schema";

/** A message that becomes a row. */
export interface Row<C extends AnyContract = AnyContract> {
  /** As the queue gave it. */
  readonly messageId: string;
  /** A UUIDv7 of the caller's making; the same at every attempt. */
  readonly recordId: string;
  /** SQS's SentTimestamp. Its UTC date is the row's `create_date`. */
  readonly sentAtMs: number;
  /** Its values by column. */
  readonly columns: RowOf<C>;
  /** Null where the vault is off. */
  readonly vault: { readonly sealed: Sealed; readonly seed: Seed } | null;
}

/** A message that cannot become a row; `sealed` is its body. */
export interface QuarantineRow {
  readonly messageId: string;
  readonly recordId: string;
  readonly sentAtMs: number;
  readonly reason: string;
  /** What PostgreSQL said of the row, if it was PostgreSQL that refused it. */
  readonly sqlState: string | null;
  /** Whose it is, where the body says so. */
  readonly subjectTag: Token | null;
  readonly sealed: Sealed;
  readonly seed: Seed;
}

/** The key that sealed the batch, for one recipient. */
export interface BatchKeyRow {
  readonly id: string;
  readonly recipient: string;
  readonly sealed: SealedBatchKey;
}

export interface WriteBatch<C extends AnyContract = AnyContract> {
  readonly rows: readonly Row<C>[];
  readonly quarantined: readonly QuarantineRow[];
  readonly batchKeys: readonly BatchKeyRow[];
}
