/** The key and the commitment of one record. */

import { createSecretKey, type KeyObject } from "node:crypto";
import { type EncodedPlace, type RecordContext, recordInfo } from "../format/record.ts";
import type { Hmac } from "./hmac.ts";

/** A batch key, and what its records are bound to. */
export interface Batch extends RecordContext {
  /** HMAC-SHA-512 under the batch key. */
  readonly hmac: Hmac;
}

/** HKDF-Expand counts its blocks from one; SHA-512 gives all 64 bytes in the first. */
const firstBlock = Uint8Array.of(1);

/**
 * 64 bytes of HKDF-Expand-SHA-512: the AES key, and a commitment to it. AES-GCM alone lets one
 * ciphertext open under two keys; the commitment makes the key unambiguous.
 */
export function deriveRecordKey(
  batch: Batch,
  place: EncodedPlace,
  seed: Uint8Array,
): { key: KeyObject; commitment: Uint8Array } {
  const output = batch.hmac.digest([recordInfo(batch, place, seed), firstBlock]);
  const key = createSecretKey(output.subarray(0, 32));
  output.fill(0, 0, 32);
  return { key, commitment: output.subarray(32) };
}
