import { readFile } from "node:fs/promises";
import { tableOf } from "@org/db";
import type { Sealed, SealedBatchKey, Seed, Token } from "@org/masking";
import type { login } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { generateDrizzleJson, generateMigration } from "drizzle-kit/api";
import { is } from "drizzle-orm";
import { getTableConfig, PgTable } from "drizzle-orm/pg-core";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { orders } from "../../../examples/orders.contract.ts";
import { readMigration, migrations } from "../src/schema-version.ts";
import * as schema from "../src/tables.ts";
import { type Migrated, openMigrated } from "./databases.ts";

interface CatalogColumn {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  /** Its place in the primary key, from 1, or 0. */
  readonly keyPlace: number;
}

function declaredColumns(): CatalogColumn[] {
  const fixed = Object.values(schema).filter((value) => is(value, PgTable));
  return [...fixed, ...testContracts.map(tableOf)].flatMap((table) => {
    const config = getTableConfig(table);
    const key = config.primaryKeys.flatMap((primaryKey) => primaryKey.columns);
    return config.columns.map((column) => ({
      table: `${config.schema ?? "public"}.${config.name}`,
      column: column.name,
      type: column
        .getSQLType()
        .replace(/^varchar/, "character varying")
        .replace(/^timestamptz$/, "timestamp with time zone"),
      notNull: column.notNull,
      hasDefault: column.hasDefault,
      keyPlace: column.primary ? 1 : key.findIndex(({ name }) => name === column.name) + 1,
    }));
  });
}

function byName(columns: readonly CatalogColumn[]): Record<string, CatalogColumn> {
  return Object.fromEntries(columns.map((column) => [`${column.table}.${column.column}`, column]));
}

const statementOf = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

describe("the checked-in migrations", () => {
  const metaDirectory = new URL("../migrations/meta/", import.meta.url);

  it("begin with what drizzle-kit generates from the tables, and a snapshot of just that", async () => {
    const snapshot = JSON.parse(
      await readFile(new URL("0000_snapshot.json", metaDirectory), "utf8"),
    );
    const tables = generateDrizzleJson(schema, snapshot.prevId);
    expect({ ...snapshot, id: "" }).toEqual({ ...tables, id: "" });
    const nothing = generateDrizzleJson({});
    const generated = (await generateMigration(nothing, tables)).map(statementOf);
    const [first] = migrations;
    const text = first === undefined ? "" : await readMigration(first);
    const written = text
      .replace(/^-- .*\n/gm, "")
      .replace("CREATE SCHEMA IF NOT EXISTS", "CREATE SCHEMA")
      .replaceAll(' PARTITION BY RANGE ("create_date")', "")
      .split("--> statement-breakpoint")
      .map(statementOf);
    expect(written.toSorted()).toEqual(generated.toSorted());
  });

  it("have no character but of ASCII, whatever the database's encoding makes of the others", async () => {
    for (const migration of migrations) {
      expect(await readMigration(migration)).toMatch(/^[\n\t\x20-\x7e]*$/);
    }
  });

  it("are dated in their order, or the migrator would skip one", () => {
    const dates = migrations.map(({ when }) => when);
    expect(dates).toEqual(dates.toSorted((a, b) => a - b));
    expect(new Set(dates).size).toBe(dates.length);
  });
});

