/** Where opened values go: a new file of mode 0600, or the terminal if asked for explicitly. */

import { open, unlink } from "node:fs/promises";
import type { Sink } from "./edge.ts";
import {
  exit,
  printable,
  printableJson,
  RecoverError,
  type ResultRow,
  type ResultSink,
} from "@org/recovery";

export type Format = "table" | "jsonl" | "csv";

export interface ResultFile extends ResultSink {
  /** Removes the file unless everything was written: no half of it stays behind. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the destination before anything is claimed, so that a full disk or a wrong path costs no
 * grant.
 *
 * @param path - Null: the terminal.
 * @throws {@link RecoverError} (exit 2) if the file exists or cannot be made.
 */
export async function openResultFile(
  path: string | null,
  format: Format,
  terminal: Sink,
): Promise<ResultFile> {
  if (path === null) {
    return {
      async write(rows) {
        terminal.write(formatRows(rows, format));
      },
      close: async () => {},
    };
  }
  const file = await openNewFile(path);
  return { ...file, write: (rows) => file.write(formatRows(rows, format)) };
}

export interface NewFile {
  readonly write: (text: string) => Promise<void>;
  /** Removes the file unless everything was written. */
  readonly close: () => Promise<void>;
}

/** @throws {@link RecoverError} (exit 2) if it exists, or cannot be made. */
export async function openNewFile(path: string): Promise<NewFile> {
  const file = await open(path, "wx", 0o600).catch(() => {
    throw new RecoverError(exit.configuration, `The result file cannot be made: ${path}`, {
      advice: "Name a file that does not exist yet, in a directory that does.",
    });
  });
  let isWritten = false;
  return {
    async write(text) {
      await file.writeFile(text);
      await file.sync();
      isWritten = true;
    },
    async close() {
      await file.close();
      if (!isWritten) await unlink(path);
    },
  };
}

export function formatRows(rows: readonly ResultRow[], format: Format): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (format === "jsonl") return rows.map((row) => `${printableJson(row)}\n`).join("");
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ""))].map(
    (line) => line.map(printable),
  );
  return format === "csv"
    ? lines.map((line) => `${line.map(csvCell).join(",")}\r\n`).join("")
    : table(lines);
}

/** What a spreadsheet takes for the start of a formula, also after white space and in full width. */
const formulaStart = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/u;

/** RFC 4180, always in quotes. What a spreadsheet would run as a formula gets an apostrophe before it. */
function csvCell(text: string): string {
  const inert = formulaStart.test(text) ? `'${text}` : text;
  return `"${inert.replaceAll('"', '""')}"`;
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]?.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join("  "))
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
