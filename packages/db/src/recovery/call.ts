/** Calls of the functions in the schema `recovery`, each a transaction of its own. */

import { Pool, type QueryResultRow } from "pg";
import { DatabaseError, toDatabaseError } from "../database-error.ts";
import type { Connection } from "../writer.ts";

/** The rows of `SELECT * FROM recovery.<function>(…)`. */
export type Call = <Row extends QueryResultRow>(
  name: string,
  ...values: readonly unknown[]
) => Promise<Row[]>;

/** A refusal is an answer, so that its audit row is committed. */
export type Answer<T> = T | { readonly refused: string };

/** Long work runs in batches; what counts or finds records may read whole tables. */
const statementTimeoutMs = 600_000;

export function openCalls(connection: Connection): { call: Call; close: () => Promise<void> } {
  const pool = new Pool({
    ...connection,
    application_name: "maskline-recover",
    max: 2,
    connectionTimeoutMillis: 10_000,
    statement_timeout: statementTimeoutMs,
    keepAlive: true,
  });
  // Every fault of the connection also fails the query in hand.
  pool.on("error", () => {});
  return {
    async call<Row extends QueryResultRow>(name: string, ...values: readonly unknown[]) {
      const places = values.map((_, index) => `$${index + 1}`).join(", ");
      try {
        const { rows } = await pool.query<Row>(`SELECT * FROM recovery.${name}(${places})`, [
          ...values,
        ]);
        return rows;
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
    close: () => pool.end(),
  };
}

/** The one value of a function that returns one. */
export async function callOne<T>(call: Call, name: string, ...values: unknown[]): Promise<T> {
  const [row] = await call<Record<string, T>>(name, ...values);
  const value = row?.[name];
  if (value !== undefined) return value;
  throw new DatabaseError("The database's answer has another form than this program expects.", {
    kind: "unknown",
    sqlState: null,
    constraint: null,
    systemCode: null,
  });
}
