/** Secret keys in files of their own, beside the keyrings that refer to them. */

import { dirname, join } from "node:path";
import type { KeyringJson, PrivateKeyringJson } from "@org/masking/keyring";

export interface Keyrings {
  readonly keyring: KeyringJson;
  readonly privateKeyring: PrivateKeyringJson;
}

interface KeyringPaths {
  readonly keyringPath: string;
  readonly privateKeyringPath: string;
}

export interface KeyFile {
  readonly path: string;
  readonly key: string;
}

const nameOf = (kid: string): string => `${kid}.key`;

/** Takes inline keys out: `t1.key` beside the keyring, `r1.key` beside the private one. */
export function toKeyFiles(
  { keyring, privateKeyring }: Keyrings,
  { keyringPath, privateKeyringPath }: KeyringPaths,
): Keyrings & { readonly files: readonly KeyFile[] } {
  return {
    keyring: {
      ...keyring,
      token_keys: keyring.token_keys.map((each) => ({ ...each, key: `file:${nameOf(each.kid)}` })),
    },
    privateKeyring: {
      ...privateKeyring,
      recipients: privateKeyring.recipients.map((each) => ({
        ...each,
        private_key: `file:${nameOf(each.kid)}`,
      })),
    },
    files: [
      ...keyring.token_keys.map(({ kid, key }) => ({
        path: join(dirname(keyringPath), nameOf(kid)),
        key,
      })),
      ...privateKeyring.recipients.map(({ kid, private_key: key }) => ({
        path: join(dirname(privateKeyringPath), nameOf(kid)),
        key,
      })),
    ],
  };
}
