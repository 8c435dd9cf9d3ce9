/** Runs Maskline's own commands, the ones its users type, each as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { addAbortListener, once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { leashChild, nodeEnvironment } from "@org/local";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const logTailLength = 2_000;

const entries = {
  console: "apps/console/src/main.ts",
  consumer: "apps/consumer/src/main.ts",
  migrate: "packages/db/src/command/migrate.ts",
  recover: "apps/recover/src/main.ts",
} as const;

export interface Command {
  readonly name: keyof typeof entries;
  readonly args?: readonly string[];
  /** Its whole environment beside what any Node process takes: no setting and no .env of the caller's reaches it. */
  readonly env: Readonly<Record<string, string>>;
  /** Where what it prints goes; its working directory is the one that holds this file. */
  readonly logFile: string;
}

/** A command that failed, and the end of what it printed. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/**
 * Runs a command to its end; aborting ends it.
 *
 * @throws {@link CommandError} if it exits with anything but 0.
 */
export async function runCommand(command: Command, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = await start(command);
  using _ = addAbortListener(signal, () => child.kill("SIGKILL"));
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  signal.throwIfAborted();
  if (child.exitCode === 0) return;
  const printed = (await readFile(command.logFile, "utf8")).slice(-logTailLength);
  throw new CommandError(`The command ${command.name} failed. What it printed last:\n${printed}`);
}

// In a session of its own: Ctrl-C is the demo's to handle.
async function start({ name, args = [], env, logFile }: Command): Promise<ChildProcess> {
  await using log = await open(logFile, "a");
  const child = spawn(
    process.execPath,
    ["--conditions=@org/source", join(repository, entries[name]), ...args],
    {
      cwd: dirname(logFile),
      detached: true,
      env: { ...nodeEnvironment, ...env },
      stdio: ["ignore", log.fd, log.fd],
    },
  );
  await once(child, "spawn");
  leashChild(child);
  return child;
}
