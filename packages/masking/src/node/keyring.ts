/** Keyrings from files, the environment and a KMS, with their keys as Node holds them. */

import { createECDH, createSecretKey, ECDH, type KeyObject } from "node:crypto";
import { dirname } from "node:path";
import { unsealFailed } from "../errors.ts";
import { isInline, type KeyService, KeySourceFault } from "../format/key-reference.ts";
import type { Faults } from "../format/keyring.ts";
import type { DeriveSharedSecret, PrivateKeyring } from "../format/keys.ts";
import {
  attempt,
  foreignKeyFault,
  type KeyLoader,
  privateKeyFault,
  resolveKeyringBy,
  resolvePrivateKeyringBy,
  soundOnly,
} from "../format/resolve-keyring.ts";
import type { Keyring } from "../keys.ts";
import { openAwsKms } from "./aws-kms.ts";
import { type KeySources, readOwnFile, readText, sharedFileFault } from "./key-source.ts";

/**
 * Loads a keyring file.
 *
 * References are looked up now, once: `env:NAME` in `options.env`, `file:PATH` from the keyring's
 * own directory, `aws-kms:ARN` by `options.kms`, or else by AWS KMS, which takes the package
 * `@aws-sdk/client-kms`. Files that hold a secret must not be readable by group or others. Disabled
 * keys are not looked up.
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

/**
 * Turns keyring JSON that is already in memory into a keyring; see {@link loadKeyring}.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault in `faults`.
 *
 * @example
 * ```ts
 * import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
 *
 * const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });
 * console.log(keyring.recipients[0]?.state); // primary
 * ```
 */
export async function resolveKeyring(json: unknown, sources: KeySources): Promise<Keyring> {
  return resolveKeyringBy(nodeLoader(sources), json);
}

/**
 * Turns private keyring JSON that is already in memory into a keyring; see
 * {@link loadPrivateKeyring}.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault in `faults`.
 *
 * @example
 * ```ts
 * import { generateKeyring, resolvePrivateKeyring } from "@org/masking/keyring";
 *
 * const keyring = await resolvePrivateKeyring(generateKeyring().privateKeyring, { env: {} });
 * console.log(keyring.recipients[0]?.kid); // r1
 * ```
 */
export async function resolvePrivateKeyring(
  json: unknown,
  sources: KeySources,
): Promise<PrivateKeyring> {
  return resolvePrivateKeyringBy(nodeLoader(sources), json);
}

async function readJson(path: string): Promise<unknown> {
  const faults: Faults = [];
  const file = await attempt("The keyring's path", faults, () => readOwnFile(path));
  const json = file && (await attempt("The keyring file", faults, () => parseJson(file.text)));
  if (file?.isShared && holdsSecret(json)) faults.push(`The keyring file ${sharedFileFault}.`);
  return soundOnly(json, faults);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What JSON.parse says quotes the file.
    throw new KeySourceFault("is not JSON");
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

function nodeLoader(sources: KeySources): KeyLoader<KeyObject> {
  return {
    readText: (reference, kind) => readText(reference, sources, kind),
    openKms: () => sources.kms ?? openInstalledAwsKms(),
    importTokenKey: (bytes) => createSecretKey(bytes),
    isPoint,
    importPrivateKey,
  };
}

async function openInstalledAwsKms(): Promise<KeyService> {
  try {
    return await openAwsKms();
  } catch {
    throw new KeySourceFault("needs the package @aws-sdk/client-kms, which is not installed");
  }
}

function isPoint(bytes: Uint8Array): boolean {
  try {
    ECDH.convertKey(bytes, "prime256v1", undefined, undefined, "uncompressed");
    return true;
  } catch {
    return false;
  }
}

function importPrivateKey(scalar: Uint8Array, publicKey: Uint8Array | null): DeriveSharedSecret {
  const ecdh = createECDH("prime256v1");
  try {
    // A copy: Deno keeps the bytes it is given, and the caller zeroes these.
    ecdh.setPrivateKey(Uint8Array.from(scalar));
  } catch {
    throw new KeySourceFault(privateKeyFault);
  }
  if (publicKey !== null && !ecdh.getPublicKey().equals(publicKey)) {
    throw new KeySourceFault(foreignKeyFault);
  }
  return async (point) => {
    try {
      return ecdh.computeSecret(point);
    } catch {
      throw unsealFailed();
    }
  };
}
