import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectWriter, migrate } from "@org/db";
import { startPostgres } from "@org/local";
import { login } from "@org/schema";
import { expect, test } from "vitest";

test("a server that goes on from a backup is one until somebody says that what it lacks was dealt with", async () => {
  // Nothing is archived: the restore ends where the server's own WAL does.
  await using postgres = await startPostgres({
    settings: { fsync: "off", restore_command: "false" },
  });
  await migrate(postgres.url(), { contract: login });
  const isRestored = async () => {
    const connection = { connectionString: postgres.url() };
    await using writer = connectWriter({ connection, contract: login });
    return (await writer.check()).isRestored;
  };
  expect(await isRestored()).toBe(false);
  await postgres.stop();
  await postgres.start();
  expect(await isRestored()).toBe(false);

  await postgres.stop();
  const signal = join(postgres.dataDirectory, "recovery.signal");
  await writeFile(signal, "");
  await chmod(signal, 0o666);
  await postgres.start();
  await expect.poll(isRestored, { timeout: 20_000 }).toBe(true);
  await migrate(postgres.url(), { contract: login });
  expect(await isRestored()).toBe(true);
  await migrate(postgres.url(), { contract: login, acceptsRestore: true });
  expect(await isRestored()).toBe(false);
});
