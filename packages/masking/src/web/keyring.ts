/** Keyrings from their JSON, with their keys as WebCrypto holds them. */

import { unsealFailed } from "../errors.ts";
import { encodeBase64url } from "../format/base64url.ts";
import { equalBytes } from "../format/bytes.ts";
import {
  isInline,
  type KeyService,
  KeySourceFault,
  readVariable,
} from "../format/key-reference.ts";
import type { DeriveSharedSecret, KeyringOf, PrivateKeyring } from "../format/keys.ts";
import {
  foreignKeyFault,
  type KeyLoader,
  privateKeyFault,
  resolveKeyringBy,
  resolvePrivateKeyringBy,
} from "../format/resolve-keyring.ts";
import { diffieHellman, importPoint, p256, type WebKey } from "./web-key.ts";

/** The keys of a service that masks and seals. It cannot open what it seals. */
export type Keyring = KeyringOf<WebKey>;

/** What a keyring's references are looked up in. `file:` takes the Node build. */
export interface KeySources {
  /** For `env:NAME`: an edge worker's bindings, `Deno.env.toObject()`, `Bun.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** For `aws-kms:ARN`. */
  readonly kms?: KeyService;
}

/**
 * Turns keyring JSON into a keyring. Every reference is looked up now; disabled keys are not.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault in `faults`: a key that is
 *   missing, weak or there twice, a state that does not exist. No key material is in them.
 *
 * @example
 * ```ts
 * import { generateKeyring, resolveKeyring } from "@org/masking/web";
 *
 * const keyring = await resolveKeyring((await generateKeyring()).keyring);
 * console.log(keyring.recipients[0]?.state); // primary
 * ```
 */
export async function resolveKeyring(json: unknown, sources: KeySources = {}): Promise<Keyring> {
  return resolveKeyringBy(webLoader(sources), json);
}

/**
 * Turns private keyring JSON into a keyring; as {@link resolveKeyring}, for whoever may open the
 * vault.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` with every fault in `faults`.
 *
 * @example
 * ```ts
 * import { generateKeyring, resolvePrivateKeyring } from "@org/masking/web";
 *
 * const keyring = await resolvePrivateKeyring((await generateKeyring()).privateKeyring);
 * console.log(keyring.recipients[0]?.kid); // r1
 * ```
 */
export async function resolvePrivateKeyring(
  json: unknown,
  sources: KeySources = {},
): Promise<PrivateKeyring> {
  return resolvePrivateKeyringBy(webLoader(sources), json);
}

function webLoader({ env = {}, kms }: KeySources): KeyLoader<WebKey> {
  return {
    readText(reference) {
      if (isInline(reference)) return reference;
      if (reference.startsWith("env:")) return readVariable(reference.slice(4), env);
      throw new KeySourceFault("has a scheme that is none of env:, aws-kms:");
    },
    openKms() {
      if (kms) return kms;
      throw new KeySourceFault("refers to a KMS, and none was given");
    },
    importTokenKey: (bytes) => crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]),
    isPoint: (bytes) =>
      importPoint(bytes).then(
        () => true,
        () => false,
      ),
    importPrivateKey,
  };
}

async function importPrivateKey(
  scalar: Uint8Array,
  publicKey: Uint8Array | null,
): Promise<DeriveSharedSecret> {
  // WebCrypto takes a private key only together with its public half.
  if (publicKey === null) throw new KeySourceFault("needs a public_key beside it");
  const privateKey = await importPair(scalar, publicKey);
  return async (point) => {
    try {
      return await diffieHellman(privateKey, await importPoint(point));
    } catch {
      throw unsealFailed();
    }
  };
}

async function importPair(scalar: Uint8Array, publicKey: Uint8Array): Promise<WebKey> {
  const jwk = {
    kty: "EC",
    crv: "P-256",
    d: encodeBase64url(scalar),
    x: encodeBase64url(publicKey.subarray(1, 33)),
    y: encodeBase64url(publicKey.subarray(33)),
  };
  let privateKey: WebKey;
  try {
    privateKey = await crypto.subtle.importKey("jwk", jwk, p256, false, ["deriveBits"]);
  } catch {
    throw new KeySourceFault(`${privateKeyFault}, or ${foreignKeyFault}`);
  }
  if (!(await isPair(privateKey, publicKey))) throw new KeySourceFault(foreignKeyFault);
  return privateKey;
}

/** Not every runtime compares the halves at import: here both must lead to one shared secret. */
async function isPair(privateKey: WebKey, publicKey: Uint8Array): Promise<boolean> {
  const other = await crypto.subtle.generateKey(p256, false, ["deriveBits"]);
  const one = await diffieHellman(privateKey, other.publicKey);
  return equalBytes(one, await diffieHellman(other.privateKey, await importPoint(publicKey)));
}
