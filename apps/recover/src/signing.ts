/** Operators' Ed25519 keys: the private one in a PEM file, the public ones in the recover keyring. */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { z } from "zod";
import { exit, RecoverError } from "./exit.ts";

/** Whoever may approve, and sign checkpoints, as the recover keyring names them. */
export interface Signer {
  /** The first 16 hexadecimal digits of the public key's SHA-256. */
  readonly kid: string;
  /** The person's login in Postgres; an approval counts only for its own. */
  readonly login: string;
  readonly publicKey: KeyObject;
  /** Its 32 bytes. */
  readonly rawPublicKey: Uint8Array;
  /** A retired key still verifies checkpoints; it approves nothing. */
  readonly state: "active" | "retired";
}

/** What an operator takes from outside the database. */
export interface RecoverKeyring {
  readonly signers: readonly Signer[];
  /** The fewest approvals that count, whatever the database says. */
  readonly approvalsRequired: number;
}

/** One's own key. */
export interface SigningKey {
  readonly kid: string;
  readonly rawPublicKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}

export interface SignerJson {
  readonly kid: string;
  readonly login: string;
  readonly public_key: string;
  readonly state: "active" | "retired";
}

export interface RecoverKeyringJson {
  readonly format: "maskline/recover-keyring";
  readonly approvals_required: number;
  readonly signers: readonly SignerJson[];
}

/** 32 bytes as base64url without padding, whose last letter leaves two bits unused: they are zero. */
const publicKeyForm = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

const recoverKeyringJson: z.ZodType<RecoverKeyringJson> = z.strictObject({
  format: z.literal("maskline/recover-keyring"),
  approvals_required: z.int().min(1).max(10),
  signers: z.array(
    z.strictObject({
      kid: z.string(),
      login: z.string().min(1),
      public_key: z.string().regex(publicKeyForm),
      state: z.enum(["active", "retired"]),
    }),
  ),
});

/** RFC 8410: what precedes the 32 bytes of an Ed25519 public key in its SPKI form. */
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" }).subarray(spkiPrefix.length);
}

function kidOf(raw: Uint8Array): string {
  return createHash("sha256").update(raw).digest("hex").slice(0, 16);
}

/** @throws {@link RecoverError} (exit 2) if the file is not a recover keyring. */
export async function readRecoverKeyring(path: string): Promise<RecoverKeyringJson> {
  try {
    return recoverKeyringJson.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    throw new RecoverError(exit.configuration, `The recover keyring cannot be used: ${path}`, {
      advice: "`recover keys signer` writes one; docs/recovery-formats.md shows its form.",
    });
  }
}

/** @throws {@link RecoverError} (exit 2) with every fault of the keyring. */
export async function loadRecoverKeyring(path: string): Promise<RecoverKeyring> {
  const { signers, approvals_required } = await readRecoverKeyring(path);
  const kids = new Set<string>();
  const faults: string[] = [];
  const loaded = signers.map(({ kid, login, public_key, state }, index) => {
    const raw = Buffer.from(public_key, "base64url");
    if (kidOf(raw) !== kid) faults.push(`signers[${index}].kid: is not that of its public_key.`);
    if (kids.has(kid)) faults.push(`signers[${index}].kid: stands in the keyring twice.`);
    kids.add(kid);
    const der = Buffer.concat([spkiPrefix, raw]);
    const publicKey = createPublicKey({ key: der, format: "der", type: "spki" });
    return { kid, login, publicKey, rawPublicKey: raw, state };
  });
  if (faults.length === 0) return { signers: loaded, approvalsRequired: approvals_required };
  throw new RecoverError(exit.configuration, `The recover keyring cannot be used: ${path}`, {
    advice: "Mend these entries, or make them again with `recover keys signer`.",
    faults,
  });
}

/** @throws {@link RecoverError} (exit 2) if the file is no private Ed25519 key, or others may read it. */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const refuse = (what: string): never => {
    throw new RecoverError(exit.configuration, `The signing key ${what}: ${path}`, {
      advice: "`recover keys signer` writes a new one.",
    });
  };
  const { mode } = await stat(path).catch(() => refuse("cannot be read"));
  // Windows has no such mode bits.
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    refuse("is readable by group or others; its mode must be 0600");
  }
  const key = await readFile(path, "utf8")
    .then(createPrivateKey)
    .catch(() => refuse("is no private key in PEM form"));
  if (key.asymmetricKeyType !== "ed25519") refuse("is not an Ed25519 key");
  const raw = rawPublicKey(createPublicKey(key));
  return {
    kid: kidOf(raw),
    rawPublicKey: raw,
    sign: (bytes) => sign(null, bytes, key),
  };
}

export function verifiedBy(signer: Signer, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, bytes, signer.publicKey, signature);
}

/** Writes a new private key (mode 0600, never over a file) and returns its entry for the keyring. */
export async function writeSigningKey(path: string, login: string): Promise<SignerJson> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = privateKey.export({ format: "pem", type: "pkcs8" });
  await writeFile(path, pem, { mode: 0o600, flag: "wx" });
  const raw = rawPublicKey(publicKey);
  return { kid: kidOf(raw), login, public_key: raw.toString("base64url"), state: "active" };
}
