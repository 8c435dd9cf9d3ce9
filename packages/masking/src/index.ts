/**
 * Keyed tokens for personal data: equal values get equal tokens, per field and tenant.
 *
 * @module
 */

export { MaskingError, type MaskingErrorCode } from "./errors.ts";
export { lengthPrefixed } from "./format/bytes.ts";
export { canonicalize, isCanonicalizable, type NormId, normIds } from "./format/norms.ts";
export { isToken, parseToken, type Token } from "./format/token.ts";
export type { Sealed, SealedBatchKey, SealedKey, RecordPlace, Seed } from "./format/vault.ts";
export type {
  DeriveSharedSecret,
  Keyring,
  PrivateKeyring,
  PrivateRecipient,
  Recipient,
  RecipientState,
  TokenKey,
  TokenKeyState,
} from "./format/keys.ts";
export { createTokenizer, type Tokenizer } from "./node/tokenizer.ts";
