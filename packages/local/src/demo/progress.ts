/** Steps and a live line for somebody who watches; silent when nobody does. */
import { clearLine, cursorTo } from "node:readline";
import { styleText } from "node:util";
import type { WriteStream } from "node:tty";

const barWidth = 30;

export interface ProgressView {
  /** Says what is being done; the next step or `done` ends it. */
  step(text: string): void;
  /** How far the step has come, and what else there is to say about it. */
  advance(part: number, total: number, remark?: string): void;
  done(): void;
}

/** @param output - A terminal, or null where nothing is to be shown. */
export function createProgressView(output: WriteStream | null): ProgressView {
  let current: { text: string; startedAt: number } | null = null;
  let shown = "";

  const live = (line: string): void => {
    if (!output || line === shown) return;
    shown = line;
    clearLine(output, 0);
    cursorTo(output, 0);
    output.write(line);
  };
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
      live(`… ${text}`);
    },
    advance(part, total, remark = "") {
      if (!current) return;
      const filled = Math.round((barWidth * Math.min(part, total)) / total);
      const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
      live(`… ${current.text} ${styleText("cyan", bar)} ${part} of ${total}${remark}`);
    },
    done,
  };
}
