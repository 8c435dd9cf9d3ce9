/** How a request ends that cannot be answered: a status, a sentence without values, what to do next. */

import type { DatabaseFault } from "@org/db";
import { exit, type ExitCode, foresee as foreseeEnd } from "@org/recovery";
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
  if (error instanceof z.ZodError) {
    const names = [...new Set(error.issues.map(({ path }) => String(path[0] ?? "the form")))];
    return new Problem(
      400,
      `Not in the form that it takes: ${names.join(", ")}.`,
      "Go back; each field says what it takes.",
    );
  }
  const end = foreseeEnd(error, databaseFault);
  return end && new Problem(statuses[end.exitCode], end.message, end.advice);
}
