/** HKDF (RFC 5869) in its two steps; node:crypto offers them only as one. */

import { createHmac, type KeyObject } from "node:crypto";
import { concat } from "../format/bytes.ts";

type Key = KeyObject | Uint8Array;

export function extract(hash: "sha256", salt: Uint8Array, keyMaterial: Uint8Array): Uint8Array {
  return createHmac(hash, salt).update(keyMaterial).digest();
}

export function expand(
  hash: "sha256" | "sha512",
  pseudorandomKey: Key,
  info: Uint8Array,
  length: number,
): Uint8Array {
  let output: Uint8Array = new Uint8Array(0);
  let block: Uint8Array = output;
  for (let counter = 1; output.length < length; counter += 1) {
    block = createHmac(hash, pseudorandomKey)
      .update(concat(block, info, Uint8Array.of(counter)))
      .digest();
    output = concat(output, block);
  }
  return output.subarray(0, length);
}
