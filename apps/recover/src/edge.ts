/** What the process gives the tool: handed in by main.ts, and by tests. */

import type { Sample } from "@org/run-metrics";
import { exit, printable, printableJson, printableLines, RecoverError } from "@org/recovery";

export interface Edge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Asks who sits at the terminal; null where nobody does. */
  readonly confirm: ((question: string) => Promise<boolean>) | null;
}

/** For a command that has more to tell Prometheus than how it ended. */
export interface MeasuredEdge extends Edge {
  /** Reads nothing where nobody wants it. */
  readonly measure: (read: () => readonly Sample[] | Promise<readonly Sample[]>) => Promise<void>;
}

export interface Sink {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
}

/** A question is asked only on a terminal; a script has decided by running the command. */
export async function confirmOrEnd(
  edge: Edge,
  yes: boolean,
  lines: readonly string[],
): Promise<void> {
  if (yes || edge.confirm === null) return;
  edge.stderr.write(`${lines.map(printable).join("\n")}\n`);
  if (await edge.confirm("Go on?")) return;
  throw new RecoverError(exit.denied, "Stopped: you said no.", { advice: "Nothing was done." });
}

/** Standard input without the line's end; for values that must not stand in argv. */
export async function readStdin(edge: Edge): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of edge.stdin) chunks.push(Buffer.from(chunk as string));
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

/** @throws {@link RecoverError} (exit 2) if standard input is empty. */
export async function readValue(edge: Edge): Promise<string> {
  const value = await readStdin(edge);
  if (value !== "") return value;
  throw new RecoverError(exit.configuration, "There is no value on standard input.", {
    advice: "Type it and end with Ctrl-D, or redirect a file.",
  });
}

/** One JSON document on standard output, or lines for a reader: whatever a database put in, it steers no terminal. */
export function report(
  edge: Edge,
  options: { readonly json: boolean },
  answer: { readonly json: unknown; readonly text: readonly string[] },
): void {
  const text = options.json
    ? printableJson(answer.json)
    : answer.text.map(printableLines).join("\n");
  edge.stdout.write(`${text}\n`);
}
