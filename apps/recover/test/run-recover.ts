/** Runs the tool in this process, as main.ts would, and keeps what it wrote. */

import { run } from "../src/run.ts";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runRecover(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdin = "",
  /** What the person at the terminal answers; left out, there is no terminal. */
  answer?: boolean,
): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  const code = await run(argv, {
    env,
    stdin: (async function* () {
      yield stdin;
    })(),
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    confirm: answer === undefined ? null : async () => answer,
  });
  return { code, stdout, stderr };
}
