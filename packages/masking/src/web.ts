/**
 * Tokens and the vault on WebCrypto: the same formats as the Node entries, with promises, for Deno,
 * Bun, browsers and edge workers.
 *
 * @module
 */

export { MaskingError, type MaskingErrorCode } from "./errors.ts";
export type { KeyService } from "./format/key-reference.ts";
export type {
  KeyringJson,
  PrivateKeyringJson,
  PrivateRecipientJson,
  RecipientJson,
  TokenKeyJson,
} from "./format/keyring.ts";
export type {
  DeriveSharedSecret,
  KeyringOf,
  PrivateKeyring,
  PrivateRecipient,
  Recipient,
  RecipientState,
  TokenKeyOf,
  TokenKeyState,
} from "./format/keys.ts";
export { canonicalize, isCanonicalizable, type NormId, normIds } from "./format/norms.ts";
export { batchKeyIdOf } from "./format/record.ts";
export { isToken, parseToken, type Token } from "./format/token.ts";
export type {
  RecordPlace,
  Sealed,
  SealedBatchKey,
  SealedKey,
  SealedRecord,
  Seed,
} from "./format/vault.ts";
export { generateKeyring } from "./web/generate-keyring.ts";
export {
  type Keyring,
  type KeySources,
  resolveKeyring,
  resolvePrivateKeyring,
} from "./web/keyring.ts";
export { type BatchSealer, createSealer, type Sealer } from "./web/sealer.ts";
export { createTokenizer, type Tokenizer } from "./web/tokenizer.ts";
export { type BatchOpener, createUnsealer, type Unsealer } from "./web/unsealer.ts";
export type { WebKey } from "./web/web-key.ts";
