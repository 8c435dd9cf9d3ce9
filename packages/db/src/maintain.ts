/** The recurring work: partitions ahead of time, and what has served its time goes. */

import { setTimeout as sleep } from "node:timers/promises";
import { type ClientBase } from "pg";
import { DatabaseError, toDatabaseError } from "./database-error.ts";
import { readPartitionsEnd } from "./partitions-end.ts";
import { type Connection, SessionClient } from "./session.ts";

export interface MaintenanceOptions extends Pick<Connection, "sendsWeakPassword"> {
  /** Full months kept before the current one, at least 1. Left out, none is dropped. */
  readonly keepMonths?: number | undefined;
  /** Gives each past month's seeds a new file, where some were erased. Late messages wait meanwhile. */
  readonly rewriteErased?: boolean | undefined;
}

export interface MaintenanceReport {
  readonly partitionsMade: number;
  readonly ledgerEntriesPruned: number;
  readonly quarantineRecordsExpired: number;
  readonly partitionsDropped: number;
  readonly seedTablesRewritten: number;
  /** Until then, from the current month on, every partitioned table has a partition for each month. */
  readonly partitionsEnd: Date;
}

const notAllowed =
  "The login is neither a member of maskline_owner nor granted EXECUTE on the maintenance functions.";
/** Writers wait behind a lock that is waited for: so for no longer than this, and again after a pause. */
const lockTimeoutMs = 1_000;
const attemptsAtMost = 30;
const lockNotAvailable = "55P03";

/**
 * Runs each maintenance function in transactions of its own; safe at any time and twice at once. How
 * long ledger entries and quarantined messages are kept, `maskline.maintenance` says.
 *
 * A seed that was deleted is gone once its table has a new file, and every WAL archive, replica and
 * backup that holds it has expired; `recover erasure verify` says how far that is.
 *
 * @param url - Left out, `pg` takes the server from the PG* variables.
 * @throws {@link DatabaseError}
 */
export async function maintain(
  url: string | undefined,
  options: MaintenanceOptions = {},
): Promise<MaintenanceReport> {
  const client = new SessionClient({
    connectionString: url,
    sendsWeakPassword: options.sendsWeakPassword,
    application_name: "maskline-maintain",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    lock_timeout: lockTimeoutMs,
  });
  client.on("error", () => {});
  const { keepMonths, rewriteErased = false } = options;
  try {
    await client.connect();
    const report = {
      partitionsMade: await count(client, "ensure_partitions()"),
      ledgerEntriesPruned: await pruneLedger(client),
      quarantineRecordsExpired: await expireQuarantine(client),
      partitionsDropped:
        keepMonths === undefined ? 0 : await count(client, "drop_old_months($1)", keepMonths),
      seedTablesRewritten: rewriteErased ? await rewriteSeeds(client) : 0,
      partitionsEnd: await readPartitionsEnd(client),
    };
    await client.query("SELECT maskline.end_maintenance()");
    return report;
  } catch (error) {
    const fault = toDatabaseError(error);
    throw fault.sqlState === "42501" ? new DatabaseError(notAllowed, fault) : fault;
  } finally {
    await client.end();
  }
}

async function count(client: ClientBase, call: string, ...values: number[]): Promise<number> {
  return Number(await retried(client, call, values));
}

async function retried(
  client: ClientBase,
  call: string,
  values: readonly number[] = [],
): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { rows } = await client.query<{ answer: string | null }>(
        `SELECT maskline.${call} AS answer`,
        [...values],
      );
      return rows[0]?.answer ?? null;
    } catch (error) {
      const isLocked = toDatabaseError(error).sqlState === lockNotAvailable;
      if (!isLocked || attempt === attemptsAtMost) throw error;
    }
    await sleep(lockTimeoutMs);
  }
}

/** In steps, each a transaction. */
async function expireQuarantine(client: ClientBase): Promise<number> {
  let expired = 0;
  for (let step: number | undefined; step !== 0; expired += step) {
    step = await count(client, "expire_quarantine()");
  }
  return expired;
}

/** A table a transaction. */
async function rewriteSeeds(client: ClientBase): Promise<number> {
  let rewritten = 0;
  while ((await retried(client, "rewrite_seeds()")) !== null) rewritten += 1;
  return rewritten;
}

/** Each step commits by itself, and the next goes on behind it. */
async function pruneLedger(client: ClientBase): Promise<number> {
  let pruned = 0;
  for (let fromBlock: string | null = "0"; fromBlock !== null;) {
    const { rows }: { rows: { pruned: string; next_block: string | null }[] } = await client.query(
      "SELECT * FROM maskline.prune_ledger(p_from_block => $1)",
      [fromBlock],
    );
    pruned += Number(rows[0]?.pruned);
    fromBlock = rows[0]?.next_block ?? null;
  }
  return pruned;
}
