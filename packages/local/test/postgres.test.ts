import { Client } from "pg";
import { expect, it } from "vitest";
import { startPostgres } from "../src/postgres.ts";

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(statement);
    return rows;
  } finally {
    await client.end();
  }
}

it("starts, as root too, and writes a row", async () => {
  await using postgres = await startPostgres();
  await query(postgres.adminUrl, "CREATE TABLE t (n int)");
  await query(postgres.adminUrl, "INSERT INTO t VALUES (1)");
  expect(await query(postgres.adminUrl, "SELECT n FROM t")).toEqual([{ n: 1 }]);
});
