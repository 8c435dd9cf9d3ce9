/** Sealed batch keys: their layout and what they are bound to. */

import { MaskingError } from "../errors.ts";
import { concat, lengthPrefixed } from "./bytes.ts";
import { isLowerCaseUuid, uuidBytes } from "./labels.ts";
import { batchKeyBytes, hasPreamble, preamble, type SealedBatchKey, tagBytes } from "./vault.ts";

const pointBytes = 65;
const uncompressed = 4;
const sealedBatchKeyBytes = 2 + pointBytes + batchKeyBytes + tagBytes;

/** HPKE info: the batch key opens only for this tenant and recipient. */
export function batchKeyInfo(tenant: string, recipient: string): Uint8Array {
  return lengthPrefixed("mk1/batch", tenant, recipient);
}

export function encodeSealedBatchKey(enc: Uint8Array, ciphertext: Uint8Array): SealedBatchKey {
  return concat(preamble, enc, ciphertext) as SealedBatchKey;
}

export function decodeSealedBatchKey(
  bytes: Uint8Array,
): { enc: Uint8Array; ciphertext: Uint8Array } | null {
  if (!hasPreamble(bytes) || bytes.length !== sealedBatchKeyBytes) return null;
  // OpenSSL also takes the hybrid form, 06 or 07: other bytes for one point.
  if (bytes[2] !== uncompressed) return null;
  return { enc: bytes.subarray(2, 2 + pointBytes), ciphertext: bytes.subarray(2 + pointBytes) };
}

/** A batch key's id as the 16 bytes that everything sealed under it is bound to. */
export function batchKeyIdBytes(id: string): Uint8Array {
  if (isLowerCaseUuid(id)) return uuidBytes(id);
  throw new MaskingError("ERR_MASKING_INPUT_INVALID", "A batch key id is a UUID in lower case.");
}
