/** Keyring files as they are edited: read, changed, checked, and put in the old one's place. */

import { readFile } from "node:fs/promises";
import {
  type KeyringJson,
  loadKeyring,
  loadPrivateKeyring,
  type PrivateKeyringJson,
  writeKeyring,
} from "@org/masking/keyring";
import { replaceFile } from "./replace-file.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface KeyFiles {
  readonly keyringPath: string;
  readonly privateKeyringPath: string;
  readonly env: Env;
}

/** @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault. */
export async function readKeyringFile({ keyringPath, env }: KeyFiles): Promise<KeyringJson> {
  await loadKeyring(keyringPath, { env });
  return JSON.parse(await readFile(keyringPath, "utf8")) as KeyringJson;
}

/** @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault. */
export async function readPrivateKeyringFile({
  privateKeyringPath,
  env,
}: KeyFiles): Promise<PrivateKeyringJson> {
  await loadPrivateKeyring(privateKeyringPath, { env });
  return JSON.parse(await readFile(privateKeyringPath, "utf8")) as PrivateKeyringJson;
}

/** Loaded as a keyring is before it takes the old one's place. */
export async function replaceKeyring(
  path: string,
  json: KeyringJson | PrivateKeyringJson,
  env: Env,
): Promise<void> {
  await replaceFile(path, async (draft) => {
    await writeKeyring(draft, json);
    await (json.format === "mk1/keyring" ? loadKeyring : loadPrivateKeyring)(draft, { env });
  });
}
