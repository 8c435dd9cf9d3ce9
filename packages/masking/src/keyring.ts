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
export { readKeyFile } from "./node/key-file.ts";
export type { KeyService, KeySources } from "./node/key-source.ts";
export { loadKeyring, loadPrivateKeyring } from "./node/load-keyring.ts";
export { resolveKeyring, resolvePrivateKeyring } from "./node/resolve-keyring.ts";
