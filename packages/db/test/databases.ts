/** A migrated database of one test file's own, for one contract or several. */

import { connectWriter, migrate, type Writer } from "@org/db";
import { createTestDatabase, type TestDatabase } from "@org/local";
import type { AnyContract } from "@org/schema";
import { Client, type QueryResultRow } from "pg";
import { inject } from "vitest";

export interface Migrated extends AsyncDisposable {
  readonly database: TestDatabase;
  /** As the superuser. */
  readonly admin: Client;
  readonly read: <Line extends QueryResultRow>(
    text: string,
    values?: readonly unknown[],
  ) => Promise<Line[]>;
  /** A writer of the contract's rows, that is disposed of with the database. */
  readonly openWriter: (contract: AnyContract) => Promise<Writer>;
}

export async function openMigrated(...contracts: readonly AnyContract[]): Promise<Migrated> {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(
    await createTestDatabase(inject("postgresAdminUrl"), "maskline_template"),
  );
  for (const contract of contracts) await migrate(database.adminUrl, { contract });
  const admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
  opening.defer(() => admin.end());
  const opened = opening.move();
  return {
    database,
    admin,
    async read<Line extends QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const { rows } = await admin.query<Line>(text, [...values]);
      return rows;
    },
    async openWriter(contract) {
      const connectionString = await database.createLogin("maskline_writer");
      return opened.use(connectWriter({ connection: { connectionString }, contract }));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Every table that a message of the contract can come to. */
export function tablesOf({ table }: AnyContract): readonly string[] {
  return [
    `public."${table}"`,
    "maskline.ledger",
    "maskline.quarantine",
    "maskline.batch_key",
    "maskline.vault",
    "maskline.seed",
  ];
}
