/** Where the text behind a key's reference comes from: the environment, or a file that only its owner reads. */

import { open, type FileHandle } from "node:fs/promises";
import { resolve } from "node:path";
import {
  isInline,
  type KeyService,
  KeySourceFault,
  readVariable,
} from "../format/key-reference.ts";

/** What a keyring's references are looked up in. */
export interface KeySources {
  /** For `env:NAME`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `aws-kms:ARN`; without it, AWS KMS by way of the package `@aws-sdk/client-kms`. */
  readonly kms?: KeyService;
  /** What a relative `file:PATH` starts from. */
  readonly directory?: string;
}

export async function readText(
  reference: string,
  sources: KeySources,
  { secret }: { readonly secret: boolean },
): Promise<string> {
  if (isInline(reference)) return reference;
  const target = reference.slice(reference.indexOf(":") + 1);
  if (reference.startsWith("env:")) return readVariable(target, sources.env);
  if (reference.startsWith("file:")) {
    const { text, isShared } = await readOwnFile(resolve(sources.directory ?? "", target));
    if (secret && isShared) throw new KeySourceFault(`names a file that ${sharedFileFault}`);
    return text;
  }
  throw new KeySourceFault("has a scheme that is none of env:, file:, aws-kms:");
}

/** A file's text, and whether others could read it than those it is meant for. */
export async function readOwnFile(path: string): Promise<{ text: string; isShared: boolean }> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    // The mode of the open file, so that it is the mode of what is read; Windows has no such bits.
    const isShared = process.platform !== "win32" && isOpenToOthers(await file.stat());
    return { text: await file.readFile("utf8"), isShared };
  } catch (error) {
    throw new KeySourceFault(`names a file that cannot be read (${systemCode(error)})`);
  } finally {
    await file?.close();
  }
}

/**
 * Whether a file's mode lets others at it than its owner.
 *
 * A group may read what is root's: a secret that an orchestrator mounts belongs to root and to the
 * group of the process, which can have it no other way. PostgreSQL takes its TLS key by the same rule.
 */
export function isOpenToOthers(
  { mode, uid }: { readonly mode: number; readonly uid: number },
  ownUid: number | undefined = process.geteuid?.(),
): boolean {
  const isMounted = uid === 0 && ownUid !== 0;
  return (mode & (isMounted ? 0o037 : 0o077)) !== 0;
}

export const sharedFileFault =
  "is readable by group or others: its mode must be 0600 or 0400, or 0440 where it is root's and mounted for this process's group";

/** ENOENT and its like; nothing else of a system error is repeated. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "unknown error";
}
