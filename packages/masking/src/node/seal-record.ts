/** Encrypts one record under the key that its seed, place and batch give it. */

import { createCipheriv, type KeyObject } from "node:crypto";
import { concat } from "../format/bytes.ts";
import { type Content, encodeContent } from "../format/content.ts";
import {
  associatedData,
  checkPlace,
  type RecordContext,
  recordHeader,
  recordInfo,
  recordNonce,
} from "../format/record.ts";
import { type RecordPlace, type Sealed, type Seed, tagBytes } from "../format/vault.ts";
import { deriveRecordKey } from "./record-key.ts";

/** A seed must never be used twice: the nonce is constant, so the seed alone makes the key fresh. */
export function sealRecord(
  batch: RecordContext & { readonly key: KeyObject },
  place: RecordPlace,
  content: Content,
  seed: Seed,
): Sealed {
  checkPlace(place);
  const { key, commitment } = deriveRecordKey(batch.key, recordInfo(batch, place, seed));
  const header = recordHeader(commitment, batch.batchKeyId);
  const plaintext = encodeContent(content);
  const cipher = createCipheriv("aes-256-gcm", key, recordNonce, { authTagLength: tagBytes });
  cipher.setAAD(associatedData(header, batch.tenant, place));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  plaintext.fill(0);
  return concat(header, ciphertext, cipher.getAuthTag()) as Sealed;
}
