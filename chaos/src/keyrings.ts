/** The keyrings of a run, and their rotation. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { generateKeyring } from "@org/masking/keyring";
import type { KeyringJson, PrivateKeyringJson } from "@org/masking/keyring";

export interface Keyrings {
  readonly path: string;
  readonly privatePath: string;
  /** Makes new keys primary; the old ones still match and still open. */
  readonly rotate: () => Promise<void>;
}

export async function createKeyrings(
  directory: string,
  { vault }: { vault: boolean },
): Promise<Keyrings> {
  const path = join(directory, "keyring.json");
  const privatePath = join(directory, "private-keyring.json");
  const first = generateKeyring();
  await writeJson(path, vault ? first.keyring : { ...first.keyring, recipients: [] });
  await writeJson(privatePath, first.privateKeyring);
  let generation = 1;

  return {
    path,
    privatePath,
    async rotate() {
      generation += 1;
      const old = await readJson<KeyringJson>(path);
      const oldPrivate = await readJson<PrivateKeyringJson>(privatePath);
      const fresh = generateKeyring({
        tokenKid: `t${generation}`,
        recipientKid: `r${generation}`,
      });
      const retired = { state: "decrypt_only" } as const;
      await writeJson(privatePath, {
        ...oldPrivate,
        recipients: [
          ...oldPrivate.recipients.map((recipient) => ({ ...recipient, ...retired })),
          ...fresh.privateKeyring.recipients,
        ],
      });
      await writeJson(path, {
        ...old,
        token_keys: [
          ...old.token_keys.map((key) => ({ ...key, state: "match_only" }) as const),
          ...fresh.keyring.token_keys,
        ],
        recipients: vault
          ? [
              ...old.recipients.map((recipient) => ({ ...recipient, ...retired })),
              ...fresh.keyring.recipients,
            ]
          : [],
      });
    },
  };
}

async function writeJson(file: string, json: KeyringJson | PrivateKeyringJson): Promise<void> {
  await writeFile(file, JSON.stringify(json), { mode: 0o600 });
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(file, "utf8")) as T;
}
