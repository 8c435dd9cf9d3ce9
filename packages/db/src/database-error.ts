/** Reduces whatever `pg` or drizzle throws to what is safe to log. */

import { DatabaseError as PgError } from "pg";

/**
 * What a caller does about a fault: `transient`, retry the same batch; `data`, a row of the batch is
 * at fault, so bisect; `unknown`, retry and alert, never drop.
 */
export type DatabaseFaultKind = "transient" | "data" | "unknown";

/** Why a call failed: a closed list, for logs and metric labels. */
export const databaseReasons = [
  "connection_lost",
  "connection_refused",
  "connect_timeout",
  "database_missing",
  "disk_full",
  "host_unknown",
  "lock_timeout",
  "login_refused",
  "password_unreadable",
  "pooler_refuses_parameter",
  "pooler_without_prepared_statements",
  "query_timeout",
  "read_only",
  "right_missing",
  "row_refused",
  "schema_differs",
  "shutting_down",
  "tls_unsupported",
  "tls_untrusted",
  "too_many_connections",
  "transaction_lost",
  "unknown",
  "weak_password",
] as const;

export type DatabaseReason = (typeof databaseReasons)[number];

/** A fault without a value in it: the driver's message, detail and position can quote a row. */
export interface DatabaseFault {
  readonly kind: DatabaseFaultKind;
  /** Default unknown. */
  readonly reason?: DatabaseReason;
  /** Five characters, or null where the fault did not come from the server. */
  readonly sqlState: string | null;
  readonly constraint: string | null;
  /** What the runtime calls a fault of the connection: `ECONNREFUSED`, `ENOTFOUND`, … */
  readonly systemCode: string | null;
  /** A statement was given up, by the server or by this client, because it took too long. Default false. */
  readonly timedOut?: boolean;
}

export class DatabaseError extends Error implements DatabaseFault {
  override readonly name = "DatabaseError";
  readonly kind: DatabaseFaultKind;
  readonly reason: DatabaseReason;
  readonly sqlState: string | null;
  readonly constraint: string | null;
  readonly systemCode: string | null;
  readonly timedOut: boolean;

  constructor(message: string, fault: DatabaseFault) {
    super(message);
    this.kind = fault.kind;
    this.reason = fault.reason ?? "unknown";
    this.sqlState = fault.sqlState;
    this.constraint = fault.constraint;
    this.systemCode = fault.systemCode;
    this.timedOut = fault.timedOut ?? false;
  }
}

/** Classes of PostgreSQL's appendix A, "Error Codes". */
const transientClasses = new Set(["08", "40", "53", "57"]);
const dataClasses = new Set(["22", "23"]);
/** lock_not_available; read_only_sql_transaction, which is what a failover looks like. */
const transientStates = new Set(["55P03", "25006"]);
/** query_canceled: what a statement comes to that the server did not finish within its time. */
const statementTimeout = "57014";
/** By SQLSTATE, else by its class. PgBouncer refuses a parameter that it does not know at the start of a connection with 08P01. */
const reasons: Readonly<Record<string, DatabaseReason>> = {
  "08": "connection_lost",
  "08P01": "pooler_refuses_parameter",
  "22": "row_refused",
  "23": "row_refused",
  "25006": "read_only",
  "26000": "pooler_without_prepared_statements",
  "28": "login_refused",
  "3D000": "database_missing",
  "3F": "schema_differs",
  "40": "transaction_lost",
  "42": "schema_differs",
  "42501": "right_missing",
  "42P05": "pooler_without_prepared_statements",
  "53100": "disk_full",
  "53300": "too_many_connections",
  "55P03": "lock_timeout",
  "57": "shutting_down",
  "57014": "query_timeout",
};
const systemReasons: Readonly<Record<string, DatabaseReason>> = {
  EAI_AGAIN: "host_unknown",
  ECONNREFUSED: "connection_refused",
  ENOTFOUND: "host_unknown",
  ETIMEDOUT: "connect_timeout",
};
/** What whoever sets Maskline up meets first. */
const meanings: Readonly<Record<string, string>> = {
  "28000": "the login is refused",
  "28P01": "wrong user or password",
  "3D000": "no such database",
  "3F000": "no such schema",
  "42501": "the login lacks a right",
  "53300": "too many connections",
  "55P03": "another session holds a lock on a table",
};
/** `pg` gives its own faults no code. */
const connectionFault =
  /^(Connection terminated|timeout (expired|exceeded)|Query read timeout|Client (was closed|has encountered a connection error)|There was an error establishing an SSL connection|The server does not support SSL connections)/;
