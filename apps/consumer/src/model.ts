/** The data that moves: an Envelope is held under a lease, becomes an Item, and ends in an Outcome. */
import type { LoginRow, QuarantineRow } from "@org/db/writer";
import type { Envelope } from "@org/sqs";

/** A message in hand. Its receipt handle is the newest one SQS gave for it. */
export interface Held {
  readonly envelope: Envelope;
  receiptHandle: string;
  /** Monotonic time of the receipt that gave this handle. */
  receivedAtMs: number;
  /** Monotonic time at which SQS would show the message to others again. */
  leaseUntilMs: number;
  /** Nothing renews the lease any more: another consumer may hold this message too. */
  leaseLost: boolean;
}

/** What one message brings to a write: its masked row, or its sealed body. */
export type Item =
  | { readonly held: Held; readonly kind: "login"; readonly row: LoginRow }
  | { readonly held: Held; readonly kind: "quarantine"; readonly row: QuarantineRow };

/** What became of a batch: `settled` is durable and may be deleted, `returned` goes back to the queue. */
export interface Outcome {
  readonly settled: readonly Held[];
  readonly returned: readonly Held[];
}
