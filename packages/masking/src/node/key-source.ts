/** Where a key's bytes come from: the keyring itself, the environment, a file, or a KMS. */

import { open, type FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import { decodeBase64url } from "../format/base64url.ts";

/** A key management service, as far as a keyring needs one. */
export interface KeyService {
  /** Decrypts a wrapped token key with the key that `arn` names. Called once a key, at start. */
  unwrapKey(arn: string, wrapped: Uint8Array): Promise<Uint8Array>;
  /**
   * Diffie-Hellman of the private key that `arn` names with `publicKey` (65 bytes, uncompressed);
   * resolves to the raw 32-byte x coordinate. Called once a batch key.
   */
  deriveSharedSecret(arn: string, publicKey: Uint8Array): Promise<Uint8Array>;
}

/** What a keyring's references are looked up in. */
export interface KeySources {
  /** For `env:NAME`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `aws-kms:ARN`. */
  readonly kms?: KeyService;
  /** What a relative `file:PATH` starts from. */
  readonly directory?: string;
}

/** A fault of one key, as the end of a sentence; never holds what was read. */
export class KeySourceFault extends Error {}

const kmsScheme = "aws-kms:";

/** The ARN of an `aws-kms:ARN` reference, or null if the text is something else. */
export function kmsArnOf(reference: string): string | null {
  return reference.startsWith(kmsScheme) ? reference.slice(kmsScheme.length) : null;
}

export const isInline = (reference: string): boolean => !reference.includes(":");

export function kmsOf(sources: KeySources): KeyService {
  if (sources.kms) return sources.kms;
  throw new KeySourceFault("refers to a KMS, and none was given");
}

/** The bytes behind a reference that is not a KMS's. */
export async function readKey(
  reference: string,
  sources: KeySources,
  { secret }: { readonly secret: boolean },
): Promise<Uint8Array> {
  const bytes = decodeBase64url(await readText(reference, sources, secret));
  if (bytes === null) throw new KeySourceFault("is not base64url without padding");
  return bytes;
}

async function readText(reference: string, sources: KeySources, secret: boolean): Promise<string> {
  if (isInline(reference)) return reference;
  const target = reference.slice(reference.indexOf(":") + 1);
  if (reference.startsWith("env:")) {
    const text = sources.env[target];
    if (!text) throw new KeySourceFault("names an environment variable that is not set");
    return text.trim();
  }
  if (reference.startsWith("file:")) {
    const { text, isShared } = await readOwnFile(resolve(sources.directory ?? "", target));
    if (secret && isShared) throw new KeySourceFault(`names a file that ${sharedFileFault}`);
    return text.trim();
  }
  throw new KeySourceFault("has a scheme that is none of env:, file:, aws-kms:");
}

/** A file's text, and whether others than its owner could read it. */
export async function readOwnFile(path: string): Promise<{ text: string; isShared: boolean }> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    // The mode of the open file, so that it is the mode of what is read; Windows has no such bits.
    const { mode } = await file.stat();
    const isShared = process.platform !== "win32" && (mode & 0o077) !== 0;
    return { text: await file.readFile("utf8"), isShared };
  } catch (error) {
    throw new KeySourceFault(`names a file that cannot be read (${systemCode(error)})`);
  } finally {
    await file?.close();
  }
}

export const sharedFileFault = "is readable by group or others: its mode must be 0600 or 0400";

/** ENOENT and its like; nothing else of a system error is repeated. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "unknown error";
}
