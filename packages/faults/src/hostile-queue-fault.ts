/** The catalogue of what can be done to a request of the hostile queue server. */

/** What is done to one request. Positions count the entries of a batch, or the messages handed out. */
export type Fault =
  /** Refuses the request: throttling, a missing permission, a fault of SQS's own. */
  | { readonly kind: "error"; readonly code: string; readonly status?: number }
  /** Answers as a gateway in between would, with a page that is no JSON. */
  | { readonly kind: "page"; readonly status: number }
  /** Refuses these entries and carries out the others. */
  | {
      readonly kind: "partial";
      readonly positions: readonly number[];
      readonly code: string;
      readonly senderFault: boolean;
    }
  /** Carries the request out, and names these entries neither as done nor as failed. */
  | { readonly kind: "unanswered"; readonly positions: readonly number[] }
  /** Drops the connection and does nothing. */
  | { readonly kind: "dropped" }
  /** Carries the request out, then drops the connection. */
  | { readonly kind: "lost_reply" }
  /** Carries the request out, and sends only the first bytes of the answer. */
  | { readonly kind: "truncated"; readonly bytes: number }
  /** Carries the request out, sends the first bytes of the answer, and then nothing more. */
  | { readonly kind: "stalled"; readonly bytes: number }
  /** Never answers and does nothing: a black hole. */
  | { readonly kind: "silent" }
  /** Waits, then carries the request out. */
  | { readonly kind: "delayed"; readonly ms: number }
  /** Hands out these messages with a body that does not match its MD5. */
  | { readonly kind: "damaged"; readonly positions: readonly number[] }
  /** Carries the request out, and sends what this makes of the answer. */
  | { readonly kind: "altered"; readonly alter: (answer: unknown) => unknown }
  /** Hands messages out and leaves them visible, so that the next receive brings them as well. */
  | { readonly kind: "doubled" }
  /** Says that it deleted, and delivers the messages again. */
  | { readonly kind: "undeleted" };
