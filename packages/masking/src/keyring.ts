/**
 * Keyrings: loading, checking and making them. The one entry that touches files.
 *
 * @module
 */

export type {
  KeyringJson,
  PrivateKeyringJson,
  PrivateRecipientJson,
  RecipientJson,
  TokenKeyJson,
} from "./format/keyring.ts";
export { generateKeyring, writeKeyring } from "./node/generate-keyring.ts";
export type { KeyService } from "./format/key-reference.ts";
export type { KeySources } from "./node/key-source.ts";
export {
  loadKeyring,
  loadPrivateKeyring,
  resolveKeyring,
  resolvePrivateKeyring,
} from "./node/keyring.ts";
