/** Keys and names that the vectors share. */

import { createECDH, createHash } from "node:crypto";
import type { MaskingErrorCode } from "../../src/errors.ts";
import type { KeyringJson, PrivateKeyringJson } from "../../src/format/keyring.ts";
import type { RecordPlace } from "../../src/format/vault.ts";

export const inputInvalid: MaskingErrorCode = "ERR_MASKING_INPUT_INVALID";
export const keyInvalid: MaskingErrorCode = "ERR_MASKING_KEY_INVALID";
export const keyUnknown: MaskingErrorCode = "ERR_MASKING_KEY_UNKNOWN";
export const unsealFailed: MaskingErrorCode = "ERR_MASKING_UNSEAL_FAILED";

export const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Bytes that are random enough for a vector and the same at every run. */
export function fixedBytes(name: string, length: 32 | 64): Uint8Array {
  const hash = createHash(length === 32 ? "sha256" : "sha512");
  return hash.update(`@org/masking vector: ${name}`).digest();
}

interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly privateKey: Uint8Array;
}

function keyPair(name: string): KeyPair {
  const pair = createECDH("prime256v1");
  const privateKey = fixedBytes(name, 32);
  pair.setPrivateKey(privateKey);
  return { publicKey: pair.getPublicKey(), privateKey };
}

export const inlineKey = (name: string): string => base64url(fixedBytes(name, 32));
export const recipient: KeyPair = keyPair("recipient r1");
const retired: KeyPair = keyPair("recipient r0");
export const stranger: KeyPair = keyPair("recipient r9");

export const keyring: KeyringJson = {
  format: "mk1/keyring",
  token_keys: [
    { kid: "t2", state: "primary", key: inlineKey("token key t2") },
    { kid: "t1", state: "match_only", key: inlineKey("token key t1") },
    { kid: "t3", state: "pending", key: inlineKey("token key t3") },
    { kid: "t0", state: "disabled", key: inlineKey("token key t0") },
  ],
  recipients: [
    { kid: "r1", state: "primary", public_key: base64url(recipient.publicKey) },
    { kid: "r0", state: "disabled", public_key: base64url(retired.publicKey) },
  ],
};

export const privateKeyring: PrivateKeyringJson = {
  format: "mk1/private-keyring",
  recipients: [
    {
      kid: "r1",
      state: "primary",
      public_key: base64url(recipient.publicKey),
      private_key: base64url(recipient.privateKey),
    },
    {
      kid: "r9",
      state: "decrypt_only",
      public_key: base64url(stranger.publicKey),
      private_key: base64url(stranger.privateKey),
    },
    {
      kid: "r0",
      state: "disabled",
      public_key: base64url(retired.publicKey),
      private_key: base64url(retired.privateKey),
    },
  ],
};

export const tenant = "acme";
export const batchKeyId = "6f0f9c6e-2d0b-4f0e-9b52-0d6a3c1e7f11";
export const otherBatchKeyId = "6f0f9c6e-2d0b-4f0e-9b52-0d6a3c1e7f12";
export const place: RecordPlace = {
  table: "user_logins",
  recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d",
};

/** The other long form of a point, which many libraries take: 06 or 07 by the last bit of y (X9.62). */
export function hybrid(point: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(point);
  copy[0] = 6 + ((point[64] ?? 0) & 1);
  return copy;
}

export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
