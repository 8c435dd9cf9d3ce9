/** Steps and a live line for somebody who watches; silent when nobody does. */
import { clearLine, cursorTo } from "node:readline";
import { styleText } from "node:util";

const longestBar = 30;

export interface ProgressView {
  /** Says what is being done; the next step or `done` ends it. */
  readonly step: (text: string) => void;
  /** How far the step has come, and what else there is to say about it. */
  readonly advance: (part: number, total: number, remark?: string) => void;
  readonly done: () => void;
}

type Terminal = NodeJS.WritableStream & { readonly columns: number };

/** @param output - A terminal, or null where nothing is to be shown. */
export function createProgressView(output: Terminal | null): ProgressView {
  let current: { text: string; startedAt: number } | null = null;
  let shown = "";

  const live = (line: string): void => {
    if (!output || line === shown) return;
    shown = line;
    clearLine(output, 0);
    cursorTo(output, 0);
    output.write(line);
  };
  // A line that wraps is not cleared whole. The last column stays free: some terminals wrap once it is full.
  const room = (): number => (output?.columns || Infinity) - 1;
  const done = (): void => {
    if (!current) return;
    const seconds = ((performance.now() - current.startedAt) / 1_000).toFixed(1);
    live(`${styleText("green", "✔")} ${current.text} ${styleText("dim", `${seconds} s`)}\n`);
    current = null;
  };

  return {
    step(text) {
      done();
      current = { text, startedAt: performance.now() };
      live(`… ${text}`.slice(0, room()));
    },
    advance(part, total, remark = "") {
      if (!current) return;
      const before = `… ${current.text} `;
      const after = `${part} of ${total}${remark}`;
      const width = Math.min(longestBar, room() - before.length - after.length - 1);
      if (width <= 0) {
        live(`${before}${after}`.slice(0, room()));
        return;
      }
      const filled = Math.round((width * Math.min(part, total)) / total);
      const bar = "█".repeat(filled) + "░".repeat(width - filled);
      live(`${before}${styleText("cyan", bar)} ${after}`);
    },
    done,
  };
}
