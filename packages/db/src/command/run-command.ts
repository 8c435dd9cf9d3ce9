/** What the commands share: flags, configuration, exit codes. Nobody here prints a stack or a value. */

import { parseArgs } from "node:util";
import { DatabaseError } from "../database-error.ts";
import { MissingRightsError, WrongLoginError } from "../roles.ts";
import { readConfig } from "./config.ts";

export interface Command<Flag extends string> {
  readonly usage: string;
  /** Flags that take a whole number, each with the least it may be. */
  readonly flags: Readonly<Record<Flag, number>>;
  /** Resolves with the lines to print. */
  run(url: string | undefined, values: Readonly<Partial<Record<Flag, number>>>): Promise<string[]>;
}

/** What a setting or a GRANT mends: wrong user, password, database or schema; a right that the login lacks. */
const configurationStates = new Set(["28000", "28P01", "3D000", "3F000", "42501"]);

/** Runs the command on this process's arguments and environment, and sets its exit code. */
export async function runCommand<Flag extends string>(command: Command<Flag>): Promise<void> {
  if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
    process.stdout.write(`${command.usage}\n`);
    return;
  }
  const flags = readFlags(command.flags, process.argv.slice(2));
  const config = readConfig(process.env);
  const faults = [...flags.faults, ...(config.ok ? [] : config.faults)];
  if (faults.length > 0 || !config.ok) return fail(2, [...faults, "", command.usage]);
  try {
    process.stdout.write(lines(await command.run(config.url, flags.values)));
  } catch (error) {
    if (error instanceof MissingRightsError || error instanceof WrongLoginError)
      return fail(2, [error.message]);
    if (error instanceof DatabaseError) {
      const exitCode = configurationStates.has(error.sqlState ?? "") ? 2 : 1;
      return fail(exitCode, [error.message, advice(error, config.source)]);
    }
    throw error;
  }
}

function advice({ sqlState }: DatabaseError, source: string): string {
  if (sqlState === null) return `Check host, port and TLS settings in ${source}.`;
  if (sqlState === "3F000") return "Run `pnpm migrate` first.";
  return `Check ${source}, and PostgreSQL's log for what it says of this.`;
}

interface ParsedFlags<Flag extends string> {
  readonly values: Readonly<Partial<Record<Flag, number>>>;
  readonly faults: readonly string[];
}

function readFlags<Flag extends string>(
  minimums: Readonly<Record<Flag, number>>,
  args: string[],
): ParsedFlags<Flag> {
  const names = Object.keys(minimums) as Flag[];
  const { tokens } = parseArgs({
    args,
    options: Object.fromEntries(names.map((name) => [name, { type: "string" as const }])),
    strict: false,
    tokens: true,
  });
  const values: Partial<Record<Flag, number>> = {};
  const faults: string[] = [];
  for (const token of tokens) {
    const name = token.kind === "option" ? names.find((known) => known === token.name) : undefined;
    if (name === undefined || token.kind !== "option") {
      faults.push("An argument is not known to this command.");
      continue;
    }
    const value = /^\d{1,6}$/.test(token.value ?? "") ? Number(token.value) : Number.NaN;
    if (value >= minimums[name]) values[name] = value;
    else faults.push(`--${name} takes a whole number of at least ${minimums[name]}.`);
  }
  return { values, faults };
}

function fail(exitCode: number, message: readonly string[]): void {
  process.stderr.write(lines(message));
  process.exitCode = exitCode;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
