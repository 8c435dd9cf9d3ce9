import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { takeBaseBackup } from "../src/base-backup.ts";
import { startPostgres } from "../src/postgres.ts";
import { query } from "../src/query.ts";

it("starts a standby from a running server's files, which follows and is promoted once that one is killed", async () => {
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "maskline-backup-"));
  opening.defer(() => rm(directory, { recursive: true }));
  const settings = { fsync: "off", wal_keep_size: "1GB" };
  const primary = opening.use(await startPostgres({ settings }));
  await query(primary.adminUrl, "CREATE TABLE t AS SELECT 1 AS n");
  const backup = await takeBaseBackup(primary, join(directory, "base"));
  const { port, password } = primary;
  const primary_conninfo = `host=127.0.0.1 port=${port} user=postgres password=${password}`;
  const standby = opening.use(
    await startPostgres({
      settings: { ...settings, primary_conninfo },
      from: { ...backup, as: "standby" },
    }),
  );
  await query(primary.adminUrl, "INSERT INTO t VALUES (2)");
  const rows = () => query(standby.adminUrl, "SELECT n FROM t ORDER BY n");
  await expect.poll(rows, { timeout: 20_000 }).toEqual([{ n: 1 }, { n: 2 }]);

  await primary.stop("kill");
  await expect(query(primary.adminUrl, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
  await query(standby.adminUrl, "SELECT pg_promote(true)");
  await query(standby.adminUrl, "INSERT INTO t VALUES (3)");
  expect(await rows()).toHaveLength(3);
});
