/** Keyrings from their JSON: every reference looked up, every key checked, every fault listed. */

import { createECDH, createSecretKey, ECDH } from "node:crypto";
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
} from "../format/keys.ts";
import { openAwsKms } from "./aws-kms.ts";
import {
  type KeyService,
  type KeySources,
  KeySourceFault,
  kmsArnOf,
  readText,
} from "./key-source.ts";

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
  const resolving = { sources, faults };
  return soundOnly(
    {
      tokenKeys: await resolveTokenKeys(tokenKeys, resolving),
      recipients: await resolveRecipients(recipients, resolveRecipient, resolving),
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
  const resolving = { sources, faults };
  return soundOnly(
    { recipients: await resolveRecipients(entries, resolvePrivateRecipient, resolving) },
    faults,
  );
}

export function soundOnly<T>(value: T, faults: Faults): T {
  if (faults.length === 0) return value;
  throw new MaskingError("ERR_MASKING_KEY_INVALID", "The keyring cannot be used:", faults);
}

/** The value read, or null and a fault at the place it was read for. */
async function attempt<T>(
  place: string,
  faults: Faults,
  read: () => Promise<T>,
): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KeySourceFault)) throw error;
    faults.push(`${place} ${error.message}.`);
    return null;
  }
}

interface Resolving {
  readonly sources: KeySources;
  readonly faults: Faults;
}

/** Resolves what it can, so that one bad key does not hide another's fault. */
async function resolveTokenKeys(
  entries: readonly Placed<TokenKeyJson>[],
  { sources, faults }: Resolving,
): Promise<TokenKey[]> {
  const tokenKeys: TokenKey[] = [];
  const read: Uint8Array[] = [];
  try {
    for (const entry of entries) {
      const { place, kid, state } = entry;
      if (state === "disabled") {
        tokenKeys.push({ kid, state });
        continue;
      }
      const bytes = await attempt(`${place}.key`, faults, () => readTokenKey(entry, sources));
      if (bytes === null) continue;
      if (read.some((other) => areEqual(bytes, other))) faults.push(sharedKeyFault(place));
      read.push(bytes);
      tokenKeys.push({ kid, state, secret: createSecretKey(bytes) });
    }
    return tokenKeys;
  } finally {
    for (const bytes of read) bytes.fill(0);
  }
}

const areEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

const sharedKeyFault = (place: string): string => `${place} has a key that another entry has too.`;

async function readTokenKey(
  { key, wrapped_key }: TokenKeyJson,
  sources: KeySources,
): Promise<Uint8Array> {
  const arn = kmsArnOf(key);
  if (arn === null && wrapped_key !== undefined) {
    throw new KeySourceFault("is no KMS's, so that the wrapped_key beside it stands for nothing");
  }
  const bytes =
    arn === null
      ? await readBytes(key, sources, { secret: true })
      : await unwrapKey(arn, wrapped_key, sources);
  const weakness = weaknessOf(bytes);
  if (weakness !== null) throw new KeySourceFault(weakness);
  return bytes;
}

async function readBytes(
  reference: string,
  sources: KeySources,
  kind: { readonly secret: boolean },
): Promise<Uint8Array> {
  const bytes = decodeBase64url(await readText(reference, sources, kind));
  if (bytes === null) throw new KeySourceFault("is not base64url without padding");
  return bytes;
}

async function unwrapKey(
  arn: string,
  wrappedKey: string | undefined,
  sources: KeySources,
): Promise<Uint8Array> {
  const wrapped = decodeBase64url(wrappedKey ?? "");
  if (!wrapped?.length) throw new KeySourceFault("needs a wrapped_key beside it, in base64url");
  const kms = await openKms(sources);
  try {
    return await kms.unwrapKey(arn, wrapped);
  } catch (error) {
    throw new KeySourceFault(`could not be unwrapped by the KMS (${errorName(error)})`);
  }
}

/** AccessDeniedException and its like; nothing else of a KMS's error is repeated. */
function errorName(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  return /^[A-Za-z]{1,64}$/.test(name) ? name : "unknown error";
}

async function resolveRecipients<Entry extends Placed<RecipientJson>, Key extends Recipient>(
  entries: readonly Entry[],
  resolveOne: (entry: Entry, resolving: Resolving) => Promise<Key | null>,
  resolving: Resolving,
): Promise<Key[]> {
  const recipients: Key[] = [];
  for (const entry of entries) {
    const recipient = await resolveOne(entry, resolving);
    if (recipient === null) continue;
    if (recipients.some((other) => haveOneKey(recipient, other))) {
      resolving.faults.push(sharedKeyFault(entry.place));
    }
    recipients.push(recipient);
  }
  return recipients;
}

const haveOneKey = (one: Recipient, other: Recipient): boolean =>
  one.state !== "disabled" &&
  other.state !== "disabled" &&
  areEqual(one.publicKey, other.publicKey);

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
  const publicKey = await readBytes(reference, sources, { secret: false });
  if (isUncompressedPoint(publicKey)) return publicKey;
  throw new KeySourceFault("is not an uncompressed P-256 point");
}

function isUncompressedPoint(bytes: Uint8Array): boolean {
  if (bytes.length !== 65 || bytes[0] !== 4) return false;
  try {
    ECDH.convertKey(bytes, "prime256v1", undefined, undefined, "uncompressed");
    return true;
  } catch {
    return false;
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
  if (arn !== null) return deriveByKms(arn, await openKms(sources));
  const scalar = await readBytes(reference, sources, { secret: true });
  try {
    if (scalar.length !== 32) throw new KeySourceFault(privateKeyFault);
    return importPrivateKey(scalar, publicKey);
  } finally {
    scalar.fill(0);
  }
}

const privateKeyFault = "is not a P-256 private key of 32 bytes";

/** @param publicKey - Null if it has a fault of its own; else what the private key must belong to. */
function importPrivateKey(scalar: Uint8Array, publicKey: Uint8Array | null): DeriveSharedSecret {
  const ecdh = createECDH("prime256v1");
  try {
    // A copy: Deno keeps the bytes it is given, and the caller zeroes these.
    ecdh.setPrivateKey(Uint8Array.from(scalar));
  } catch {
    throw new KeySourceFault(privateKeyFault);
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

function deriveByKms(arn: string, kms: KeyService): DeriveSharedSecret {
  return async (point) => {
    // Checked here, so that damaged bytes are told from a KMS that fails, and cost no call.
    if (!isUncompressedPoint(point)) throw unsealFailed();
    return kms.deriveSharedSecret(arn, point);
  };
}

async function openKms({ kms }: KeySources): Promise<KeyService> {
  if (kms) return kms;
  try {
    return await openAwsKms();
  } catch {
    throw new KeySourceFault("needs the package @aws-sdk/client-kms, which is not installed");
  }
}
