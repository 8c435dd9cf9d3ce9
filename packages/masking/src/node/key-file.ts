/** Files with keys in them: read only where nobody else could have read a secret, or changed a key. */

import { open, type FileHandle } from "node:fs/promises";
import { MaskingError } from "../errors.ts";

/** Whose a file is, and what it lets others do. */
export interface Ownership {
  readonly mode: number;
  readonly uid: number;
}

/**
 * Why a file's mode is not one for keys, or null.
 *
 * Nobody but the owner may write it: whoever puts another public key in its place can open what is
 * sealed from then on. Nobody else may read a secret; but a group may read what is root's: a secret
 * that an orchestrator mounts belongs to root and to the group of the process, which can have it
 * no other way. PostgreSQL takes its TLS key by the same rule.
 */
export function modeFault(
  { mode, uid }: Ownership,
  secret: boolean,
  ownUid: number | undefined = process.geteuid?.(),
): string | null {
  const isMounted = uid === 0 && ownUid !== 0;
  if (secret && (mode & (isMounted ? 0o037 : 0o077)) !== 0) {
    return "is readable by group or others: its mode must be 0600 or 0400, or 0440 where it is root's and mounted for this process's group";
  }
  if ((mode & 0o022) === 0) return null;
  return "is writable by group or others: its mode must be 0644 at most";
}

/** A file's text, and what {@link modeFault} judges by; null on Windows, which has no such modes. */
export async function readWithOwnership(
  path: string,
): Promise<{ text: string; ownership: Ownership | null }> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    // Those of the open file, so that they are those of what is read.
    const ownership = process.platform === "win32" ? null : await file.stat();
    return { text: await file.readFile("utf8"), ownership };
  } finally {
    await file?.close();
  }
}

/**
 * Reads a file that holds keys, by the rule that keyrings are read by: nobody but its owner may
 * write it, nor, with a secret in it, read it; the group of what root mounts may.
 *
 * @throws {@link MaskingError} `ERR_MASKING_KEY_INVALID` if it cannot be read or its mode is another.
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { readKeyFile } from "@org/masking/keyring";
 *
 * const path = join(await mkdtemp(join(tmpdir(), "keys-")), "signing.pem");
 * await writeFile(path, "a private key", { mode: 0o600 });
 * console.log(await readKeyFile(path, { secret: true })); // a private key
 * ```
 */
export async function readKeyFile(
  path: string,
  { secret }: { readonly secret: boolean },
): Promise<string> {
  const { text, ownership } = await readWithOwnership(path).catch((error: unknown) => {
    throw keyInvalid(`cannot be read (${systemCode(error)})`);
  });
  const fault = ownership && modeFault(ownership, secret);
  if (fault !== null) throw keyInvalid(fault);
  return text;
}

const keyInvalid = (fault: string): MaskingError =>
  new MaskingError("ERR_MASKING_KEY_INVALID", `The file ${fault}.`);

/** ENOENT and its like; nothing else of a system error is repeated. */
export function systemCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : "unknown error";
}
