/**
 * Sealing: for services that store what they must not be able to read back.
 *
 * @module
 */

export type { RecordPlace, Sealed, SealedBatchKey, SealedKey, Seed } from "./format/vault.ts";
export { type BatchSealer, createSealer, type SealedRecord, type Sealer } from "./node/sealer.ts";
