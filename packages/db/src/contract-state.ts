/** What a database knows of a contract, and where the two differ. */

import type { AnyContract, Column } from "@org/schema";
import type { ClientBase } from "pg";

/** A column, and what stands in it. */
export interface StoredColumn {
  readonly name: string;
  /** As PostgreSQL writes it: `character varying(128)`. */
  readonly type: string;
  readonly isNullable: boolean;
  /** Such as `field locale`, `token ip under ip/1`: a column that holds something else now is another column. */
  readonly holds: string;
}

/** A contract as `maskline.contract` keeps it, for the next migration to be compared with. */
export interface Definition {
  readonly table: string;
  readonly subject: string;
  readonly columns: readonly StoredColumn[];
}

interface CatalogColumn {
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
}

export interface ContractState {
  /** Null where the database does not know the contract. */
  readonly definition: Definition | null;
  /** The columns of the table as they are; null where there is no such table. */
  readonly columns: readonly CatalogColumn[] | null;
  /** Another contract that has the table. */
  readonly tableOwner: string | null;
}

/** Where a table has another column than the contract asks for. */
export interface ColumnDifference {
  readonly kind:
    | "missing"
    /** Taken out of the table by somebody. */
    | "lost"
    /** Of a field that was taken out of the contract. */
    | "extra"
    | "type"
    /** NOT NULL, where the contract has none of it: the other way round is what rows of before may need. */
    | "required"
    /** Another field, a token instead of a value, another norm. */
    | "holds";
  /** As the contract asks for it; of one that is extra, as it stands in the table. */
  readonly column: StoredColumn;
  /** What there is in its place. */
  readonly found: string;
}

export function definitionOf(contract: AnyContract): Definition {
  return {
    table: contract.table,
    subject: contract.subject,
    columns: contract.columns.map(({ name, sqlType, isNullable, from }) => ({
      name,
      type: catalogType(sqlType),
      isNullable,
      holds: holdsOf(contract, from),
    })),
  };
}

function holdsOf({ tokenFields }: AnyContract, from: Column["from"]): string {
  if (from.kind === "system") return "delivery";
  if (from.kind === "token") return `token ${from.field} under ${tokenFields[from.field]}`;
  return `${from.kind} ${from.name}`;
}

/** As `format_type` writes it. */
function catalogType(sqlType: string): string {
  return sqlType
    .replace(/^varchar/, "character varying")
    .replace(/^timestamptz$/, "timestamp with time zone");
}

/** Without `isKnown`, the schema is not there yet: then neither are its contracts. */
export async function readContractState(
  client: ClientBase,
  { name, table }: Pick<AnyContract, "name" | "table">,
  isKnown = true,
): Promise<ContractState> {
  const { rows: stored } = isKnown
    ? await client.query<{ name: string; definition: Definition }>(
        "SELECT name, definition FROM maskline.contract WHERE name = $1 OR table_name = $2",
        [name, table],
      )
    : { rows: [] };
  const { rows: columns } = await client.query<CatalogColumn>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS "isNullable"
     FROM pg_attribute
     WHERE attrelid = to_regclass(format('public.%I', $1::text)) AND attnum > 0 AND NOT attisdropped
     ORDER BY attnum`,
    [table],
  );
  return {
    definition: stored.find((row) => row.name === name)?.definition ?? null,
    columns: columns.length === 0 ? null : columns,
    tableOwner: stored.find((row) => row.name !== name)?.name ?? null,
  };
}

/** What the table has beside these columns is nobody's business here. */
export function compareColumns(
  wanted: Definition,
  stored: Definition,
  catalog: readonly CatalogColumn[],
): ColumnDifference[] {
  const inTable = new Map(catalog.map((column) => [column.name, column]));
  const before = new Map(stored.columns.map((column) => [column.name, column]));
  const names = new Set(wanted.columns.map(({ name }) => name));
  const extra = stored.columns.filter(({ name }) => !names.has(name));
  return [
    ...wanted.columns.flatMap((column): ColumnDifference[] => {
      const found = inTable.get(column.name);
      const known = before.get(column.name);
      if (found === undefined) return [{ kind: known ? "lost" : "missing", column, found: "" }];
      if (known?.holds !== column.holds) {
        return [{ kind: "holds", column, found: known?.holds ?? "nothing of ours" }];
      }
      const differences: ColumnDifference[] = [];
      if (found.type !== column.type) differences.push({ kind: "type", column, found: found.type });
      if (column.isNullable && !found.isNullable) {
        differences.push({ kind: "required", column, found: "NOT NULL" });
      }
      return differences;
    }),
    ...extra.map((column): ColumnDifference => {
      const { isNullable } = inTable.get(column.name) ?? { isNullable: true };
      return { kind: "extra", column: { ...column, isNullable }, found: column.holds };
    }),
  ];
}

/** Whether rows as wanted fit all the same: what differs is what a later contract added. */
export function isAddition({ kind, column, found }: ColumnDifference): boolean {
  return kind === "extra" ? column.isNullable : kind === "type" && isWider(found, column.type);
}

/** A longer varchar: PostgreSQL changes the catalog alone, and no row. */
export function isWider(type: string, than: string): boolean {
  const [long, short] = [type, than].map((each) => /^character varying\((\d+)\)$/.exec(each)?.[1]);
  return long !== undefined && short !== undefined && Number(long) > Number(short);
}
