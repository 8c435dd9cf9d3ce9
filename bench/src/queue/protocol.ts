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
  /** Whenever fewer than so many wait, all of these bodies are sent once more; none waits: no more are. */
  | {
      readonly kind: "keep";
      readonly name: string;
      readonly bodies: readonly string[];
      readonly waiting: number;
    }
  | { readonly kind: "count"; readonly name: string };

export type Report =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "created" }
  | { readonly kind: "sent"; readonly atNs: string }
  | { readonly kind: "kept" }
  | { readonly kind: "counted"; readonly counts: Counts; readonly atNs: string }
  /** Nothing is left in this queue, neither visible nor in flight. */
  | { readonly kind: "drained"; readonly name: string; readonly atNs: string };
