/** From what a database has of a contract to what it must have: the SQL, or why not. */

import { isDeepStrictEqual } from "node:util";
import type { AnyContract } from "@org/schema";
import { escapeIdentifier, escapeLiteral } from "pg";
import {
  type ColumnDifference,
  compareColumns,
  type ContractState,
  type Definition,
  definitionOf,
  isWider,
  type StoredColumn,
} from "./contract-state.ts";

/** Nothing is done where there is a refusal. */
export interface ContractChanges {
  readonly statements: readonly string[];
  /** Each says what would be lost or would mean something else, and what to do. */
  readonly refusals: readonly string[];
}

export function changesTo(
  contract: AnyContract,
  { definition, columns, tableOwner }: ContractState,
): ContractChanges {
  const wanted = definitionOf(contract);
  const table = nameOf(contract);
  if (tableOwner !== null) {
    return refused(`${table} is the table of contract ${tableOwner}: give this one another table.`);
  }
  if (definition === null) {
    return columns === null
      ? { statements: [...creation(wanted, table), registration(contract, wanted)], refusals: [] }
      : refused(
          `${table} exists, and no contract made it: rename it, or give this contract another table.`,
        );
  }
  if (definition.table !== wanted.table) {
    return refused(
      `The rows of contract ${contract.name} are in ${definition.table}, and sealed under its name: put table back to it, or give the contract another name.`,
    );
  }
  if (columns === null) {
    return refused(`${table} is gone from the database: restore it from a backup.`);
  }
  const differences = compareColumns(wanted, definition, columns);
  const changes = differences.map((each) => changeFor[each.kind](each, table));
  const statements = changes.flatMap((change) => ("sql" in change ? [change.sql] : []));
  const refusals = [
    ...changes.flatMap((change) => ("refusal" in change ? [change.refusal] : [])),
    ...(definition.subject === wanted.subject
      ? []
      : [
          `The subject was ${definition.subject}, and records are sealed for it: put it back, or start a new contract.`,
        ]),
  ];
  return {
    // Its columns may also have changed their order.
    statements: isDeepStrictEqual(definition, wanted)
      ? statements
      : [...statements, registration(contract, wanted)],
    refusals,
  };
}

function refused(refusal: string): ContractChanges {
  return { statements: [], refusals: [refusal] };
}

type Change = { readonly sql: string } | { readonly refusal: string };

const newContract = "or start a new contract, with another name and table.";

const changeFor: Readonly<
  Record<ColumnDifference["kind"], (difference: ColumnDifference, table: string) => Change>
> = {
  // Nullable, also of a field that is required: rows of before have none, and a consumer of before writes none.
  missing: ({ column }, table) => ({
    sql: `ALTER TABLE ${table} ADD COLUMN ${columnSql({ ...column, isNullable: true })}`,
  }),
  lost: ({ column }) => ({
    refusal: `${column.name} is gone from the table: restore it from a backup.`,
  }),
  extra: ({ column }) => ({
    refusal: `${column.name} is in the table and would be written no more: put its field back, ${newContract}`,
  }),
  holds: ({ column, found }) => ({
    refusal: `${column.name} holds ${found}, and would hold ${column.holds}: give the field another column, ${newContract}`,
  }),
  type: ({ column, found }, table) =>
    isWider(column.type, found)
      ? { sql: `${alteration(table, column)} TYPE ${column.type}` }
      : {
          refusal: `${column.name} is ${found}, and ${column.type} would change what is stored: keep the type, ${newContract}`,
        },
  required: ({ column }, table) => ({ sql: `${alteration(table, column)} DROP NOT NULL` }),
};

function alteration(table: string, { name }: StoredColumn): string {
  return `ALTER TABLE ${table} ALTER COLUMN ${escapeIdentifier(name)}`;
}

function nameOf({ table }: Pick<AnyContract, "table">): string {
  return `public.${escapeIdentifier(table)}`;
}

function columnSql({ name, type, isNullable }: StoredColumn): string {
  return `${escapeIdentifier(name)} ${type}${isNullable ? "" : " NOT NULL"}`;
}

/** The writer inserts, analysts read; partitions follow from `maskline.ensure_partitions`. */
function creation({ columns }: Definition, table: string): string[] {
  const lines = [...columns.map(columnSql), "PRIMARY KEY (record_id, create_date)"];
  return [
    `CREATE TABLE ${table} (\n  ${lines.join(",\n  ")}\n) PARTITION BY RANGE (create_date)`,
    `GRANT INSERT ON ${table} TO maskline_writer`,
    `GRANT SELECT ON ${table} TO maskline_analyst`,
  ];
}

/** The contract as the functions of recovery and retention read it. */
function registration(contract: AnyContract, definition: Definition): string {
  const { name, table, subject, fields, columns } = contract;
  const tokens = Object.fromEntries(
    columns.flatMap(({ name: column, from }) =>
      from.kind === "token" ? [[from.field, column]] : [],
    ),
  );
  const subjectField = fields.find((field) => field.name === subject);
  const shown = columns.filter(({ from }) => from.kind !== "system");
  const row = {
    name: escapeLiteral(name),
    table_name: escapeLiteral(table),
    subject_column: escapeLiteral(subjectField?.column ?? subject),
    subject_is_masked: String(subjectField?.isMasked ?? false),
    masked_fields: textArray(fields.filter(({ isMasked }) => isMasked)),
    tokens: escapeLiteral(JSON.stringify(tokens)),
    shown_columns: textArray(shown),
    definition: escapeLiteral(JSON.stringify(definition)),
  };
  const names = Object.keys(row);
  return `INSERT INTO maskline.contract (${names.join(", ")})
VALUES (${Object.values(row).join(", ")})
ON CONFLICT (name) DO UPDATE SET ${names.map((column) => `${column} = excluded.${column}`).join(", ")}`;
}

function textArray(named: readonly { readonly name: string }[]): string {
  return `ARRAY[${named.map(({ name }) => escapeLiteral(name)).join(", ")}]::text[]`;
}
