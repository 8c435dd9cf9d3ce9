/** Somebody with a login and a signing key, who types commands of `recover`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { leashChild, nodeEnvironment } from "@org/local";

const main = fileURLToPath(new URL("../../../recover/src/main.ts", import.meta.url));

export type Say = (text: string) => void;

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

export interface Person {
  readonly login: string;
  /**
   * Types a command, shows it and what it printed, and expects how it ends.
   *
   * @throws {@link UnexpectedEnd}
   */
  readonly type: (args: readonly string[], expected: Expected) => Promise<Ended>;
}

export interface Expected {
  readonly exitCode: number;
  readonly stdin?: string;
  /** Said instead of printing the answer, where that would only repeat. */
  readonly quiet?: boolean;
}

/** A command that did not end as the walk promises. */
export class UnexpectedEnd extends Error {
  override readonly name = "UnexpectedEnd";
}

export function createPerson(
  login: string,
  { env, directory, say }: { env: Readonly<Record<string, string>>; directory: string; say: Say },
): Person {
  return {
    login,
    async type(args, expected) {
      const input = expected.stdin === undefined ? "" : ` <<< ${quote(expected.stdin)}`;
      say(`\n  ${login}$ recover ${args.map(quote).join(" ")}${input}`);
      const { code, ...ended } = await run(args, { env, directory, stdin: expected.stdin ?? "" });
      if (!expected.quiet) say(indent(ended.stdout + ended.stderr));
      if (code === expected.exitCode) return ended;
      const printed = indent(ended.stderr);
      throw new UnexpectedEnd(
        `recover ${args[0]} ended with ${code}, and not ${expected.exitCode}:\n${printed}`,
      );
    },
  };
}

async function run(
  args: readonly string[],
  {
    env,
    directory,
    stdin,
  }: { env: Readonly<Record<string, string>>; directory: string; stdin: string },
): Promise<Ended & { readonly code: number | null }> {
  const child = spawn(process.execPath, ["--conditions=@org/source", main, ...args], {
    cwd: directory,
    env: { ...nodeEnvironment, INIT_CWD: directory, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  leashChild(child);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.end(stdin);
  await closed;
  return { code: child.exitCode, stdout, stderr };
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, "    ");
}

function quote(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `"${text}"`;
}
