/** Sealed records: their layout and what they are bound to. */

import { unsealFailed } from "../errors.ts";
import { concat, transientLengthPrefixed, utf8 } from "./bytes.ts";
import { checkLabel, checkRecordId, uuidText } from "./labels.ts";
import { hasPreamble, preamble, type RecordPlace, suite, tagBytes } from "./vault.ts";

const commitmentBytes = 32;
const headerBytes = 2 + 16 + commitmentBytes;

/** Each record's key encrypts once, so its nonce is constant (NIST SP 800-38D section 8). */
export const recordNonce: Uint8Array = new Uint8Array(12);

/** What the records of one batch have in common, encoded. */
export interface RecordContext {
  readonly tenant: Uint8Array;
  readonly batchKeyId: Uint8Array;
}

/** A {@link RecordPlace}, checked and encoded. */
export interface EncodedPlace {
  readonly table: Uint8Array;
  readonly recordId: Uint8Array;
}

export function encodePlace({ table, recordId }: RecordPlace): EncodedPlace {
  return { table: utf8(checkLabel("table", table)), recordId: utf8(checkRecordId(recordId)) };
}

const recordLabel = utf8("mk1/record");
const suiteByte = Uint8Array.of(suite);

/** HKDF info from which a record's key and its commitment are expanded. */
export function recordInfo(
  { tenant, batchKeyId }: RecordContext,
  { table, recordId }: EncodedPlace,
  seed: Uint8Array,
): Uint8Array {
  return transientLengthPrefixed(recordLabel, suiteByte, tenant, table, recordId, batchKeyId, seed);
}

export function recordHeader(commitment: Uint8Array, batchKeyId: Uint8Array): Uint8Array {
  return concat(preamble, batchKeyId, commitment);
}

export function associatedData(
  header: Uint8Array,
  { tenant }: RecordContext,
  { table, recordId }: EncodedPlace,
): Uint8Array {
  return transientLengthPrefixed(header, tenant, table, recordId);
}

/** The parts of a sealed record, or null if it is too short or of another version or suite. */
export function decodeSealed(bytes: Uint8Array): {
  header: Uint8Array;
  batchKeyId: Uint8Array;
  commitment: Uint8Array;
  ciphertext: Uint8Array;
  tag: Uint8Array;
} | null {
  if (!hasPreamble(bytes) || bytes.length < headerBytes + tagBytes) return null;
  return {
    header: bytes.subarray(0, headerBytes),
    batchKeyId: bytes.subarray(2, 18),
    commitment: bytes.subarray(18, headerBytes),
    ciphertext: bytes.subarray(headerBytes, -tagBytes),
    tag: bytes.subarray(-tagBytes),
  };
}

/**
 * The id of the batch key that a record was sealed under; it says which batch key to open.
 *
 * The id is not authenticated before the record is opened.
 *
 * @throws {@link MaskingError} `ERR_MASKING_UNSEAL_FAILED` if the bytes are no sealed record.
 *
 * @example
 * ```ts
 * import { createSealer } from "@org/masking/seal";
 * import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
 * import { batchKeyIdOf } from "@org/masking/unseal";
 *
 * const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
 * const batch = createSealer(keyring, { tenant: "acme" }).openBatch();
 * const place = { table: "logins", recordId: "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d" };
 * const { sealed } = batch.seal(place, { ip: "192.0.2.1" });
 * console.log(batchKeyIdOf(sealed) === batch.id); // true
 * ```
 */
export function batchKeyIdOf(record: Uint8Array): string {
  const parts = decodeSealed(record);
  if (parts === null) throw unsealFailed();
  return uuidText(parts.batchKeyId);
}