describe("the migrated catalog", () => {
  let migrated: Migrated;

  beforeAll(async () => {
    migrated = await openMigrated(...testContracts);
    // So that format_type leaves the schema of our enum out, as drizzle does.
    await migrated.read("SET search_path = public, maskline");
  });

  afterAll(() => migrated[Symbol.asyncDispose]());

  async function migratedColumns(): Promise<CatalogColumn[]> {
    return migrated.read<CatalogColumn>(`
      SELECT nspname || '.' || relname AS table, attname AS column,
        format_type(atttypid, atttypmod) AS type, attnotnull AS "notNull",
        atthasdef AS "hasDefault",
        coalesce(array_position(indkey::int2[], attnum), -1) + 1 AS "keyPlace"
      FROM pg_attribute
      JOIN pg_class ON pg_class.oid = attrelid
      JOIN pg_namespace ON pg_namespace.oid = relnamespace
      LEFT JOIN pg_index ON indrelid = attrelid AND indisprimary
      WHERE nspname IN ('public', 'maskline') AND relkind IN ('r', 'p') AND NOT relispartition
        AND attnum > 0 AND NOT attisdropped
        -- The migrator's own table.
        AND relname <> 'schema_version'`);
  }

  it("holds exactly the columns, types and keys that the tables declare", async () => {
    expect(byName(await migratedColumns())).toEqual(byName(declaredColumns()));
  });

  it.each(testContracts)("has the columns of $table in the contract's order", async (contract) => {
    const rows = await migrated.read<{ column: string }>(`
      SELECT attname AS column FROM pg_attribute
      WHERE attrelid = 'public.${contract.table}'::regclass AND attnum > 0 ORDER BY attnum`);
    expect(rows.map((row) => row.column)).toEqual(contract.columns.map(({ name }) => name));
  });

  it("partitions the rows of each contract, vault and seeds by the same months, each with a default", async () => {
    const rows = await migrated.read<{ parent: string; months: string[] }>(`
      SELECT parent.relname AS parent,
        array_agg(right(child.relname, 7) ORDER BY child.relname)::text[] AS months
      FROM pg_inherits
      JOIN pg_class AS parent ON parent.oid = inhparent AND parent.relkind = 'p'
      JOIN pg_class AS child ON child.oid = inhrelid
      GROUP BY parent.relname ORDER BY parent.relname`);
    expect(rows.map((row) => row.parent)).toEqual(
      ["seed", "vault", ...testContracts.map(({ table }) => table)].toSorted(),
    );
    for (const { months } of rows) {
      expect(months).toHaveLength(15);
      expect(months).toContain("default");
      expect(months).toEqual(rows[0]?.months);
    }
  });
});

describe("the column types", () => {
  const table = tableOf(orders);
  type Inserted = (typeof table)["$inferInsert"];

  it("a masked column takes a Token and no other text", () => {
    expectTypeOf<Inserted["masked_email"]>().toEqualTypeOf<Token>();
    expectTypeOf<Inserted["masked_shipping_phone"]>().toEqualTypeOf<Token | null | undefined>();
    expectTypeOf<string>().not.toExtend<Inserted["masked_email"]>();
    // @ts-expect-error A plain string is no Token.
    const masked: Pick<Inserted, "masked_email"> = { masked_email: "ada@example.org" };
    expect(masked).toBeDefined();
  });

  it("other columns take what their fields are", () => {
    expectTypeOf<Inserted["order_id"]>().toEqualTypeOf<string>();
    type Login = ReturnType<typeof tableOf<typeof login>>["$inferInsert"];
    expectTypeOf<Login["app_version"]>().toEqualTypeOf<number | null | undefined>();
    expectTypeOf<Inserted["sent_at"]>().toEqualTypeOf<Date>();
  });

  it("vault, seed and batch key take each what was made for it, and no other bytes", () => {
    expectTypeOf<(typeof schema.vault.$inferInsert)["sealed"]>().toEqualTypeOf<Sealed>();
    expectTypeOf<(typeof schema.quarantine.$inferInsert)["sealed"]>().toEqualTypeOf<Sealed>();
    expectTypeOf<(typeof schema.seed.$inferInsert)["seed"]>().toEqualTypeOf<Seed>();
    expectTypeOf<(typeof schema.batchKey.$inferInsert)["sealed"]>().toEqualTypeOf<SealedBatchKey>();
    expectTypeOf<Seed>().not.toExtend<Sealed>();
    expectTypeOf<Uint8Array>().not.toExtend<Sealed>();
  });
});
