/** How a command that threw ends: its exit code, and what the person reads. */

import { CommanderError } from "commander";
import { databaseFault } from "./compose.ts";
import type { Edge } from "./edge.ts";
import { exit, type ExitCode, foresee, printableLines, RecoverError } from "@org/recovery";

export function explain(thrown: unknown, edge: Edge): ExitCode {
  if (thrown instanceof CommanderError)
    return thrown.exitCode === 0 ? exit.done : exit.configuration;
  const error = foreseeEnd(thrown);
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

/** Of the login and the address, which are the operator's own; else as the console does. */
function foreseeEnd(error: unknown): unknown {
  const fault = databaseFault(error);
  if (fault?.reason === "weak_password") return weakPassword;
  return ends[fault?.sqlState ?? ""] ?? foresee(error, databaseFault) ?? error;
}

const weakPassword = new RecoverError(
  exit.configuration,
  "The server asks for your password in clear or as MD5, and is not verified: it was given none.",
  {
    advice:
      "Add sslmode=verify-full to RECOVER_DATABASE_URL, or set the password again with password_encryption = scram-sha-256; weak_password in MASKLINE_ALLOW gives it all the same.",
  },
);

const ends: Readonly<Record<string, RecoverError>> = {
  "28P01": new RecoverError(exit.configuration, "The database refused the login.", {
    advice: "Check user and password in RECOVER_DATABASE_URL.",
  }),
  "3F000": new RecoverError(exit.configuration, "The database has no recovery schema.", {
    advice: "Run `pnpm migrate`.",
  }),
  "3D000": new RecoverError(exit.configuration, "There is no such database.", {
    advice: "Check the name at the end of RECOVER_DATABASE_URL.",
  }),
};
