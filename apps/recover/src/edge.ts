/** What the process gives the tool: handed in by main.ts, and by tests. */

export interface Edge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean };
  readonly stdout: Sink;
  readonly stderr: Sink;
}

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** One JSON document on standard output, or lines for a reader. */
export function report(
  edge: Edge,
  options: { readonly json: boolean },
  answer: { readonly json: unknown; readonly text: readonly string[] },
): void {
  const text = options.json ? JSON.stringify(answer.json) : answer.text.join("\n");
  edge.stdout.write(`${text}\n`);
}
