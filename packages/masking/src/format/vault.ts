/** What the vault stores, and the lengths that all of it shares. */

declare const sealed: unique symbol;
declare const sealedBatchKey: unique symbol;
declare const seed: unique symbol;

/** A sealed record; only sealing makes one. */
export type Sealed = Uint8Array & { readonly [sealed]: true };

/** A batch key sealed to one recipient; only sealing makes one. */
export type SealedBatchKey = Uint8Array & { readonly [sealedBatchKey]: true };

/**
 * 32 random bytes without which its record cannot be opened, not even with the private key. Store
 * it apart from the record: deleting it shreds the record.
 */
export type Seed = Uint8Array & { readonly [seed]: true };

/** A sealed record and its seed. Store both, apart: without the seed the record cannot be opened. */
export interface SealedRecord {
  readonly sealed: Sealed;
  readonly seed: Seed;
}

/** A batch key as it is stored: once a recipient. */
export interface SealedKey {
  /** The recipient's kid. */
  readonly recipient: string;
  readonly sealed: SealedBatchKey;
}

/** Which row of which table a record belongs to. It can be opened only as that row. */
export interface RecordPlace {
  /** A constant that names the table; never the name of a relation or a partition, which may change. */
  readonly table: string;
  /** A UUID in lower case. */
  readonly recordId: string;
}

/**
 * The first two bytes of everything sealed. Suite 1: batch keys by HPKE with DHKEM(P-256,
 * HKDF-SHA256), HKDF-SHA256 and AES-256-GCM; records by HKDF-Expand-SHA-512 and AES-256-GCM.
 */
const version = 1;
export const suite = 1;

export const preamble: Uint8Array = Uint8Array.of(version, suite);

export const hasPreamble = (bytes: Uint8Array): boolean =>
  bytes[0] === version && bytes[1] === suite;

export const seedBytes = 32;
export const batchKeyBytes = 64;
export const tagBytes = 16;
