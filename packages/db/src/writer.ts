/** The consumer's way into the database: writes batches, reads nothing back but counts. */

import type { AnyContract } from "@org/schema";
import { type Client, type ClientBase, type ClientConfig, Pool, type PoolClient } from "pg";
import type { WriteBatch } from "./batch.ts";
import { type Access, check } from "./check.ts";
import { type DatabaseFault, toDatabaseError } from "./database-error.ts";
import { probe } from "./probe.ts";
import { type Connection, SessionClient } from "./session.ts";
import { type Claimed, createWriteStatement } from "./write-statement.ts";

export interface WriterOptions<C extends AnyContract> {
  readonly connection: Connection;
  /** Whose rows are written. */
  readonly contract: C;
  /** Default 2. */
  readonly poolSize?: number;
  /** Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** How long the server may work on one statement. Default 10,000. */
  readonly statementTimeoutMs?: number;
  /** How long a connection that nobody uses is kept. Default 5,000: less than a statement may take. */
  readonly idleMs?: number;
  /** Told of a connection that broke while nobody used it. The pool opens another when it needs one. */
  readonly onIdleError?: (fault: DatabaseFault) => void;
}

export interface WriteResult {
  /** Rows that this write made. */
  readonly written: number;
  /** Quarantine records that this write made. */
  readonly quarantined: number;
  /** Messages whose outcome was decided before, or that stand in the batch twice. */
  readonly duplicates: number;
}

/** Disposing of it waits for no statement and no connection: what still runs or connects is cut off, and rejects. */
export interface Writer<C extends AnyContract = AnyContract> extends AsyncDisposable {
  /**
   * Decides the outcome of every message in the batch that has none yet, in one transaction.
   *
   * All of it is written or nothing, so a caller may split a refused batch and write the halves,
   * with the same batch keys, and may repeat a write whose outcome is not known. The batch is sent
   * as one message: its bytes are bounded by the caller (PostgreSQL takes less than 1 GiB).
   *
   * @throws {@link DatabaseError}
   */
  readonly write: (batch: WriteBatch<C>) => Promise<WriteResult>;
  /**
   * Resolves if a write could succeed: the schema is at least as new as this program, the database
   * and the table take what the contract says, the login is a writer, and the server accepts writes.
   *
   * @throws {@link DatabaseError} which says where database and contract differ.
   */
  readonly check: () => Promise<Access>;
  /**
   * Writes one well-formed message of each outcome and rolls it back: rejects where the schema, not
   * a row, is what makes writes fail.
   *
   * @throws {@link DatabaseError}
   */
  readonly probe: () => Promise<void>;
}

/** Longer than the server's own limit: only a connection that went silent reaches it. */
const silenceMs = 2_000;
/** Shorter than a statement may take: when one connection hangs, the idle others have been let go. */
const idleMs = 5_000;

/** Opens no connection yet: the first write or check does. */
export function connectWriter<C extends AnyContract>(options: WriterOptions<C>): Writer<C> {
  const { contract } = options;
  const statement = createWriteStatement(contract);
  const statementTimeoutMs = options.statementTimeoutMs ?? 10_000;
  const connecting = new Set<Client>();
  const pool = new Pool({
    ...options.connection,
    Client: trackedBy(connecting),
    application_name: "maskline-writer",
    max: options.poolSize ?? 2,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + silenceMs,
    idleTimeoutMillis: options.idleMs ?? idleMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  });
  pool.on("connect", (client) => connecting.delete(client));
  const inUse = new Set<PoolClient>();
  pool.on("acquire", (client) => inUse.add(client));
  pool.on("release", (_error, client) => inUse.delete(client));
  pool.on("error", (error) => options.onIdleError?.(toDatabaseError(error)));
  return {
    write: async (batch) => {
      const query = statement(batch);
      const { written, quarantined } = await withClient(pool, async (client) => {
        const { rows } = await client.query<Claimed>(query);
        return rows[0] ?? { written: 0, quarantined: 0 };
      });
      const messages = batch.rows.length + batch.quarantined.length;
      return { written, quarantined, duplicates: messages - written - quarantined };
    },
    check: () => withClient(pool, (client) => check(client, contract)),
    probe: () => withClient(pool, (client) => probe(client, contract, statement)),
    async [Symbol.asyncDispose]() {
      const ended = pool.end();
      for (const client of inUse) void client.end();
      // Asked to end, they would wait for a server that may be silent; and the pool waits for them.
      for (const client of connecting) client.connection.stream.destroy();
      await ended;
    },
  };
}

/** The pool tells of a client only once it is connected: `connecting` holds those that are not. */
function trackedBy(connecting: Set<ClientBase>): typeof Client {
  return class extends SessionClient {
    constructor(config?: ClientConfig) {
      super(config);
      connecting.add(this);
      this.once("end", () => connecting.delete(this));
    }
  };
}

/** Keeps a client after a refused row; after any other fault the connection is closed, not returned. */
async function withClient<T>(pool: Pool, use: (client: ClientBase) => Promise<T>): Promise<T> {
  try {
    const client = await pool.connect();
    // A client in use has no listener of the pool's; the query in hand reports the same fault.
    client.on("error", ignore);
    let keep = false;
    try {
      const result = await use(client);
      keep = true;
      return result;
    } catch (error) {
      keep = toDatabaseError(error).kind === "data";
      throw error;
    } finally {
      client.off("error", ignore);
      client.release(!keep);
    }
  } catch (error) {
    throw toDatabaseError(error);
  }
}

function ignore(): void {}
