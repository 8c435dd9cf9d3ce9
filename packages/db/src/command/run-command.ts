/** What the commands share: flags, configuration, exit codes. Nobody here prints a stack or a value. */

import { parseArgs } from "node:util";
import { recordRun, type Sample } from "@org/run-metrics";
import { ContractError } from "@org/schema";
import { DatabaseError } from "../database-error.ts";
import { MigrationRefusedError } from "../migrate.ts";
import { MissingRightsError, WrongLoginError } from "../roles.ts";
import { readConfig } from "./config.ts";

/** A whole number, with the least it may be; or a switch, which is there or not. */
type Kind = number | "switch";

/** A switch that is there is 1. */
export type FlagValues<Flag extends string> = Readonly<Partial<Record<Flag, number>>>;

export interface Command<Flag extends string> {
  readonly usage: string;
  readonly flags: Readonly<Record<Flag, Kind>>;
  /** What metrics call it; null where it is not told. */
  readonly name: (values: FlagValues<Flag>) => string | null;
  readonly run: (settings: RunSettings, values: FlagValues<Flag>) => Promise<Done>;
}

export interface Done {
  /** To print. */
  readonly lines: readonly string[];
  readonly samples?: readonly Sample[];
}

export interface RunSettings {
  readonly url: string | undefined;
  /** A contract's name or path. */
  readonly contract: string;
  /** Where a relative path begins. */
  readonly directory: string;
  readonly sendsWeakPassword: boolean;
}

/** What a setting or a GRANT fixes: wrong user, password, database or schema; a right that the login lacks. */
const configurationStates = new Set(["28000", "28P01", "3D000", "3F000", "42501"]);

/** Runs the command on this process's arguments and environment, and sets its exit code. */
export async function runCommand<Flag extends string>(command: Command<Flag>): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    // A reader may go away (`| head`): what was begun is still done.
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
  if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
    process.stdout.write(`${command.usage}\n`);
    return;
  }
  const startedAtMs = performance.now();
  const flags = readFlags(command.flags, process.argv.slice(2));
  // Also where an error that nobody foresaw passes by.
  let ended: Ended = { exitCode: 1 };
  try {
    ended = await attempt(command, flags);
  } finally {
    const name = command.name(flags.values);
    const { exitCode, samples = [] } = ended;
    const fault =
      name === null
        ? null
        : await recordRun(process.env, { command: name, exitCode, startedAtMs, samples });
    if (fault !== null) process.stderr.write(lines([`Warning: ${fault}`]));
    process.exitCode = exitCode;
  }
}

interface Ended extends Pick<Done, "samples"> {
  readonly exitCode: number;
}

async function attempt<Flag extends string>(
  command: Command<Flag>,
  flags: ParsedFlags<Flag>,
): Promise<Ended> {
  const config = readConfig(process.env);
  const faults = [...flags.faults, ...(config.ok ? [] : config.faults)];
  if (faults.length > 0 || !config.ok) return fail(2, [...faults, "", command.usage]);
  process.stderr.write(lines(config.warnings.map((warning) => `Warning: ${warning}.`)));
  try {
    const done = await command.run(config, flags.values);
    process.stdout.write(lines(done.lines));
    return { exitCode: 0, ...done };
  } catch (error) {
    if (isConfigurationFault(error)) return fail(2, [error.message]);
    if (error instanceof DatabaseError) {
      const isConfiguration =
        configurationStates.has(error.sqlState ?? "") || error.reason === "weak_password";
      const exitCode = isConfiguration ? 2 : 1;
      return fail(exitCode, [error.message, advice(error, config.source)]);
    }
    throw error;
  }
}

function isConfigurationFault(error: unknown): error is Error {
  return [MissingRightsError, WrongLoginError, MigrationRefusedError, ContractError].some(
    (fault) => error instanceof fault,
  );
}

function advice({ sqlState, reason }: DatabaseError, source: string): string {
  if (reason === "weak_password") {
    return `Add sslmode=verify-full in ${source}, or set the password again with password_encryption = scram-sha-256; weak_password in MASKLINE_ALLOW gives it all the same.`;
  }
  if (sqlState === null) return `Check host, port and TLS settings in ${source}.`;
  if (sqlState === "3F000") return "Run `pnpm migrate` first.";
  if (sqlState === "55P03")
    return "Run it again; pg_stat_activity shows the sessions that are open for long.";
  return `Check ${source}, and PostgreSQL's log for what it says of this.`;
}

interface ParsedFlags<Flag extends string> {
  readonly values: FlagValues<Flag>;
  readonly faults: readonly string[];
}

function readFlags<Flag extends string>(
  kinds: Readonly<Record<Flag, Kind>>,
  args: string[],
): ParsedFlags<Flag> {
  const names = Object.keys(kinds) as Flag[];
  const { tokens } = parseArgs({
    args,
    options: Object.fromEntries(
      names.map(
        (name) => [name, { type: kinds[name] === "switch" ? "boolean" : "string" }] as const,
      ),
    ),
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
    const kind: Kind = kinds[name];
    if (kind === "switch") {
      values[name] = 1;
      continue;
    }
    const value = /^\d{1,6}$/.test(token.value ?? "") ? Number(token.value) : Number.NaN;
    if (value >= kind) values[name] = value;
    else faults.push(`--${name} takes a whole number of at least ${kind}.`);
  }
  return { values, faults };
}

function fail(exitCode: number, message: readonly string[]): Ended {
  process.stderr.write(lines(message));
  return { exitCode };
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join("");
}
