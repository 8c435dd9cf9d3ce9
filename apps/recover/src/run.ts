/** One call of the tool: parses the command line, does the command, turns its end into an exit code. */

import { MaskingError } from "@org/masking";
import { Command, CommanderError } from "commander";
import { auditCommands } from "./commands/audit.ts";
import { approve, deny } from "./commands/approve.ts";
import { keysCommands } from "./commands/keys.ts";
import { list } from "./commands/list.ts";
import { lookup } from "./commands/lookup.ts";
import { request } from "./commands/request.ts";
import { revoke } from "./commands/revoke.ts";
import { unmask } from "./commands/unmask.ts";
import { databaseFault } from "./compose.ts";
import type { Edge } from "./edge.ts";
import { exit, type ExitCode, RecoverError } from "./exit.ts";

export async function run(argv: readonly string[], edge: Edge): Promise<ExitCode> {
  try {
    await program(edge).parseAsync([...argv], { from: "user" });
    return exit.done;
  } catch (error) {
    return explain(error, edge);
  }
}

function program(edge: Edge): Command {
  const root = new Command("recover")
    .description("Keys, governed recovery, erasure and audit for Maskline.")
    .helpCommand(true)
    .showHelpAfterError("(add --help for examples)")
    .addHelpText(
      "after",
      `
Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 denied, 4 not found,
5 cannot be opened, 20 audit unavailable, 30 tampering found.`,
    );
  const commands = [
    request,
    list,
    approve,
    deny,
    revoke,
    unmask,
    lookup,
    auditCommands,
    keysCommands,
  ];
  for (const command of commands) root.addCommand(command(edge));
  return withEdge(root, edge);
}

/** Commander writes and exits by itself unless each command is told not to. */
function withEdge(command: Command, edge: Edge): Command {
  command.exitOverride().configureOutput({
    writeOut: (text) => void edge.stdout.write(text),
    writeErr: (text) => void edge.stderr.write(text),
  });
  for (const child of command.commands) withEdge(child, edge);
  return command;
}

function explain(thrown: unknown, edge: Edge): ExitCode {
  if (thrown instanceof CommanderError)
    return thrown.exitCode === 0 ? exit.done : exit.configuration;
  const error = foresee(thrown);
  if (error instanceof RecoverError) {
    const faults = error.faults.map((fault) => `  - ${fault}\n`);
    edge.stderr.write(`${error.message}\n${faults.join("")}${error.advice}\n`);
    return error.exitCode;
  }
  // The message of an error that nobody foresaw may quote a value.
  edge.stderr.write(`Unexpected fault (${error instanceof Error ? error.name : typeof error}).\n`);
  return exit.unexpected;
}

/** What the library and the database report, as an end that the tool foresees. */
function foresee(error: unknown): unknown {
  if (error instanceof MaskingError) {
    const isUnseal = error.code === "ERR_MASKING_UNSEAL_FAILED";
    return new RecoverError(isUnseal ? exit.unsealFailed : exit.configuration, error.message, {
      advice: isUnseal ? "Nothing was opened." : "Mend this, then try again.",
    });
  }
  const fault = databaseFault(error);
  if (fault === null) return error;
  const end = databaseEnds.get(fault.sqlState ?? "");
  if (end !== undefined) return new RecoverError(end.code, end.message, end);
  const isUnavailable = fault.kind === "transient" || cannotWrite.test(fault.sqlState ?? "");
  return isUnavailable
    ? new RecoverError(exit.auditUnavailable, "The database cannot be reached, or cannot write.", {
        advice:
          "Without it nothing can be audited, so nothing is opened. Check RECOVER_DATABASE_URL.",
      })
    : new RecoverError(
        exit.unexpected,
        `The database failed (SQLSTATE ${fault.sqlState ?? "none"}).`,
        {
          advice: "Its log says more.",
        },
      );
}

/** Integrity, transaction state, resources, system: what keeps a row of the audit from being written. */
const cannotWrite = /^(23|25|53|58)/;

const notAValue = {
  code: exit.configuration,
  message: "An id, date or time is not one.",
  advice: "Ids are UUIDs; dates are 2026-05-03; times are 2026-05-03T10:00:00Z.",
};

const databaseEnds = new Map<string, { code: ExitCode; message: string; advice: string }>([
  [
    "42501",
    {
      code: exit.denied,
      message: "Your login may not do this.",
      advice: "It takes membership in another role; docs/operations.md lists which.",
    },
  ],
  [
    "28P01",
    {
      code: exit.configuration,
      message: "The database refused the login.",
      advice: "Check user and password in RECOVER_DATABASE_URL.",
    },
  ],
  [
    "3F000",
    {
      code: exit.configuration,
      message: "The database has no recovery schema.",
      advice: "Run `pnpm migrate`.",
    },
  ],
  ...["22P02", "22007", "22008"].map((sqlState) => [sqlState, notAValue] as const),
  [
    "MK003",
    {
      code: exit.denied,
      message: "The claim has ended, or its grant has.",
      advice: "Run the command again; if the grant has ended, make a new request.",
    },
  ],
  [
    "MK004",
    {
      code: exit.notFound,
      message: "There is no such claim of yours.",
      advice: "Run the command again.",
    },
  ],
]);
