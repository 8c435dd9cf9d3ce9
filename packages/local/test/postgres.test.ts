import { readFile, stat } from "node:fs/promises";
import { expect, it } from "vitest";
import { startPostgres } from "../src/postgres.ts";
import { query } from "../src/query.ts";

it("starts, as root too, and writes a row durably", async () => {
  await using postgres = await startPostgres();
  await query(postgres.adminUrl, "CREATE TABLE t (n int)");
  await query(postgres.adminUrl, "INSERT INTO t VALUES (1)");
  expect(await query(postgres.adminUrl, "SELECT n FROM t")).toEqual([{ n: 1 }]);
  expect(await query(postgres.adminUrl, "SHOW fsync")).toEqual([{ fsync: "on" }]);
});

it.each(["fast", "immediate"] as const)(
  "keeps committed rows and its port over a stop that is %s",
  async (mode) => {
    await using postgres = await startPostgres();
    await query(postgres.adminUrl, "CREATE TABLE t AS SELECT 1 AS n");

    await postgres.stop(mode);
    await expect(query(postgres.adminUrl, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
    await postgres.start();

    expect(await query(postgres.adminUrl, "SELECT n FROM t")).toEqual([{ n: 1 }]);
    const recovered = (await readFile(postgres.logFile, "utf8")).includes("automatic recovery");
    expect(recovered).toBe(mode === "immediate");
  },
);

it("lets nobody in without the password", async () => {
  await using postgres = await startPostgres();
  const url = new URL(postgres.adminUrl);
  url.password = "guess";
  await expect(query(url.href, "SELECT 1")).rejects.toMatchObject({ code: "28P01" });
  await expect(query(postgres.url({ user: "somebody" }), "SELECT 1")).rejects.toThrow("password");
});

it("takes server settings", async () => {
  await using postgres = await startPostgres({ settings: { fsync: "off", max_connections: "7" } });
  expect(await query(postgres.adminUrl, "SHOW fsync")).toEqual([{ fsync: "off" }]);
  expect(await query(postgres.adminUrl, "SHOW max_connections")).toEqual([
    { max_connections: "7" },
  ]);
});

it("shows the server's log when a setting keeps it from starting", async () => {
  await expect(startPostgres({ settings: { max_connections: "many" } })).rejects.toThrow(
    /did not start[^]*max_connections/,
  );
});

it("stops the server and removes its data on disposal", async () => {
  const postgres = await startPostgres();
  await postgres[Symbol.asyncDispose]();
  await expect(stat(postgres.dataDirectory)).rejects.toThrow("ENOENT");
  await expect(query(postgres.adminUrl, "SELECT 1")).rejects.toThrow("ECONNREFUSED");
});
