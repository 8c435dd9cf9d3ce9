/** Whether a write could succeed, without writing. */

import type { ClientBase } from "pg";
import { DatabaseError, toDatabaseError } from "./database-error.ts";
import { schemaVersion } from "./schema-version.ts";

const noSchema = "The database has no Maskline schema. Run the migration.";
const oldSchema = "The database's schema is older than this program. Run the migration.";
const notWriter = "The login is not a member of maskline_writer.";
const readOnly = "The server accepts no writes at present.";

/** undefined_table; insufficient_privilege. */
const explanations = new Map([
  ["42P01", noSchema],
  ["42501", notWriter],
]);

/** What a login that may write can do beyond writing. */
export interface Access {
  /** The login can read tokens or sealed records: it has more rights than a writer needs. */
  readonly readsMaskedData: boolean;
}

interface State extends Access {
  /** Null in a schema that was never migrated. */
  readonly version: string | null;
  readonly isWriter: boolean;
  readonly isReadOnly: boolean;
}

/** @throws {@link DatabaseError} */
export async function check(client: ClientBase): Promise<Access> {
  const { version, isWriter, isReadOnly, readsMaskedData } = await readState(client);
  if (Number(version) < schemaVersion) throw misfit(oldSchema);
  if (!isWriter) throw misfit(notWriter);
  if (isReadOnly) {
    throw new DatabaseError(readOnly, {
      kind: "transient",
      sqlState: "25006",
      constraint: null,
      systemCode: null,
    });
  }
  return { readsMaskedData };
}

async function readState(client: ClientBase): Promise<State> {
  try {
    const { rows } = await client.query<State>(
      `SELECT max(created_at) AS version,
         pg_has_role('maskline_writer', 'USAGE') AS "isWriter",
         current_setting('transaction_read_only')::boolean AS "isReadOnly",
         has_column_privilege('public.user_logins', 'masked_ip', 'SELECT')
           OR has_table_privilege('maskline.vault', 'SELECT') AS "readsMaskedData"
       FROM maskline.schema_version`,
    );
    return rows[0] ?? { version: null, isWriter: false, isReadOnly: false, readsMaskedData: false };
  } catch (error) {
    const fault = toDatabaseError(error);
    const explanation = explanations.get(fault.sqlState ?? "");
    throw explanation === undefined ? fault : new DatabaseError(explanation, fault);
  }
}

function misfit(message: string): DatabaseError {
  return new DatabaseError(message, {
    kind: "unknown",
    sqlState: null,
    constraint: null,
    systemCode: null,
  });
}
