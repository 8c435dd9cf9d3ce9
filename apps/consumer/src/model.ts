/** The data that moves: an Envelope is held under a lease, becomes an Item, and ends in an Outcome. */
import type { QuarantineRow, Row } from "@org/db/writer";
import type { Envelope, Receipt } from "@org/sqs";

/** A message in hand, and its receipt: the newest handle that SQS gave for it. */
export interface Held extends Receipt {
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
  | { readonly held: Held; readonly kind: "row"; readonly row: Row }
  | { readonly held: Held; readonly kind: "quarantine"; readonly row: QuarantineRow };

/** What became of a batch: `durable` may be deleted, `released` goes back to the queue. */
export interface Outcome {
  readonly durable: readonly Held[];
  readonly released: readonly Held[];
}
