/** HKDF (RFC 5869) in its two steps; node:crypto offers them only as one. */

import { createHmac, type KeyObject } from "node:crypto";
import { concat } from "../format/bytes.ts";

/** HKDF-Extract with SHA-256, which is HMAC with the salt as its key. */
export function extract(salt: Uint8Array, keyMaterial: Uint8Array): Uint8Array {
  return createHmac("sha256", salt).update(keyMaterial).digest();
}

/** HKDF-Expand with SHA-256. */
export function expand(
  pseudorandomKey: KeyObject | Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  let block = mac(pseudorandomKey, [info, Uint8Array.of(1)]);
  let output = block;
  for (let counter = 2; output.length < length; counter += 1) {
    block = mac(pseudorandomKey, [block, info, Uint8Array.of(counter)]);
    output = concat(output, block);
  }
  return output.length === length ? output : output.subarray(0, length);
}

function mac(key: KeyObject | Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
