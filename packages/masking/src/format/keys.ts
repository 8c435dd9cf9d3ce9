/** Keys as the operations use them, and what each state lets a key do. */

import type { KeyObject } from "node:crypto";

export const tokenKeyStates = ["pending", "primary", "match_only", "disabled"] as const;
export const recipientStates = ["pending", "primary", "decrypt_only", "disabled"] as const;

/**
 * What a token key may do. `primary` makes new tokens; `pending`, `primary` and `match_only` make
 * candidates for matching; `disabled` does nothing, and its key material is not even looked up.
 */
export type TokenKeyState = (typeof tokenKeyStates)[number];

/**
 * What a recipient may do. New batch keys are sealed to each `primary`; `pending`, `primary` and
 * `decrypt_only` open; `pending` and `primary` take a rewrapped key; `disabled` does nothing.
 */
export type RecipientState = (typeof recipientStates)[number];

type Disabled = { readonly kid: string; readonly state: "disabled" };

/** A key that its state lets something be done with. */
export type Usable<Key extends { readonly state: string }> = Exclude<
  Key,
  { readonly state: "disabled" }
>;

/** A root key that field keys are derived from. */
export type TokenKey =
  | {
      readonly kid: string;
      readonly state: Exclude<TokenKeyState, "disabled">;
      readonly secret: KeyObject;
    }
  | Disabled;

/** Somebody to whom batch keys are sealed: a P-256 public key. */
export type Recipient =
  | {
      readonly kid: string;
      readonly state: Exclude<RecipientState, "disabled">;
      /** 65 bytes, uncompressed (SEC 1 section 2.3.3). */
      readonly publicKey: Uint8Array;
    }
  | Disabled;

/** The keys of a service that masks and seals. It cannot open what it seals. */
export interface Keyring {
  readonly tokenKeys: readonly TokenKey[];
  readonly recipients: readonly Recipient[];
}

/**
 * Diffie-Hellman with a recipient's private key: takes a public key (65 bytes), resolves to the
 * 32-byte x coordinate, which is zeroed after use. The one thing asked of a private key, so that it
 * can stay in a KMS.
 */
export type DeriveSharedSecret = (publicKey: Uint8Array) => Promise<Uint8Array>;

/** A recipient whose private key is at hand. */
export type PrivateRecipient =
  | {
      readonly kid: string;
      readonly state: Exclude<RecipientState, "disabled">;
      readonly publicKey: Uint8Array;
      readonly deriveSharedSecret: DeriveSharedSecret;
    }
  | Disabled;

/** The keys of whoever may open the vault. Keep it away from the services that seal. */
export interface PrivateKeyring {
  readonly recipients: readonly PrivateRecipient[];
}
