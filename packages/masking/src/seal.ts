/**
 * Sealing: for services that store what they must not be able to read back.
 *
 * @module
 */

export type {
  RecordPlace,
  Sealed,
  SealedBatchKey,
  SealedKey,
  SealedRecord,
  Seed,
} from "./format/vault.ts";
export { type BatchSealer, createSealer, openSealer, type Sealer } from "./node/sealer.ts";
