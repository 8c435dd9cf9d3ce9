/** How a command that threw ends: its exit code, and what the person reads. */

import { MaskingError } from "@org/masking";
import { CommanderError } from "commander";
import { databaseFault } from "./compose.ts";
import type { Edge } from "./edge.ts";
import { exit, type ExitCode, printableLines, RecoverError } from "@org/recovery";

export function explain(thrown: unknown, edge: Edge): ExitCode {
  if (thrown instanceof CommanderError)
    return thrown.exitCode === 0 ? exit.done : exit.configuration;
  const error = foresee(thrown);
  if (error instanceof RecoverError) {
    const faults = error.faults.map((fault) => `  - ${fault}`);
    const said = [error.message, ...faults, error.advice].map(printableLines);
    edge.stderr.write(`${said.join("\n")}\n`);
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
      advice: isUnseal ? "Nothing was opened." : "Fix this, then try again.",
    });
  }
  const fault = databaseFault(error);
  if (fault === null) return error;
  const end =
    fault.reason === "weak_password" ? weakPassword : databaseEnds.get(fault.sqlState ?? "");
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

const weakPassword = {
  code: exit.configuration,
  message:
    "The server asks for your password in clear or as MD5, and is not verified: it was given none.",
  advice:
    "Add sslmode=verify-full to RECOVER_DATABASE_URL, or set the password again with password_encryption = scram-sha-256; weak_password in MASKLINE_ALLOW gives it all the same.",
};

/** Integrity, transaction state, resources, system: what keeps a row of the audit from being written. */
const cannotWrite = /^(23|25|53|58)/;

const notAValue = {
  code: exit.configuration,
  message: "An id, number, date, time or text has not the form that it takes.",
  advice:
    "Ids are UUIDs; dates are 2026-05-03; times are 2026-05-03T10:00:00Z; texts hold no control characters.",
};

const databaseEnds = new Map<string, { code: ExitCode; message: string; advice: string }>([
  [
    "42501",
    {
      code: exit.denied,
      message: "Your login may not do this.",
      advice: "It takes membership in another role; docs/operations/recover.md lists which.",
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
  [
    "3D000",
    {
      code: exit.configuration,
      message: "There is no such database.",
      advice: "Check the name at the end of RECOVER_DATABASE_URL.",
    },
  ],
  ...["22003", "22P02", "22007", "22008", "22023"].map(
    (sqlState) => [sqlState, notAValue] as const,
  ),
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
