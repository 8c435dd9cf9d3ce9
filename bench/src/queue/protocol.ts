/** What the bench and its queue server say to each other, beside SQS itself. */
import type { Counts, StoreSettings } from "@org/faults/message-store";

export type Command =
  | { readonly kind: "create"; readonly name: string; readonly settings: StoreSettings }
  | {
      readonly kind: "send";
      readonly name: string;
      readonly bodies: readonly string[];
      readonly count: number;
    }
  | { readonly kind: "count"; readonly name: string };

export type Report =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "created" }
  | { readonly kind: "sent"; readonly atNs: string }
  | { readonly kind: "counted"; readonly counts: Counts }
  /** Nothing is left in this queue, neither visible nor in flight. */
  | { readonly kind: "drained"; readonly name: string; readonly atNs: string };