/** Said of a statement, never of connecting: the answer did not come, or not all of the request could be sent. */
const queryTimeout = /^Query read timeout/;
const noTls = /^The server does not support SSL connections/;

/** OpenSSL's verdicts on a certificate, as Node names them. */
const distrust = /^(UNABLE_TO_(GET|VERIFY)_|CERT_|(DEPTH_ZERO_)?SELF_SIGNED_CERT|ERR_TLS_CERT_)/;

/** The error to throw instead of `error`; what `error` said is left behind on purpose. */
export function toDatabaseError(error: unknown): DatabaseError {
  if (error instanceof DatabaseError) return error;
  // drizzle wraps what pg threw; asking for its class would load all of drizzle into every writer.
  const thrown = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (thrown instanceof PgError && thrown.code !== undefined) {
    if (isOfPartitions(thrown)) {
      return new DatabaseError("The row's partition has changed meanwhile, or there is none.", {
        kind: "transient",
        reason: "transaction_lost",
        sqlState: thrown.code,
        constraint: null,
        systemCode: null,
      });
    }
    return new DatabaseError(`The database reported SQLSTATE ${describe(thrown.code)}.`, {
      kind: kindOf(thrown.code),
      reason: reasons[thrown.code] ?? reasons[thrown.code.slice(0, 2)] ?? "unknown",
      sqlState: thrown.code,
      constraint: thrown.constraint ?? null,
      systemCode: null,
      timedOut: thrown.code === statementTimeout,
    });
  }
  const fromElsewhere = { sqlState: null, constraint: null };
  if (!isConnectionFault(thrown)) {
    const reason = isUntrusted(thrown) ? "tls_untrusted" : "unknown";
    return new DatabaseError(unconnected[reason], {
      ...fromElsewhere,
      kind: "unknown",
      reason,
      systemCode: null,
    });
  }
  const systemCode = systemCodeOf(thrown);
  return new DatabaseError(describeConnectionFault(thrown, systemCode), {
    ...fromElsewhere,
    kind: "transient",
    reason: connectionReason(thrown, systemCode),
    systemCode,
    timedOut: thrown instanceof Error && queryTimeout.test(thrown.message),
  });
}

/** Of PostgreSQL's source, execMain.c and execPartition.c: nothing else tells these from a constraint's. */
const partitionRoutines = new Set(["ExecPartitionCheckEmitError", "ExecFindPartition"]);

/**
 * check_violation of a partition's bounds: the one that the row had been routed to is not its own
 * since another one was attached, or it has none. The row is not at fault.
 */
function isOfPartitions({ code, routine }: PgError): boolean {
  return code === "23514" && partitionRoutines.has(routine ?? "");
}

function describeConnectionFault(fault: unknown, systemCode: string | null): string {
  if (fault instanceof Error && noTls.test(fault.message)) {
    return "The database's server does not support TLS.";
  }
  const which = systemCode === null ? "" : ` (${systemCode})`;
  return `The connection to the database failed or timed out${which}.`;
}

function describe(sqlState: string): string {
  const meaning = meanings[sqlState];
  return meaning === undefined ? sqlState : `${sqlState}: ${meaning}`;
}

function kindOf(sqlState: string): DatabaseFaultKind {
  const sqlClass = sqlState.slice(0, 2);
  if (transientClasses.has(sqlClass) || transientStates.has(sqlState)) return "transient";
  return dataClasses.has(sqlClass) ? "data" : "unknown";
}

const unconnected = {
  tls_untrusted: "The database's TLS certificate is not trusted.",
  unknown: "The database driver failed for a reason not known here.",
};

function isUntrusted(error: unknown): boolean {
  return error instanceof Error && "code" in error && distrust.test(String(error.code));
}

function connectionReason(fault: unknown, systemCode: string | null): DatabaseReason {
  const said = fault instanceof Error ? fault.message : "";
  if (noTls.test(said)) return "tls_unsupported";
  if (queryTimeout.test(said)) return "query_timeout";
  if (/timeout/.test(said) && systemCode === null) return "connect_timeout";
  return systemReasons[systemCode ?? ""] ?? "connection_lost";
}

/** Node's system errors name the call that failed; an AggregateError is one per address that was tried. */
function isConnectionFault(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isConnectionFault);
  return error instanceof Error && ("syscall" in error || connectionFault.test(error.message));
}

/** ECONNREFUSED and its like; nothing else of a system error is repeated. */
function systemCodeOf(error: unknown): string | null {
  if (error instanceof AggregateError) {
    return error.errors.map(systemCodeOf).find((code) => code !== null) ?? null;
  }
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" && /^E[A-Z0-9_]{1,30}$/.test(code) ? code : null;
}
