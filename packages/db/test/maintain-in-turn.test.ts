import { randomUUID } from "node:crypto";
import { maintain, maintainInTurn, type Turn } from "@org/db";
import { testContracts } from "@org/schema/test-contracts";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Migrated, openMigrated } from "./databases.ts";

let migrated: Migrated;
let read: Migrated["read"];
let writerUrl: string;

beforeAll(async () => {
  migrated = await openMigrated(...testContracts);
  ({ read } = migrated);
  writerUrl = await migrated.database.createLogin("maskline_writer");
});

afterAll(() => migrated[Symbol.asyncDispose]());

beforeEach(async () => {
  await read("TRUNCATE maskline.ledger, maskline.quarantine");
  await read(`UPDATE maskline.maintenance SET ended_at = NULL, step = DEFAULT, next_block = DEFAULT,
    holder = NULL, held_until = NULL, ledger_days = DEFAULT, quarantine_days = DEFAULT`);
});

function takeTurn(holder: string = randomUUID(), takesPart = true): Promise<Turn> {
  const connection = { connectionString: writerUrl };
  return maintainInTurn({ connection, holder, takesPart, signal: new AbortController().signal });
}

const agedLedger = (entries: number): string => `
  INSERT INTO maskline.ledger (message_id, record_id, outcome, decided_on)
  SELECT gen_random_uuid(), gen_random_uuid(), 'row', current_date - 90 FROM generate_series(1, ${entries})`;

it("a writer's login does the work of a day, within what the owner has decided", async () => {
  const [next] = await read<{ name: string }>(
    "SELECT to_char(now() + interval '1 month', '\"maskline.seed_\"YYYY_MM') AS name",
  );
  await read(`DROP TABLE ${next?.name}`);
  await read("SELECT maskline.partitions_around('2020-03-10')");
  await read(agedLedger(3));
  await read(`INSERT INTO maskline.quarantine (record_id, message_id, sent_at, create_date, quarantined_on,
      contract, reason, sealed)
    SELECT gen_random_uuid(), gen_random_uuid(), now(), current_date, current_date - age, 'login', 'ip_invalid', ''
    FROM unnest(ARRAY[40, 80]) AS age`);
  await read("UPDATE maskline.maintenance SET quarantine_days = 60");
  const turn = await takeTurn();
  expect(turn).toMatchObject({
    did: { partitionsMade: 1, ledgerEntriesPruned: 3, quarantineRecordsExpired: 1 },
    isLeft: false,
  });
  expect(turn.endedAt?.getTime()).toBeGreaterThan(0);
  // Months are dropped by `maintain` alone.
  expect(await read("SELECT to_regclass('maskline.seed_2020_03')::text AS month")).toEqual([
    { month: "maskline.seed_2020_03" },
  ]);
});

it("of many at once, one does it; to the others nothing is due, or it is left to that one", async () => {
  await read(agedLedger(5));
  const turns = await Promise.all(Array.from({ length: 5 }, () => takeTurn()));
  expect(turns.filter(({ did }) => did !== null)).toHaveLength(1);
  expect(await read("SELECT FROM maskline.ledger")).toEqual([]);
  expect(await takeTurn()).toMatchObject({ did: null, isLeft: false });
});

it("what a killed one had in hand is undone, and another one goes on at once", async () => {
  await read(agedLedger(5));
  const killed = new Client({ connectionString: writerUrl });
  killed.on("error", () => {});
  await killed.connect();
  const { rows } = await killed.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  await killed.query("BEGIN");
  await killed.query("SELECT maskline.maintain_step($1)", [randomUUID()]);
  expect(await takeTurn()).toMatchObject({ did: null, isLeft: true, endedAt: null });

  await read("SELECT pg_terminate_backend($1, 10000)", [rows[0]?.pid]);
  expect(await takeTurn()).toMatchObject({ did: { ledgerEntriesPruned: 5 }, isLeft: false });
});

it("one that dies between two steps is waited for until its lease is over, and its steps are not done again", async () => {
  await read(agedLedger(5));
  const gone = randomUUID();
  const step = (): Promise<unknown[]> =>
    read("SELECT step FROM maskline.maintain_step($1)", [gone]);
  expect(await step()).toEqual([{ step: "partitions" }]);
  expect(await step()).toEqual([{ step: "ledger" }]);
  expect(await takeTurn()).toMatchObject({ did: null, isLeft: true });

  await read("UPDATE maskline.maintenance SET held_until = now() - interval '1 second'");
  expect(await takeTurn()).toMatchObject({ did: { ledgerEntriesPruned: 0 }, isLeft: false });
});

it("nothing is due before the scheduled one is an hour late; who takes no part sees how it stands", async () => {
  await maintain(migrated.database.adminUrl);
  const turn = await takeTurn();
  expect(turn).toMatchObject({ did: null, isLeft: false });
  expect(turn.endedAt).not.toBeNull();

  await read("UPDATE maskline.maintenance SET ended_at = now() - interval '24 hours 59 minutes'");
  expect(await takeTurn()).toMatchObject({ did: null, isLeft: false });
  await read("UPDATE maskline.maintenance SET ended_at = now() - interval '25 hours 1 minute'");
  expect(await takeTurn(randomUUID(), false)).toMatchObject({ did: null, isLeft: false });
  expect(await takeTurn()).toMatchObject({ did: { partitionsMade: 0 } });
});

it("a scheduled one does not wait for who holds the lease and its transaction open", async () => {
  const open = new Client({ connectionString: writerUrl });
  await open.connect();
  await open.query("BEGIN");
  await open.query("SELECT maskline.maintain_step($1)", [randomUUID()]);
  expect(await maintain(migrated.database.adminUrl)).toMatchObject({ partitionsMade: 0 });
  await open.end();
});

it("a lease that nobody holds is refused", async () => {
  await expect(read("SELECT maskline.maintain_step(NULL)")).rejects.toMatchObject({
    code: "22023",
  });
});
