/** Checkpoints as files of a directory, which is best on another machine's file system. */

import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { exit, RecoverError } from "../exit.ts";
import { checkpointBytesAtMost, type CheckpointSink } from "./sink.ts";

const isCheckpoint = (name: string): boolean => name.endsWith(".checkpoint");

export function openFileSink(directory: string): CheckpointSink {
  const list = async (): Promise<string[]> => {
    // One that is not there is never made: it is mistyped, or not mounted, and the checkpoints are elsewhere.
    const names = await readdir(directory).catch(() => {
      throw unavailable("cannot be read", directory);
    });
    return names.filter(isCheckpoint).toSorted().toReversed();
  };
  const read = (name: string): Promise<string> =>
    readSmall(join(directory, name)).catch(() => {
      throw unavailable("cannot be read", directory);
    });
  return {
    async put({ name, text }) {
      try {
        await writeOnce(join(directory, name), text);
        await flushDirectory(directory);
      } catch (error) {
        const isSame = isNodeError(error, "EEXIST") && (await read(name)) === text;
        if (!isSame) throw unavailable("did not accept the checkpoint", directory);
      }
    },
    async *read() {
      // One by one: months of checkpoints are more files than a process may have open.
      for (const name of await list()) yield { name, text: await read(name) };
    },
  };
}

/** Empty where it is no file, or too long: a pipe would make its reader wait for ever. */
async function readSmall(path: string): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await file.stat();
  if (!stats.isFile() || stats.size > checkpointBytesAtMost) return "";
  return await file.readFile("utf8");
}

/** A file of another name until it is whole: a checkpoint that was cut short never counts as one. */
async function writeOnce(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomUUID()}`;
  try {
    await using file = await open(draft, "wx", 0o400);
    await file.writeFile(text);
    await file.sync();
    await link(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Without it the file's name may be lost in a power cut. */
async function flushDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  await using handle = await open(directory, "r");
  await handle.sync();
}

function isNodeError(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function unavailable(what: string, directory: string): RecoverError {
  return new RecoverError(exit.auditUnavailable, `The checkpoint directory ${what}: ${directory}`, {
    advice:
      "Nothing was opened. Make the directory once (mode 0700), mount it, or name another in the recover keyring.",
  });
}
