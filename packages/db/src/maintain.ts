/** The recurring work: partitions ahead of time, and what has served its time goes. */

import { Client } from "pg";
import { DatabaseError, toDatabaseError } from "./database-error.ts";

export interface MaintenanceOptions {
  /** Entries are needed for as long as a message can come again. Default 60, at least 29. */
  readonly ledgerDays?: number | undefined;
  /** Default 30. */
  readonly quarantineDays?: number | undefined;
  /** Full months kept before the current one, at least 1. Left out, none is dropped. */
  readonly keepMonths?: number | undefined;
}

export interface MaintenanceReport {
  readonly partitionsMade: number;
  readonly ledgerEntriesPruned: number;
  readonly quarantineRecordsExpired: number;
  readonly partitionsDropped: number;
}

const notAllowed =
  "The login is neither a member of maskline_owner nor granted EXECUTE on the maintenance functions.";
/** Waiting longer for a lock would hold up everybody behind; the next run tries again. */
const lockTimeoutMs = 10_000;

/**
 * Runs each maintenance function in a transaction of its own; safe at any time and twice at once.
 *
 * A seed that was deleted is gone once VACUUM has run and every WAL archive, replica and backup
 * that holds it has expired.
 *
 * @param url - Left out, `pg` takes the server from the PG* variables.
 * @throws {@link DatabaseError}
 */
export async function maintain(
  url: string | undefined,
  options: MaintenanceOptions = {},
): Promise<MaintenanceReport> {
  const client = new Client({
    connectionString: url,
    application_name: "maskline-maintain",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    lock_timeout: lockTimeoutMs,
  });
  client.on("error", () => {});
  const count = async (call: string, ...values: number[]): Promise<number> => {
    const { rows } = await client.query<{ count: string }>(`SELECT ${call} AS count`, values);
    return Number(rows[0]?.count);
  };
  const { ledgerDays = 60, quarantineDays = 30, keepMonths } = options;
  try {
    await client.connect();
    return {
      partitionsMade: await count("maskline.ensure_partitions()"),
      ledgerEntriesPruned: await count("maskline.prune_ledger($1)", ledgerDays),
      quarantineRecordsExpired: await count("maskline.expire_quarantine($1)", quarantineDays),
      partitionsDropped:
        keepMonths === undefined ? 0 : await count("maskline.drop_old_months($1)", keepMonths),
    };
  } catch (error) {
    const fault = toDatabaseError(error);
    throw fault.sqlState === "42501" ? new DatabaseError(notAllowed, fault) : fault;
  } finally {
    await client.end();
  }
}
