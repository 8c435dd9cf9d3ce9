/** The login message and what becomes of each of its fields. */

/** One login, under its producer's names. `ip` and `device_id` are plaintext: mask before storing. */
export interface Login {
  readonly user_id: string;
  readonly device_type: string;
  readonly ip: string;
  readonly device_id: string;
  readonly locale: string | null;
  /** As sent, lossless; see `majorVersion` for the number. */
  readonly app_version: string | null;
}

/** `plain` is stored as sent. `masked` is stored only as a token, made after normalising by `norm`. */
export type FieldPolicy =
  | { readonly kind: "plain" }
  | { readonly kind: "masked"; readonly norm: "ip/1" | "exact/1" };

/** What becomes of each field. */
export const fieldPolicy = {
  user_id: { kind: "plain" },
  device_type: { kind: "plain" },
  ip: { kind: "masked", norm: "ip/1" },
  device_id: { kind: "masked", norm: "exact/1" },
  locale: { kind: "plain" },
  app_version: { kind: "plain" },
} as const;

// A field of Login without a policy does not compile.
fieldPolicy satisfies Record<keyof Login, FieldPolicy>;

/** The fields whose plaintext must not be stored. */
export type MaskedField = {
  [F in keyof Login]: (typeof fieldPolicy)[F] extends { readonly kind: "masked" } ? F : never;
}[keyof Login];
