/** Files that somebody else must not read, or must not write: judged by the mode of what is read. */

import { open } from "node:fs/promises";

export interface FileWithMode {
  readonly text: string;
  readonly mode: number;
  readonly uid: number;
}

/** The mode is that of the open file, so that nobody can put another in its place between. */
export async function readWithMode(path: string): Promise<FileWithMode> {
  await using file = await open(path, "r");
  const { mode, uid } = await file.stat();
  return { text: await file.readFile("utf8"), mode, uid };
}

// Windows has no such mode bits.
const hasModes = process.platform !== "win32";

/**
 * A secret's file. The group may read what is root's and mounted for the group of this process; by
 * the same rule keyrings are read (docs/formats.md).
 */
export function isOpenToOthers({ mode, uid }: FileWithMode): boolean {
  const isMounted = uid === 0 && process.geteuid?.() !== 0;
  return hasModes && (mode & (isMounted ? 0o037 : 0o077)) !== 0;
}
