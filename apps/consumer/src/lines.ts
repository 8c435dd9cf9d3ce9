/** What the log can say while messages move, one row each. Beside it stand only ids, codes and numbers. */
import type { Level } from "pino";

export interface Line {
  readonly level: Level;
  readonly message: string;
}

const line = (level: Level, message: string): Line => ({ level, message });

/** Errors are what somebody should be woken for; a warning may pass by itself. */
export const lines = {
  damaged: line("warn", "messages arrived damaged or incomplete; left to be delivered again"),
  noRoom: line("warn", "no room for bodies of this size; left to be delivered again"),
  halted: line(
    "error",
    "every message that came lacks the same piece: the queue's server is at fault; nothing more is received until a restart",
  ),
  renewFailed: line("warn", "renewals failed; they are tried again while the leases last"),
  leasesLost: line("warn", "leases lost; these messages may be delivered again"),
  rejected: line("warn", "messages rejected"),
  refused: line("error", "Postgres refuses rows"),
  schemaFault: line(
    "error",
    "the schema refuses these rows; nothing is quarantined, receiving stops until it is corrected",
  ),
  deleteFailed: line("warn", "deletes failed; the ledger absorbs the redelivery"),
  breakerOpen: line("warn", "breaker open: receiving stops"),
  breakerClosed: line("warn", "breaker closed: receiving resumes"),
  // A write that is given up while stopping closes the breaker too, with the database still away.
  breakerClosedStopping: line("warn", "breaker closed: stopping, no more is received"),
  flooded: line(
    "error",
    "more was quarantined than MASKLINE_MAX_QUARANTINED_PER_MINUTE, and more than was written: receiving stops for the rest of this minute",
  ),
  maintained: line("info", "the daily maintenance is done"),
  invoked: line("info", "invocation done"),
  minute: line("info", "done in the last minute"),
  writesFailLong: line("error", "messages cannot be written for long"),
  receivesFailLong: line("error", "messages cannot be received for long"),
} as const satisfies Record<string, Line>;

/** These do not pass by themselves: a failure for one of them is an error at once. */
export const needSomebody: ReadonlySet<string> = new Set([
  "AccessDenied",
  "InvalidAddress",
  "InvalidClientTokenId",
  "InvalidSecurity",
  "KmsAccessDenied",
  "KmsDisabled",
  "KmsNotFound",
  "OptInRequired",
  "QueueDoesNotExist",
  "SignatureDoesNotMatch",
  "database_missing",
  "disk_full",
  "endpoint_invalid",
  "login_refused",
  "pooler_refuses_parameter",
  "pooler_without_prepared_statements",
  "right_missing",
  "schema_differs",
  "tls_unsupported",
  "tls_untrusted",
]);
