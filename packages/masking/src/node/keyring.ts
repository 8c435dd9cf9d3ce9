/** Keyrings from their JSON: every reference looked up, every key checked, every fault listed. */

import { createECDH, createSecretKey, ECDH } from "node:crypto";
import { dirname } from "node:path";
import { MaskingError, unsealFailed } from "../errors.ts";
import { decodeBase64url } from "../format/base64url.ts";
import { weaknessOf } from "../format/key-material.ts";
import {
  type Faults,
  type Placed,
  type PrivateRecipientJson,
  readKeyringJson,
  readPrivateKeyringJson,
  type RecipientJson,
  type TokenKeyJson,
} from "../format/keyring.ts";
import type {
  DeriveSharedSecret,
  Keyring,
  PrivateKeyring,
  PrivateRecipient,
  Recipient,
  TokenKey,
} from "../keys.ts";
import {
  isInline,
  type KeySources,
  KeySourceFault,
  kmsArnOf,
  kmsOf,
  readKey,
  readOwnFile,
  sharedFileFault,
} from "./key-source.ts";

/**
 * Loads a keyring file.
 *
 * References are looked up now, once: `env:NAME` in `options.env`, `file:PATH` from the keyring's
 * own directory, `aws-kms:ARN` by `options.kms`. Files that hold a secret must not be readable by
 * group or others. Disabled keys are not looked up.
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
  const faults: Faults = [];
  const { tokenKeys, recipients } = readKeyringJson(json, faults);
  return soundOnly(
    {
      tokenKeys: await resolveEach(tokenKeys, resolveTokenKey, { sources, faults }, isSameTokenKey),
      recipients: await resolveEach(
        recipients,
        resolveRecipient,
        { sources, faults },
        isSameRecipient,
      ),
    },
    faults,
  );
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
  const faults: Faults = [];
  const entries = readPrivateKeyringJson(json, faults);
  const recipients = await resolveEach(
    entries,
    resolvePrivateRecipient,
    { sources, faults },
    isSameRecipient,
  );
  return soundOnly({ recipients }, faults);
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

function soundOnly<T>(value: T, faults: Faults): T {
  if (faults.length === 0) return value;
  throw new MaskingError("ERR_MASKING_KEY_INVALID", "The keyring cannot be used:", faults);
}

interface Resolving {
  readonly sources: KeySources;
  readonly faults: Faults;
}

/** Resolves what it can, so that one bad key does not hide another's fault. */
async function resolveEach<Entry extends Placed<object>, Key>(
  entries: readonly Entry[],
  resolveOne: (entry: Entry, resolving: Resolving) => Promise<Key | null>,
  resolving: Resolving,
  isSame: (one: Key, other: Key) => boolean,
): Promise<Key[]> {
  const keys: Key[] = [];
  for (const entry of entries) {
    const key = await resolveOne(entry, resolving);
    if (key === null) continue;
    if (keys.some((other) => isSame(key, other))) {
      resolving.faults.push(`${entry.place} has a key that another entry has too.`);
    }
    keys.push(key);
  }
  return keys;
}

/** The value read, or null and a fault at the place it was read for. */
async function attempt<T>(
  place: string,
  faults: Faults,
  read: () => T | Promise<T>,
): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KeySourceFault)) throw error;
    faults.push(`${place} ${error.message}.`);
    return null;
  }
}

async function resolveTokenKey(
  { place, kid, state, key, wrapped_key }: Placed<TokenKeyJson>,
  { sources, faults }: Resolving,
): Promise<TokenKey | null> {
  if (state === "disabled") return { kid, state };
  const secret = await attempt(`${place}.key`, faults, async () => {
    const arn = kmsArnOf(key);
    const bytes =
      arn === null
        ? await readKey(key, sources, { secret: true })
        : await unwrapKey(arn, wrapped_key, sources);
    const weakness = weaknessOf(bytes);
    if (weakness !== null) throw new KeySourceFault(weakness);
    const keyObject = createSecretKey(bytes);
    bytes.fill(0);
    return keyObject;
  });
  return secret && { kid, state, secret };
}

async function unwrapKey(
  arn: string,
  wrappedKey: string | undefined,
  sources: KeySources,
): Promise<Uint8Array> {
  const wrapped = decodeBase64url(wrappedKey ?? "");
  if (!wrapped?.length) throw new KeySourceFault("needs a wrapped_key beside it, in base64url");
  try {
    return await kmsOf(sources).unwrapKey(arn, wrapped);
  } catch (error) {
    if (error instanceof KeySourceFault) throw error;
    throw new KeySourceFault("could not be unwrapped by the KMS");
  }
}

async function resolveRecipient(
  { place, kid, state, public_key }: Placed<RecipientJson>,
  { sources, faults }: Resolving,
): Promise<Recipient | null> {
  if (state === "disabled") return { kid, state };
  const publicKey = await attempt(`${place}.public_key`, faults, () =>
    readPublicKey(public_key, sources),
  );
  return publicKey && { kid, state, publicKey };
}

async function readPublicKey(reference: string, sources: KeySources): Promise<Uint8Array> {
  const publicKey = await readKey(reference, sources, { secret: false });
  try {
    if (publicKey.length !== 65) throw new RangeError("not uncompressed");
    // Refuses what is no point on the curve.
    ECDH.convertKey(publicKey, "prime256v1", undefined, undefined, "uncompressed");
    return publicKey;
  } catch {
    throw new KeySourceFault("is not an uncompressed P-256 point");
  }
}

async function resolvePrivateRecipient(
  { place, kid, state, public_key, private_key }: Placed<PrivateRecipientJson>,
  { sources, faults }: Resolving,
): Promise<PrivateRecipient | null> {
  if (state === "disabled") return { kid, state };
  const publicKey = await attempt(`${place}.public_key`, faults, () =>
    readPublicKey(public_key, sources),
  );
  const deriveSharedSecret = await attempt(`${place}.private_key`, faults, () =>
    readPrivateKey(private_key, publicKey, sources),
  );
  return publicKey && deriveSharedSecret && { kid, state, publicKey, deriveSharedSecret };
}

async function readPrivateKey(
  reference: string,
  publicKey: Uint8Array | null,
  sources: KeySources,
): Promise<DeriveSharedSecret> {
  const arn = kmsArnOf(reference);
  if (arn !== null) {
    const kms = kmsOf(sources);
    return (point) => kms.deriveSharedSecret(arn, point);
  }
  const privateKey = await readKey(reference, sources, { secret: true });
  const ecdh = createECDH("prime256v1");
  try {
    if (privateKey.length !== 32) throw new RangeError("not a scalar");
    ecdh.setPrivateKey(privateKey);
  } catch {
    throw new KeySourceFault("is not a P-256 private key of 32 bytes");
  } finally {
    privateKey.fill(0);
  }
  if (publicKey !== null && !ecdh.getPublicKey().equals(publicKey)) {
    throw new KeySourceFault("does not belong to public_key");
  }
  return async (point) => {
    try {
      return ecdh.computeSecret(point);
    } catch {
      throw unsealFailed();
    }
  };
}

const isSameTokenKey = (one: TokenKey, other: TokenKey): boolean =>
  one.state !== "disabled" && other.state !== "disabled" && one.secret.equals(other.secret);

const isSameRecipient = (one: Recipient, other: Recipient): boolean =>
  one.state !== "disabled" &&
  other.state !== "disabled" &&
  Buffer.compare(one.publicKey, other.publicKey) === 0;
