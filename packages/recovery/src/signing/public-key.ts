/** Ed25519 public keys (RFC 8032), as a recover keyring names them. */

import { createHash, createPublicKey, type KeyObject } from "node:crypto";

export interface PublicKey {
  /** The first 16 hexadecimal digits of its SHA-256. */
  readonly kid: string;
  /** Its 32 bytes. */
  readonly raw: Uint8Array;
  readonly key: KeyObject;
}

/** 32 bytes as base64url without padding, whose last letter leaves two bits unused: they are zero. */
const form = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

/** RFC 8410: what precedes the 32 bytes in their SPKI form. */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

const prime = 2n ** 255n - 19n;

/** y of the eight points whose order divides 8: signatures of anything hold under such a key, in some libraries. */
const smallOrderYs = new Set([
  0n,
  1n,
  prime - 1n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
]);

/**
 * Whatever Node does with keys that RFC 8032 section 5.1.3 does not decode, or that are of small
 * order, here they are none.
 *
 * @returns What is wrong with the text, or the key.
 */
export function readPublicKey(text: string): PublicKey | string {
  if (!form.test(text)) return "is not 32 bytes in base64url without padding";
  const raw = Buffer.from(text, "base64url");
  const y = yOf(raw);
  if (y >= prime) return "is no canonical Ed25519 point";
  if (smallOrderYs.has(y)) return "is an Ed25519 point of small order";
  const der = Buffer.concat([spkiPrefix, raw]);
  return {
    kid: kidOf(raw),
    raw,
    key: createPublicKey({ key: der, format: "der", type: "spki" }),
  };
}

export function kidOf(raw: Uint8Array): string {
  return createHash("sha256").update(raw).digest("hex").slice(0, 16);
}

export function rawPublicKey(key: KeyObject): Uint8Array {
  return key.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length);
}

/** Little-endian, without the top bit: that is the sign of x. */
function yOf(raw: Uint8Array): bigint {
  const hex = Buffer.from([...raw].toReversed()).toString("hex");
  return BigInt(`0x${hex}`) & (2n ** 255n - 1n);
}
