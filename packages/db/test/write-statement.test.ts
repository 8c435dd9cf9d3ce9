/** The shape of the batch write, by which docs/operations/scale.md says what an engine that shards can make of it. */

import type { AnyContract } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import type { PgTable } from "drizzle-orm/pg-core";
import { expect, it } from "vitest";
import { pgCore } from "../src/drizzle.ts";
import { tableOf } from "../src/table-of.ts";
import { batchKey, ledger, quarantine, seed, vault } from "../src/tables.ts";
import { createWriteStatement } from "../src/write-statement.ts";
import { createBatch, createQuarantined, createRows } from "./batches.ts";

/** The statement that writes to every table. */
function textFor(contract: AnyContract): string {
  const write = createWriteStatement(contract);
  const batch = createBatch({
    rows: [createRows(contract)()],
    quarantined: [createQuarantined()],
  });
  return write(batch).text;
}

const tablesOf = (contract: AnyContract): readonly PgTable[] => [
  ledger,
  tableOf(contract),
  vault,
  seed,
  quarantine,
  batchKey,
];

const nameOf = (table: PgTable): string => {
  const { schema = "public", name } = pgCore.getTableConfig(table);
  return `${schema}.${name}`;
};

function keyOf(table: PgTable): readonly string[] {
  const { columns, primaryKeys } = pgCore.getTableConfig(table);
  const composite = primaryKeys.flatMap((key) => key.columns.map(({ name }) => name));
  return [...composite, ...columns.filter(({ primary }) => primary).map(({ name }) => name)];
}

const insertedInto = (text: string): readonly string[] =>
  [...text.matchAll(/INSERT INTO (\S+)/g)].map(([, name = ""]) => name.replaceAll('"', ""));

it.each(testContracts)(
  "of $name has no column in the keys of all its tables: no batch is of one shard",
  (contract) => {
    const tables = tablesOf(contract);
    const inserted = new Set(insertedInto(textFor(contract)));
    expect([...inserted].toSorted()).toEqual(tables.map(nameOf).toSorted());

    const [first = [], ...others] = tables.map(keyOf);
    expect(first).toEqual(["message_id"]);
    expect(first.filter((column) => others.every((key) => key.includes(column)))).toEqual([]);
  },
);

it.each(testContracts)(
  "of $name can be cut table by table: each key holds the column that the table would be cut by",
  (contract) => {
    const cutBy = new Map([
      [nameOf(ledger), "message_id"],
      [nameOf(batchKey), "id"],
    ]);
    for (const table of tablesOf(contract)) {
      expect(keyOf(table)).toContain(cutBy.get(nameOf(table)) ?? "record_id");
    }
  },
);

it.each(testContracts)(
  "of $name modifies in WITH, from arrays: a router of one shard takes neither",
  (contract) => {
    const text = textFor(contract);
    expect(text).toMatch(/^WITH claimed AS \(\s*INSERT /);
    // The rows of every INSERT come from parameters, of no table.
    const inserts = insertedInto(text).length;
    expect(text.match(/FROM unnest\(/g)?.length).toBe(inserts + 1);
    expect(text.match(/ FROM (?!unnest|claimed|\()\S+/g)).toBeNull();
  },
);
