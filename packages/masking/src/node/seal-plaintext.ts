/** Encrypts one record under the key that its seed, place and batch give it. */

import { createCipheriv } from "node:crypto";
import { associatedData, encodePlace, recordHeader, recordNonce } from "../format/record.ts";
import { type RecordPlace, type Sealed, type Seed, tagBytes } from "../format/vault.ts";
import { type Batch, deriveRecordKey } from "./record-key.ts";

/** A seed must never be used twice: the nonce is constant, so the seed alone makes the key fresh. */
export function sealPlaintext(
  batch: Batch,
  at: RecordPlace,
  plaintext: Uint8Array,
  seed: Seed,
): Sealed {
  const place = encodePlace(at);
  const { key, commitment } = deriveRecordKey(batch, place, seed);
  const header = recordHeader(commitment, batch.batchKeyId);
  const cipher = createCipheriv("aes-256-gcm", key, recordNonce, { authTagLength: tagBytes });
  cipher.setAAD(associatedData(header, batch, place));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  const sealed: Uint8Array = Buffer.concat([header, ciphertext, cipher.getAuthTag()]);
  return sealed as Sealed;
}
