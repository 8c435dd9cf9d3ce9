/** Keyrings from their JSON: every reference looked up, every key checked, every fault listed. */

import { MaskingError, unsealFailed } from "../errors.ts";
import { decodeBase64url } from "./base64url.ts";
import { equalBytes } from "./bytes.ts";
import { weaknessOf } from "./key-material.ts";
import { type KeyService, KeySourceFault, kmsArnOf } from "./key-reference.ts";
import {
  type Faults,
  type Placed,
  type PrivateRecipientJson,
  readKeyringJson,
  readPrivateKeyringJson,
  type RecipientJson,
  type TokenKeyJson,
} from "./keyring.ts";
import type {
  DeriveSharedSecret,
  KeyringOf,
  PrivateKeyring,
  PrivateRecipient,
  Recipient,
  TokenKeyOf,
} from "./keys.ts";

type Awaitable<T> = T | Promise<T>;

/** What resolving asks of a runtime. A {@link KeySourceFault} from any of these becomes a fault of the keyring. */
export interface KeyLoader<Secret> {
  /** The text behind a reference that is not a KMS's. */
  readonly readText: (reference: string, kind: { readonly secret: boolean }) => Awaitable<string>;
  readonly openKms: () => Awaitable<KeyService>;
  readonly importTokenKey: (bytes: Uint8Array) => Awaitable<Secret>;
  /** Whether 65 bytes are a point on P-256. */
  readonly isPoint: (bytes: Uint8Array) => Awaitable<boolean>;
  /** @param publicKey - Null if it has a fault of its own; else what the private key must belong to. */
  readonly importPrivateKey: (
    scalar: Uint8Array,
    publicKey: Uint8Array | null,
  ) => Awaitable<DeriveSharedSecret>;
}

export async function resolveKeyringBy<Secret>(
  loader: KeyLoader<Secret>,
  json: unknown,
): Promise<KeyringOf<Secret>> {
  const faults: Faults = [];
  const { tokenKeys, recipients } = readKeyringJson(json, faults);
  return soundOnly(
    {
      tokenKeys: await resolveTokenKeys(tokenKeys, { loader, faults }),
      recipients: await resolveRecipients(recipients, resolveRecipient, { loader, faults }),
    },
    faults,
  );
}

export async function resolvePrivateKeyringBy(
  loader: KeyLoader<unknown>,
  json: unknown,
): Promise<PrivateKeyring> {
  const faults: Faults = [];
  const entries = readPrivateKeyringJson(json, faults);
  const recipients = await resolveRecipients(entries, resolvePrivateRecipient, { loader, faults });
  return soundOnly({ recipients }, faults);
}

export function soundOnly<T>(value: T, faults: Faults): T {
  if (faults.length === 0) return value;
  throw new MaskingError("ERR_MASKING_KEY_INVALID", "The keyring cannot be used:", faults);
}

/** The value read, or null and a fault at the place it was read for. */
export async function attempt<T>(
  place: string,
  faults: Faults,
  read: () => Awaitable<T>,
): Promise<T | null> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof KeySourceFault)) throw error;
    faults.push(`${place} ${error.message}.`);
    return null;
  }
}

interface Resolving<Secret> {
  readonly loader: KeyLoader<Secret>;
  readonly faults: Faults;
}

/** Resolves what it can, so that one bad key does not hide another's fault. */
async function resolveTokenKeys<Secret>(
  entries: readonly Placed<TokenKeyJson>[],
  { loader, faults }: Resolving<Secret>,
): Promise<TokenKeyOf<Secret>[]> {
  const tokenKeys: TokenKeyOf<Secret>[] = [];
  const read: Uint8Array[] = [];
  try {
    for (const entry of entries) {
      const { place, kid, state } = entry;
      if (state === "disabled") {
        tokenKeys.push({ kid, state });
        continue;
      }
      const bytes = await attempt(`${place}.key`, faults, () => readTokenKey(entry, loader));
      if (bytes === null) continue;
      if (read.some((other) => equalBytes(bytes, other))) faults.push(sharedKeyFault(place));
      read.push(bytes);
      tokenKeys.push({ kid, state, secret: await loader.importTokenKey(bytes) });
    }
    return tokenKeys;
  } finally {
    for (const bytes of read) bytes.fill(0);
  }
}

