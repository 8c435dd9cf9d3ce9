/** Calls of the functions in the schema `recovery`, each a transaction of its own. */

import { escapeLiteral, Pool, type PoolClient, type QueryResult, type QueryResultRow } from "pg";
import { DatabaseError, toDatabaseError } from "../database-error.ts";
import { type Connection, SessionClient } from "../session.ts";

/** Values by the name of the function's parameter. */
export type Arguments = Readonly<Record<`p_${string}`, unknown>>;

/** The rows of `SELECT * FROM recovery.<function>(<parameter> => …)`. */
export type Call = <Row extends QueryResultRow>(name: string, given?: Arguments) => Promise<Row[]>;

/** A refusal is an answer, so that its audit row is committed. */
export type Answer<T> = T | { readonly refused: string };

/** Long work runs in batches; what counts or finds records may read whole tables. */
const statementTimeoutMs = 600_000;

export interface Calls {
  /** As the login of the connection. */
  readonly call: Call;
  /** As another login, which the server lets this one take. */
  readonly callAs: (login: string) => Call;
  readonly close: () => Promise<void>;
}

export interface CallsOptions {
  /** As pg_stat_activity shows it. */
  readonly applicationName: string;
  readonly connectionsAtMost: number;
}

export function openCalls(
  connection: Connection,
  { applicationName, connectionsAtMost }: CallsOptions,
): Calls {
  const pool = new Pool({
    ...connection,
    Client: SessionClient,
    application_name: applicationName,
    max: connectionsAtMost,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
  });
  pool.on("error", ignore);
  return {
    async call<Row extends QueryResultRow>(name: string, given: Arguments = {}) {
      try {
        return (await pool.query<Row>(textOf(name, given), Object.values(given))).rows;
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
    callAs: (login) =>
      async function callAs<Row extends QueryResultRow>(name: string, given: Arguments = {}) {
        try {
          return await inRole(pool, login, async (client) => {
            return (await client.query<Row>(textOf(name, given), Object.values(given))).rows;
          });
        } catch (error) {
          throw toDatabaseError(error);
        }
      },
    close: () => pool.end(),
  };
}

function textOf(name: string, given: Arguments): string {
  const places = Object.keys(given).map((parameter, index) => `${parameter} => $${index + 1}`);
  return `SELECT * FROM recovery.${name}(${places.join(", ")})`;
}

/** Every fault of the connection also fails the query in hand. */
const ignore = (): void => {};

/** The role ends with the transaction: whoever has the connection next, behind a pooler too, is not in it. */
async function inRole<T>(
  pool: Pool,
  login: string,
  use: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  client.on("error", ignore);
  let isOver = false;
  try {
    await takeRole(client, login);
    const used = await use(client);
    await client.query("COMMIT");
    isOver = true;
    return used;
  } catch (error) {
    isOver = await client.query("ROLLBACK").then(
      () => true,
      () => false,
    );
    throw error;
  } finally {
    client.off("error", ignore);
    client.release(!isOver);
  }
}

/** Of a longer name PostgreSQL takes the first 63 bytes, and that may be somebody else. */
async function takeRole(client: PoolClient, login: string): Promise<void> {
  const text = `BEGIN; SELECT pg_catalog.set_config('role', ${escapeLiteral(login)}, true) AS taken`;
  const results: unknown = await client.query(text);
  const [, { rows }] = results as [unknown, QueryResult<{ taken: string }>];
  if (rows[0]?.taken === login) return;
  throw new DatabaseError("The database knows nobody by just this name.", {
    kind: "unknown",
    sqlState: "42501",
    constraint: null,
    systemCode: null,
  });
}

/** The one value of a function that returns one. */
export async function callOne<T>(call: Call, name: string, given?: Arguments): Promise<T> {
  const [row] = await call<Record<string, T>>(name, given);
  const value = row?.[name];
  if (value !== undefined) return value;
  throw new DatabaseError("The database's answer has another form than this program expects.", {
    kind: "unknown",
    sqlState: null,
    constraint: null,
    systemCode: null,
  });
}
