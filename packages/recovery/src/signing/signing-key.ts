/** An operator's own Ed25519 key: a PEM file that only its owner reads. */

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign as signBytes,
} from "node:crypto";
import { writeFile } from "node:fs/promises";
import { exit, RecoverError } from "../exit.ts";
import { kidOf, rawPublicKey } from "./public-key.ts";
import type { KeyJson } from "./recover-keyring.ts";
import { isOpenToOthers, readWithMode } from "./trusted-file.ts";

/** One's own key. */
export interface SigningKey {
  readonly kid: string;
  readonly rawPublicKey: Uint8Array;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}

/** @throws {@link RecoverError} (exit 2) if the file is no private Ed25519 key, or others may read it. */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const refuse = (what: string): never => {
    throw new RecoverError(exit.configuration, `The signing key ${what}: ${path}`, {
      advice: "`recover keys signer` writes a new one.",
    });
  };
  const file = await readWithMode(path).catch(() => refuse("cannot be read"));
  if (isOpenToOthers(file)) refuse("is readable by others; its mode must be 0600 or 0400");
  const key = parsePem(file.text) ?? refuse("is no private key in PEM form");
  if (key.asymmetricKeyType !== "ed25519") refuse("is not an Ed25519 key");
  const raw = rawPublicKey(createPublicKey(key));
  return { kid: kidOf(raw), rawPublicKey: raw, sign: (bytes) => signBytes(null, bytes, key) };
}

function parsePem(text: string): ReturnType<typeof createPrivateKey> | null {
  try {
    return createPrivateKey(text);
  } catch {
    return null;
  }
}

/** Writes a new private key (mode 0600, never over a file) and returns its public half for the keyring. */
export async function writeSigningKey(path: string): Promise<KeyJson> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  await writeFile(path, pem, { mode: 0o600, flag: "wx" });
  const raw = rawPublicKey(publicKey);
  return {
    kid: kidOf(raw),
    public_key: Buffer.from(raw).toString("base64url"),
    state: "active",
  };
}
