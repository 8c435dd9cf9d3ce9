/** What a body turns out to be, and the codes that say so. */

/**
 * Why a body is refused before its fields are looked at. Codes only: a reason never carries a
 * value, a key or an error message of the body. Consumers use them as metric labels, so the list is
 * closed: see `Contract.reasons`, which adds those of the contract's own.
 */
export const bodyReasons = [
  // The body as text.
  "body_too_large",
  "not_json",
  "too_deep",
  "too_many_keys",
  "duplicate_key",
  "forbidden_key",
  "nul_character",
  "lone_surrogate",
  // The body as something other than a message.
  "not_an_object",
  "ambiguous_path",
  "sns_envelope_refused",
  "sns_confirmation",
  "event_bridge_envelope_refused",
  "s3_test_event",
  "payload_in_s3",
] as const;

export type BodyReason = (typeof bodyReasons)[number];

/** A body's outcome. `droppedFields` counts the flattened fields that the contract does not name. */
export type Parsed<Message> = ParsedMessage<Message> | Rejection;

export interface ParsedMessage<Message> {
  readonly kind: "message";
  readonly message: Message;
  /** Forms that are taken, but worth counting: a sudden rise means that a producer changed. */
  readonly oddities: readonly string[];
  readonly droppedFields: number;
}

export interface Rejection {
  readonly kind: "rejection";
  readonly reason: string;
}
