/** Copies a server's files while it runs, as pg_basebackup does: npm's PostgreSQL comes without it. */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import type { LocalPostgres } from "./postgres.ts";

export interface BaseBackup {
  /** WAL is not in it: it comes from the server or from an archive. */
  readonly directory: string;
  /** The superuser's. */
  readonly password: string;
}

/** PostgreSQL's documentation, 25.3.4.1: what may stay out of a backup's data directory. */
const omittedFiles: readonly string[] = ["postmaster.pid", "postmaster.opts"];
const emptied: readonly string[] = [
  "pg_wal",
  "pg_replslot",
  "pg_dynshmem",
  "pg_notify",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
];

/** Where WAL is archived, resolves once the archive has what the backup needs. */
export async function takeBaseBackup(
  {
    adminUrl,
    dataDirectory,
    password,
  }: Pick<LocalPostgres, "adminUrl" | "dataDirectory" | "password">,
  directory: string,
): Promise<BaseBackup> {
  const client = new Client({ connectionString: adminUrl });
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start('base', fast => true)");
    await copyLive(dataDirectory, directory);
    const stopped = await client.query<{ labelfile: string }>(
      "SELECT labelfile FROM pg_backup_stop()",
    );
    await writeFile(join(directory, "backup_label"), stopped.rows[0]?.labelfile ?? "", {
      mode: 0o600,
    });
  } finally {
    await client.end();
  }
  return { directory, password };
}

async function copyLive(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (omittedFiles.includes(entry.name)) continue;
    if (emptied.includes(entry.name)) await mkdir(target, { mode: 0o700 });
    else if (entry.isDirectory()) await copyLive(source, target);
    else await copyFile(source, target).catch(unlessGone);
  }
}

/** Tables are dropped while one copies; WAL says so again. */
function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
