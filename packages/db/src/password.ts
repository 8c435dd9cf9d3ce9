/** Where a password comes from that may be rotated while the program runs. */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { DatabaseError } from "./database-error.ts";

const run = promisify(execFile);

/** A token of IAM's is a few kilobytes, and there within a second. */
const limits = { timeout: 10_000, maxBuffer: 64 * 1024, killSignal: "SIGKILL" } as const;

/** A file as a Secret is mounted, or a command for `/bin/sh`, such as `aws rds generate-db-auth-token …`. */
export type PasswordSource = { readonly file: string } | { readonly command: string };

/**
 * Reads the whole of the file, or of what the command prints within ten seconds, without its last line break.
 *
 * @throws {@link DatabaseError} `password_unreadable`
 */
export function passwordFrom(source: PasswordSource): () => Promise<string> {
  return "file" in source
    ? () => trimmed(readFile(source.file, "utf8"))
    : () => trimmed(run("/bin/sh", ["-c", source.command], limits).then(({ stdout }) => stdout));
}

async function trimmed(reading: Promise<string>): Promise<string> {
  const text = await reading.catch(() => "");
  const password = text.replace(/\r?\n$/, "");
  if (password === "") {
    throw new DatabaseError("The file or command for the password gives none.", {
      // As a file that is being replaced.
      kind: "transient",
      reason: "password_unreadable",
      sqlState: null,
      constraint: null,
      systemCode: null,
    });
  }
  return password;
}
