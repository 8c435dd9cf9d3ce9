/** Keyrings from their files. */

import { dirname } from "node:path";
import type { Faults } from "../format/keyring.ts";
import type { Keyring, PrivateKeyring } from "../format/keys.ts";
import { modeFault, readWithOwnership, systemCode } from "./key-file.ts";
import { isInline, type KeySources } from "./key-source.ts";
import { resolveKeyring, resolvePrivateKeyring, soundOnly } from "./resolve-keyring.ts";

/**
 * Loads a keyring file.
 *
 * References are looked up now, once: `env:NAME` in `options.env`, `file:PATH` from the keyring's
 * own directory, `aws-kms:ARN` by `options.kms`, or else by AWS KMS, which takes the package
 * `@aws-sdk/client-kms`. No file may be writable by group or others, nor one that holds a secret
 * readable; see {@link readKeyFile}. Disabled keys are not looked up.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault in `faults`: a file that
 *   cannot be read, a key that is missing, weak or there twice, a state that does not exist. No key
 *   material is in them.
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { generateKeyring, loadKeyring, writeKeyring } from "@org/masking/keyring";
 *
 * const path = join(await mkdtemp(join(tmpdir(), "keyring-")), "keyring.json");
 * await writeKeyring(path, generateKeyring().keyring);
 * const keyring = await loadKeyring(path, { env: process.env });
 * console.log(keyring.tokenKeys.length); // 1
 * ```
 */
export async function loadKeyring(
  path: string,
  options: Omit<KeySources, "directory">,
): Promise<Keyring> {
  return resolveKeyring(await readJson(path), { ...options, directory: dirname(path) });
}

/**
 * Loads a private keyring file; as {@link loadKeyring}, for whoever may open the vault.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault in `faults`.
 *
 * @example
 * ```ts
 * import { mkdtemp } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { generateKeyring, loadPrivateKeyring, writeKeyring } from "@org/masking/keyring";
 *
 * const path = join(await mkdtemp(join(tmpdir(), "keyring-")), "private-keyring.json");
 * await writeKeyring(path, generateKeyring().privateKeyring);
 * const keyring = await loadPrivateKeyring(path, { env: process.env });
 * console.log(keyring.recipients.length); // 1
 * ```
 */
export async function loadPrivateKeyring(
  path: string,
  options: Omit<KeySources, "directory">,
): Promise<PrivateKeyring> {
  return resolvePrivateKeyring(await readJson(path), { ...options, directory: dirname(path) });
}

async function readJson(path: string): Promise<unknown> {
  const faults: Faults = [];
  const file = await readWithOwnership(path).catch((error: unknown) => {
    faults.push(`The keyring's path names a file that cannot be read (${systemCode(error)}).`);
    return null;
  });
  const json = file && parseJson(file.text, faults);
  const fault = file?.ownership && modeFault(file.ownership, holdsSecret(json));
  if (fault) faults.push(`The keyring file ${fault}.`);
  return soundOnly(json, faults);
}

function parseJson(text: string, faults: Faults): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the file.
    faults.push("The keyring file is not JSON.");
    return null;
  }
}

/** Whether a keyring holds a key itself; a file that only refers to keys may be read by anyone. */
function holdsSecret(json: unknown): boolean {
  let found = false;
  JSON.stringify(json, (name, value: unknown) => {
    const isSecret = name === "key" || name === "private_key";
    if (isSecret && typeof value === "string" && isInline(value)) found = true;
    return value;
  });
  return found;
}
