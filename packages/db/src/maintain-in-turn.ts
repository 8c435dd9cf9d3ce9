/** The daily work where nobody scheduled it: of many consumers, one does it. */

import type { ClientBase } from "pg";
import { toDatabaseError } from "./database-error.ts";
import { readPartitionsEnd } from "./partitions-end.ts";
import { type Connection, SessionClient } from "./session.ts";

export interface TurnOptions {
  readonly connection: Connection;
  /** A UUID of who asks, the same as long as it lives. */
  readonly holder: string;
  /** False where it only looks how things stand. */
  readonly takesPart: boolean;
  /** Ends it at once; the server may still finish the step in hand. */
  readonly signal: AbortSignal;
}

export interface Turn {
  /** When all of the daily work was last done, by whomever; null where it never was. */
  readonly endedAt: Date | null;
  /** As in `MaintenanceReport`. */
  readonly partitionsEnd: Date;
  /** What this turn did; null where nothing was due, or another has the lease. */
  readonly did: Done | null;
  /** Work is due, and left to another one. */
  readonly isLeft: boolean;
}

export interface Done {
  readonly partitionsMade: number;
  readonly ledgerEntriesPruned: number;
  readonly quarantineRecordsExpired: number;
}

interface StepRow {
  readonly is_due: boolean;
  readonly step: keyof typeof countedAs | null;
  readonly done: string | null;
}

const countedAs = {
  partitions: "partitionsMade",
  ledger: "ledgerEntriesPruned",
  quarantine: "quarantineRecordsExpired",
} as const satisfies Record<string, keyof Done>;

/** No step reads or removes more than takes a few seconds. */
const stepMs = 60_000;

/**
 * Does what of the daily work is due, unless another one does: as `maskline_writer` may, within what
 * the owner's row in `maskline.maintenance` says. The lease is a row's lock, in each step's own
 * transaction, so a pooler in transaction mode may stand between.
 *
 * @throws {@link DatabaseError}
 */
export async function maintainInTurn(options: TurnOptions): Promise<Turn> {
  const client = new SessionClient({
    ...options.connection,
    application_name: "maskline-maintain",
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    statement_timeout: stepMs,
    query_timeout: stepMs + 2_000,
  });
  client.on("error", () => {});
  const cutOff = (): void => void client.connection.stream.destroy();
  options.signal.addEventListener("abort", cutOff, { once: true });
  try {
    await client.connect();
    const taken = options.takesPart ? await takeSteps(client, options) : nothing;
    return { ...taken, ...(await readState(client)) };
  } catch (error) {
    throw toDatabaseError(error);
  } finally {
    options.signal.removeEventListener("abort", cutOff);
    await client.end();
  }
}

const nothing = { did: null, isLeft: false };

async function takeSteps(
  client: ClientBase,
  { holder, signal }: TurnOptions,
): Promise<Pick<Turn, "did" | "isLeft">> {
  const did = { partitionsMade: 0, ledgerEntriesPruned: 0, quarantineRecordsExpired: 0 };
  let steps = 0;
  for (;;) {
    signal.throwIfAborted();
    const { rows } = await client.query<StepRow>("SELECT * FROM maskline.maintain_step($1)", [
      holder,
    ]);
    const [row] = rows;
    if (row === undefined || row.step === null) {
      return { did: steps > 0 ? did : null, isLeft: row?.is_due === true };
    }
    did[countedAs[row.step]] += Number(row.done);
    steps += 1;
  }
}

async function readState(client: ClientBase): Promise<Pick<Turn, "endedAt" | "partitionsEnd">> {
  const { rows } = await client.query<{ ended_at: Date | null }>(
    "SELECT ended_at FROM maskline.maintenance",
  );
  return { endedAt: rows[0]?.ended_at ?? null, partitionsEnd: await readPartitionsEnd(client) };
}
