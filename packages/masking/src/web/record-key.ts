/** The key and the commitment of one record. */

import { concat } from "../format/bytes.ts";
import { type EncodedPlace, type RecordContext, recordInfo } from "../format/record.ts";
import { hmac, importAesKey, type WebKey } from "./web-key.ts";

/** A batch key, as the HMAC-SHA-512 key that it is, and what its records are bound to. */
export interface Batch extends RecordContext {
  readonly key: WebKey;
}

/**
 * The first block of HKDF-Expand-SHA-512: the AES key, and a commitment to it. AES-GCM alone lets
 * one ciphertext open under two keys; the commitment makes the key unambiguous.
 */
export async function deriveRecordKey(
  batch: Batch,
  place: EncodedPlace,
  seed: Uint8Array,
): Promise<{ key: WebKey; commitment: Uint8Array }> {
  const info = concat(recordInfo(batch, place, seed), Uint8Array.of(1));
  const output = await hmac(batch.key, info);
  return { key: await importAesKey(output.subarray(0, 32)), commitment: output.subarray(32) };
}
