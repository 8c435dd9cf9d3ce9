/** How a request ends that cannot be answered: a status, a sentence without values, what to do next. */

import type { DatabaseFault } from "@org/db";
import { MaskingError } from "@org/masking";
import { exit, type ExitCode, RecoverError } from "@org/recovery";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";

export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: ContentfulStatusCode;
  readonly advice: string;

  constructor(status: ContentfulStatusCode, message: string, advice: string) {
    super(message);
    this.status = status;
    this.advice = advice;
  }
}

const statuses: Readonly<Record<ExitCode, ContentfulStatusCode>> = {
  [exit.done]: 500,
  [exit.unexpected]: 500,
  [exit.configuration]: 400,
  [exit.denied]: 403,
  [exit.notFound]: 404,
  [exit.unsealFailed]: 422,
  [exit.auditUnavailable]: 503,
  [exit.tampering]: 409,
};

/** Null of what nobody foresaw: its message may quote a value. */
export function foresee(
  error: unknown,
  databaseFault: (error: unknown) => DatabaseFault | null,
): Problem | null {
  if (error instanceof Problem) return error;
  if (error instanceof RecoverError) {
    return new Problem(statuses[error.exitCode], error.message, error.advice);
  }
  if (error instanceof MaskingError) {
    const isUnseal = error.code === "ERR_MASKING_UNSEAL_FAILED";
    return new Problem(isUnseal ? 422 : 400, error.message, "Nothing was opened. Check the value.");
  }
  if (error instanceof z.ZodError) {
    const names = [...new Set(error.issues.map(({ path }) => String(path[0] ?? "the form")))];
    return new Problem(
      400,
      `Not in the form that it takes: ${names.join(", ")}.`,
      "Go back; each field says what it takes.",
    );
  }
  const fault = databaseFault(error);
  return fault === null ? null : ofDatabase(fault);
}

function ofDatabase({ kind, sqlState }: DatabaseFault): Problem | null {
  const known = databaseEnds.get(sqlState ?? "");
  if (known !== undefined) return new Problem(...known);
  if (kind !== "transient" && !cannotWrite.test(sqlState ?? "")) return null;
  return new Problem(
    503,
    "The database cannot be reached, or cannot write.",
    "Without it nothing can be audited, so nothing is opened. Try again later.",
  );
}

/** Integrity, transaction state, resources, system: what keeps a row of the audit from being written. */
const cannotWrite = /^(23|25|53|58)/;

const notAValue = [
  400,
  "An id, number, date, time or text has not the form that it takes.",
  "Go back; each field says what it takes.",
] as const;

const databaseEnds = new Map<string, readonly [ContentfulStatusCode, string, string]>([
  [
    "42501",
    [
      403,
      "Your login may not do this.",
      "It takes a role in the database: of requesters, approvers or auditors. Ask who runs it.",
    ],
  ],
  ["MK003", [409, "The claim has ended, or its grant has.", "Open the grant again."]],
  ["MK004", [404, "There is no such claim of yours.", "Open the grant again."]],
  ...["22003", "22P02", "22007", "22008", "22021", "22023"].map(
    (each) => [each, notAValue] as const,
  ),
]);
