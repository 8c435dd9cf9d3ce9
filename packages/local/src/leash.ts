/** Keeps child processes and temporary directories from outliving this process, even when it is killed. */
import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/** What is ended and removed once the process that holds the leash is gone. */
export interface Leashed {
  readonly processes: readonly { readonly pid: number; readonly endWith: NodeJS.Signals }[];
  readonly directories: readonly string[];
}

const processes = new Map<number, NodeJS.Signals>();
const directories = new Set<string>();
let keeper: ChildProcess | undefined;

/** Path of a sibling module that runs as its own process: TypeScript from source, JavaScript once built. */
export function siblingModule(name: string): string {
  return fileURLToPath(new URL(`./${name}${extname(import.meta.url)}`, import.meta.url));
}

// One keeper for this process, in a session of its own, so that Ctrl-C does not
// reach it. Its IPC channel closes when this process ends for whatever reason.
function openKeeper(): ChildProcess {
  const child = fork(siblingModule("leash-process"), {
    detached: true,
    execArgv: [],
    stdio: "ignore",
  });
  child.unref();
  child.channel?.unref();
  child.once("exit", () => {
    keeper = undefined;
  });
  return child;
}

function tellKeeper(): void {
  keeper ??= openKeeper();
  const leashed: Leashed = {
    processes: [...processes].map(([pid, endWith]) => ({ pid, endWith })),
    directories: [...directories],
  };
  keeper.send(leashed);
}

/** Holds a child until it exits: if this process ends first, the child gets `endWith`, and SIGKILL if it stays. */
export function leashChild(child: ChildProcess, endWith: NodeJS.Signals = "SIGTERM"): void {
  const { pid } = child;
  if (pid === undefined) return;
  processes.set(pid, endWith);
  child.once("exit", () => {
    processes.delete(pid);
    tellKeeper();
  });
  tellKeeper();
}

/** Holds a directory: if this process ends before {@link unleashDirectory}, it is removed. */
export function leashDirectory(directory: string): void {
  directories.add(directory);
  tellKeeper();
}

/** Lets go of a directory that its owner has removed. */
export function unleashDirectory(directory: string): void {
  directories.delete(directory);
  tellKeeper();
}
