/** Whether a write could succeed, without writing. */

import type { AnyContract } from "@org/schema";
import type { ClientBase } from "pg";
import {
  type ColumnDifference,
  compareColumns,
  type ContractState,
  definitionOf,
  isAddition,
  readContractState,
} from "./contract-state.ts";
import { DatabaseError, type DatabaseReason, toDatabaseError } from "./database-error.ts";
import { findLoggedParameters, readLogSettings } from "./log-settings.ts";
import { schemaVersion } from "./schema-version.ts";

const noSchema = "The database has no Maskline schema. Run the migration.";
const oldSchema = "The database's schema is older than this program. Run the migration.";
const notWriter = "The login is not a member of maskline_writer.";
const readOnly = "The server accepts no writes at present.";
const notUtf8 =
  "The database's encoding is not UTF8. Make another with ENCODING 'UTF8' TEMPLATE template0.";

/** undefined_table; insufficient_privilege. */
const explanations = new Map([
  ["42P01", noSchema],
  ["42501", notWriter],
]);

/** What a login that may write can do beyond writing. */
export interface Access {
  /** The login can read tokens or sealed records: it has more rights than a writer needs. */
  readonly readsMaskedData: boolean;
  /** The server lets a transaction be prepared: it keeps its locks and rows after its session has ended. */
  readonly preparesTransactions: boolean;
  /** Settings by which the server's log repeats what this login's statements are given. */
  readonly loggedBy: readonly string[];
  /** What the table has beyond the contract, in words: rows of this program have none of it. */
  readonly additions: readonly string[];
  /** Logins that may ask for originals, and read the rows that have their tokens as well. */
  readonly readingRequesters: readonly string[];
  /** The server goes on from a backup or a standby, and nobody has said that what it lacks was dealt with. */
  readonly isRestored: boolean;
  /** When the daily work was last done, by whomever; null where it never was. */
  readonly maintainedAt: Date | null;
}

interface State extends Pick<
  Access,
  "readsMaskedData" | "preparesTransactions" | "readingRequesters"
> {
  /** Null in a schema that was never migrated. */
  readonly version: string | null;
  readonly isWriter: boolean;
  readonly isReadOnly: boolean;
  readonly isUtf8: boolean;
}

/** @throws {@link DatabaseError} */
export async function check(client: ClientBase, contract: AnyContract): Promise<Access> {
  const { version, isWriter, isReadOnly, isUtf8, ...access } = await reading(() =>
    readState(client, contract),
  );
  if (!isUtf8) throw misfit(notUtf8, "schema_differs");
  if (Number(version) < schemaVersion) throw misfit(oldSchema, "schema_differs");
  if (!isWriter) throw misfit(notWriter, "right_missing");
  const { faults, additions } = differencesFrom(
    contract,
    await reading(() => readContractState(client, contract)),
  );
  if (faults.length > 0) {
    throw misfit(
      `The database is not as contract ${contract.name} says: ${faults.join("; ")}. Run the migration with this contract, or start with the one that it was migrated to.`,
      "schema_differs",
    );
  }
  if (isReadOnly) {
    throw new DatabaseError(readOnly, {
      kind: "transient",
      reason: "read_only",
      sqlState: "25006",
      constraint: null,
      systemCode: null,
    });
  }
  const logged = findLoggedParameters(await reading(() => readLogSettings(client)));
  const { rows } = await reading(() =>
    client.query<Pick<Access, "isRestored" | "maintainedAt">>(
      'SELECT maskline.is_restored() AS "isRestored", ended_at AS "maintainedAt" FROM maskline.maintenance',
    ),
  );
  return {
    ...access,
    additions,
    loggedBy: logged.map(({ name }) => name),
    isRestored: rows[0]?.isRestored === true,
    maintainedAt: rows[0]?.maintainedAt ?? null,
  };
}

/** Names of tables and columns and what is in them, never a value. */
interface Differences {
  readonly faults: readonly string[];
  readonly additions: readonly string[];
}

const asFault = (text: string): Differences => ({ faults: [text], additions: [] });

function differencesFrom(contract: AnyContract, state: ContractState): Differences {
  const { definition, columns } = state;
  const wanted = definitionOf(contract);
  if (definition === null) return asFault("it was never migrated to this contract");
  if (definition.table !== wanted.table) return asFault(`its rows are in ${definition.table}`);
  if (columns === null) return asFault(`table ${contract.table} is gone`);
  const differences = compareColumns(wanted, definition, columns);
  const hindering = differences.filter((each) => !isAddition(each)).map(describe);
  return {
    faults:
      definition.subject === wanted.subject
        ? hindering
        : [...hindering, `the subject there is ${definition.subject}`],
    additions: differences.filter(isAddition).map(describe),
  };
}

const words: Readonly<Record<ColumnDifference["kind"], (difference: ColumnDifference) => string>> =
  {
    missing: () => "is missing",
    lost: () => "is gone",
    extra: () => "is not in the contract",
    type: ({ column, found }) => `is ${found}, not ${column.type}`,
    holds: ({ column, found }) => `holds ${found}, not ${column.holds}`,
    required: ({ found }) => `is ${found}`,
  };

function describe(difference: ColumnDifference): string {
  return `column ${difference.column.name} ${words[difference.kind](difference)}`;
}

async function readState(client: ClientBase, { table, columns }: AnyContract): Promise<State> {
  const tokens = columns.flatMap(({ name, from }) => (from.kind === "token" ? [name] : []));
  const { rows } = await client.query<State>(
    `SELECT max(version) AS version,
       pg_has_role('maskline_writer', 'USAGE') AS "isWriter",
       current_setting('transaction_read_only')::boolean AS "isReadOnly",
       current_setting('server_encoding') = 'UTF8' AS "isUtf8",
       current_setting('max_prepared_transactions')::integer > 0 AS "preparesTransactions",
       has_table_privilege('maskline.vault', 'SELECT') OR EXISTS (
         SELECT FROM pg_catalog.pg_attribute
         WHERE attrelid = to_regclass(format('public.%I', $1::text)) AND attname = ANY ($2::text[])
           AND has_column_privilege(attrelid, attnum, 'SELECT')) AS "readsMaskedData",
       ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles
         WHERE rolcanlogin AND NOT rolsuper AND pg_has_role(oid, 'maskline_requester', 'MEMBER')
           AND has_table_privilege(oid, to_regclass(format('public.%I', $1::text)), 'SELECT')
         ORDER BY 1) AS "readingRequesters"
     FROM maskline.schema_version`,
    [table, tokens],
  );
  return (
    rows[0] ?? {
      version: null,
      isWriter: false,
      isReadOnly: false,
      isUtf8: true,
      readsMaskedData: false,
      preparesTransactions: false,
      readingRequesters: [],
    }
  );
}

async function reading<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    const fault = toDatabaseError(error);
    const explanation = explanations.get(fault.sqlState ?? "");
    throw explanation === undefined ? fault : new DatabaseError(explanation, fault);
  }
}

function misfit(message: string, reason: DatabaseReason): DatabaseError {
  return new DatabaseError(message, {
    kind: "unknown",
    reason,
    sqlState: null,
    constraint: null,
    systemCode: null,
  });
}
