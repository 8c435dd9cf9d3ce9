/** What the masking library and the database report, as an end that every program of ours foresees. */

import type { DatabaseFault } from "@org/db";
import { MaskingError } from "@org/masking";
import { exit, RecoverError } from "./exit.ts";

/** @returns null of what nobody foresaw: its message may quote a value. */
export function foresee(
  error: unknown,
  databaseFault: (error: unknown) => DatabaseFault | null,
): RecoverError | null {
  if (error instanceof RecoverError) return error;
  if (error instanceof MaskingError) {
    const isUnseal = error.code === "ERR_MASKING_UNSEAL_FAILED";
    return new RecoverError(isUnseal ? exit.unsealFailed : exit.configuration, error.message, {
      advice: isUnseal ? "Nothing was opened." : "Fix this, then try again.",
    });
  }
  const fault = databaseFault(error);
  return fault && ofDatabase(fault);
}

function ofDatabase({ kind, sqlState }: DatabaseFault): RecoverError {
  const end = ends[sqlState ?? ""];
  if (end !== undefined) return end;
  if (kind === "transient" || cannotWrite.test(sqlState ?? "")) return unavailable;
  const message = `The database failed (SQLSTATE ${sqlState ?? "none"}).`;
  return new RecoverError(exit.unexpected, message, { advice: "Its log says more." });
}

/** Integrity, transaction state, resources, system: what keeps a row of the audit from being written. */
const cannotWrite = /^(23|25|53|58)/;

const unavailable = new RecoverError(
  exit.auditUnavailable,
  "The database cannot be reached, or cannot write.",
  {
    advice: "Without it nothing can be audited, so nothing is opened. Check its address and state.",
  },
);

const notAValue = new RecoverError(
  exit.configuration,
  "An id, number, date, time or text has not the form that it takes.",
  {
    advice:
      "Ids are UUIDs; dates are 2026-05-03; times are 2026-05-03T10:00:00Z; texts hold no control characters.",
  },
);

/** By SQLSTATE. */
const ends: Readonly<Record<string, RecoverError>> = {
  "42501": new RecoverError(exit.denied, "Your login may not do this.", {
    advice:
      "It takes membership in another role of the database; docs/operations/recover.md lists which.",
  }),
  MK003: new RecoverError(exit.denied, "The claim has ended, or its grant has.", {
    advice: "Try again; if the grant has ended, make a new request.",
  }),
  MK004: new RecoverError(exit.notFound, "There is no such claim of yours.", {
    advice: "Try again.",
  }),
  "22003": notAValue,
  "22007": notAValue,
  "22008": notAValue,
  "22021": notAValue,
  "22023": notAValue,
  "22P02": notAValue,
};
