/** Calls of the functions in the schema `recovery`, each a transaction of its own. */

import { Pool, type QueryResultRow } from "pg";
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

export function openCalls(connection: Connection): { call: Call; close: () => Promise<void> } {
  const pool = new Pool({
    ...connection,
    Client: SessionClient,
    application_name: "maskline-recover",
    max: 2,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
  });
  // Every fault of the connection also fails the query in hand.
  pool.on("error", () => {});
  return {
    async call<Row extends QueryResultRow>(name: string, given: Arguments = {}) {
      const places = Object.keys(given).map((parameter, index) => `${parameter} => $${index + 1}`);
      try {
        const { rows } = await pool.query<Row>(
          `SELECT * FROM recovery.${name}(${places.join(", ")})`,
          Object.values(given),
        );
        return rows;
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
    close: () => pool.end(),
  };
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
