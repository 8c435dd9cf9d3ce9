/** What becomes of a database over a year, on a server whose clock is told when it is. */
import { randomUUID } from "node:crypto";
import { globSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectWriter, maintainInTurn, migrate } from "@org/db";
import { createLogin, openServerDirectory, query, startPostgres } from "@org/local";
import { type AnyContract, login } from "@org/schema";
import { expect, test } from "vitest";
import { createBatch, createQuarantined, createRows } from "./batches.ts";

/** Debian's package faketime. */
const [library] = globSync("/usr/lib/*/faketime/libfaketime.so.1");
const contract: AnyContract = login;
const createRow = createRows(contract);

test("over fourteen months each row comes to its month, and what has served its time goes, by consumers alone", async ({
  skip,
}) => {
  if (library === undefined) return skip("libfaketime is not installed: Debian's package faketime");
  await using directory = await openServerDirectory();
  const clock = join(directory.path, "clock");
  const setDays = (days: number): Promise<void> => writeFile(clock, `+${days}d`, { mode: 0o644 });
  await setDays(0);
  await using postgres = await startPostgres({
    settings: { fsync: "off" },
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
  });
  await migrate(postgres.adminUrl, { contract });
  const connectionString = await createLogin(postgres.adminUrl, {
    name: "consumer",
    memberOf: "maskline_writer",
  });
  const connection = { connectionString };
  await using writer = connectWriter({ connection, contract });

  for (let month = 0; month < 14; month += 1) {
    await setDays(31 * month);
    const [now] = await query<{ at: Date }>(postgres.adminUrl, "SELECT now() AS at");
    const sentAtMs = now?.at.getTime() ?? 0;
    await writer.write(
      createBatch({
        rows: [createRow({ sentAtMs }), createRow({ sentAtMs: sentAtMs - 86_400_000 })],
        quarantined: [createQuarantined({ sentAtMs })],
      }),
    );
    const { did, partitionsEnd } = await maintainInTurn({
      connection,
      holder: randomUUID(),
      takesPart: true,
      signal: new AbortController().signal,
    });
    expect(did).toMatchObject({
      ledgerEntriesPruned: month < 2 ? 0 : 3,
      quarantineRecordsExpired: month < 1 ? 0 : 1,
    });
    expect(partitionsEnd.getTime() - sentAtMs).toBeGreaterThan(330 * 86_400_000);
  }
  const places = await query<{ place: string }>(
    postgres.adminUrl,
    `SELECT DISTINCT tableoid::regclass::text AS place FROM maskline.seed
     UNION SELECT tableoid::regclass::text FROM maskline.vault
     UNION SELECT tableoid::regclass::text FROM user_logins`,
  );
  expect(places.filter(({ place }) => place.endsWith("_default"))).toEqual([]);
  expect(places.length).toBeGreaterThanOrEqual(3 * 13);
});
