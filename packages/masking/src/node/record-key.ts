/** The key and the commitment of one record. */

import { createSecretKey, type KeyObject } from "node:crypto";
import { type EncodedPlace, type RecordContext, recordInfo } from "../format/record.ts";
import { expand } from "./hkdf.ts";

/** A batch key, and what its records are bound to. */
export interface Batch extends RecordContext {
  readonly key: KeyObject;
}

/**
 * 64 bytes of HKDF-Expand-SHA-512: the AES key, and a commitment to it. AES-GCM alone lets one
 * ciphertext open under two keys; the commitment makes the key unambiguous.
 */
export function deriveRecordKey(
  batch: Batch,
  place: EncodedPlace,
  seed: Uint8Array,
): { key: KeyObject; commitment: Uint8Array } {
  const output = expand("sha512", batch.key, recordInfo(batch, place, seed), 64);
  const key = createSecretKey(output.subarray(0, 32));
  output.fill(0, 0, 32);
  return { key, commitment: output.subarray(32) };
}