const sharedKeyFault = (place: string): string => `${place} has a key that another entry has too.`;

async function readTokenKey(
  { key, wrapped_key }: TokenKeyJson,
  loader: KeyLoader<unknown>,
): Promise<Uint8Array> {
  const arn = kmsArnOf(key);
  const bytes =
    arn === null
      ? await readBytes(key, loader, { secret: true })
      : await unwrapKey(arn, wrapped_key, loader);
  const weakness = weaknessOf(bytes);
  if (weakness !== null) throw new KeySourceFault(weakness);
  return bytes;
}

async function readBytes(
  reference: string,
  loader: KeyLoader<unknown>,
  kind: { readonly secret: boolean },
): Promise<Uint8Array> {
  const bytes = decodeBase64url((await loader.readText(reference, kind)).trim());
  if (bytes === null) throw new KeySourceFault("is not base64url without padding");
  return bytes;
}

async function unwrapKey(
  arn: string,
  wrappedKey: string | undefined,
  loader: KeyLoader<unknown>,
): Promise<Uint8Array> {
  const wrapped = decodeBase64url(wrappedKey ?? "");
  if (!wrapped?.length) throw new KeySourceFault("needs a wrapped_key beside it, in base64url");
  const kms = await loader.openKms();
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
  resolveOne: (entry: Entry, resolving: Resolving<unknown>) => Promise<Key | null>,
  resolving: Resolving<unknown>,
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
  equalBytes(one.publicKey, other.publicKey);

async function resolveRecipient(
  { place, kid, state, public_key }: Placed<RecipientJson>,
  { loader, faults }: Resolving<unknown>,
): Promise<Recipient | null> {
  if (state === "disabled") return { kid, state };
  const publicKey = await attempt(`${place}.public_key`, faults, () =>
    readPublicKey(public_key, loader),
  );
  return publicKey && { kid, state, publicKey };
}

async function readPublicKey(reference: string, loader: KeyLoader<unknown>): Promise<Uint8Array> {
  const publicKey = await readBytes(reference, loader, { secret: false });
  if (await isUncompressedPoint(publicKey, loader)) return publicKey;
  throw new KeySourceFault("is not an uncompressed P-256 point");
}

const isUncompressedPoint = async (
  bytes: Uint8Array,
  loader: KeyLoader<unknown>,
): Promise<boolean> => bytes.length === 65 && bytes[0] === 4 && loader.isPoint(bytes);

async function resolvePrivateRecipient(
  { place, kid, state, public_key, private_key }: Placed<PrivateRecipientJson>,
  { loader, faults }: Resolving<unknown>,
): Promise<PrivateRecipient | null> {
  if (state === "disabled") return { kid, state };
  const publicKey = await attempt(`${place}.public_key`, faults, () =>
    readPublicKey(public_key, loader),
  );
  const deriveSharedSecret = await attempt(`${place}.private_key`, faults, () =>
    readPrivateKey(private_key, publicKey, loader),
  );
  return publicKey && deriveSharedSecret && { kid, state, publicKey, deriveSharedSecret };
}

async function readPrivateKey(
  reference: string,
  publicKey: Uint8Array | null,
  loader: KeyLoader<unknown>,
): Promise<DeriveSharedSecret> {
  const arn = kmsArnOf(reference);
  if (arn !== null) return deriveByKms(arn, loader);
  const scalar = await readBytes(reference, loader, { secret: true });
  try {
    if (scalar.length !== 32) throw new KeySourceFault(privateKeyFault);
    return await loader.importPrivateKey(scalar, publicKey);
  } finally {
    scalar.fill(0);
  }
}

export const privateKeyFault = "is not a P-256 private key of 32 bytes";
export const foreignKeyFault = "does not belong to public_key";

async function deriveByKms(arn: string, loader: KeyLoader<unknown>): Promise<DeriveSharedSecret> {
  const kms = await loader.openKms();
  return async (point) => {
    // Checked here, so that damaged bytes are told from a KMS that fails, and cost no call.
    if (!(await isUncompressedPoint(point, loader))) throw unsealFailed();
    return kms.deriveSharedSecret(arn, point);
  };
}
