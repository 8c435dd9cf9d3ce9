/** Files that others rely on, put in the old one's place. */

import { randomUUID } from "node:crypto";
import { realpath, rename, rm } from "node:fs/promises";

/**
 * Writes a draft beside the file, then renames it: never half a file, and no other than the one a
 * link leads to.
 */
export async function replaceFile(
  path: string,
  write: (draft: string) => Promise<void>,
): Promise<void> {
  const file = await realpath(path).catch(() => path);
  const draft = `${file}.${randomUUID()}.keyring.json`;
  try {
    await write(draft);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}
