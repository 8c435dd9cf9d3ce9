import { readFile } from "node:fs/promises";
import { maintain, type Writer } from "@org/db";
import { testContracts } from "@org/schema/test-contracts";
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { readPartitionsEnd } from "../src/partitions-end.ts";
import { createBatch, createQuarantined, createRows } from "./batches.ts";
import { type Migrated, openMigrated, tablesOf } from "./databases.ts";

/** What follows is of rows of any contract: those of the first. */
const [contract] = testContracts as [(typeof testContracts)[number]];
const table = `public.${contract.table}`;
const createRow = createRows(contract);

let migrated: Migrated;
let ownerUrl: string;
let writer: Writer;
let read: Migrated["read"];

beforeAll(async () => {
  migrated = await openMigrated(...testContracts);
  ({ read } = migrated);
  ownerUrl = await migrated.database.createLogin("maskline_owner");
  writer = await migrated.openWriter(contract);
});

afterAll(() => migrated[Symbol.asyncDispose]());

beforeEach(() => read(`TRUNCATE ${tablesOf(contract).join(", ")}`));

/** The partition of each row, sealed record and seed. */
async function places(): Promise<string[]> {
  const rows = await read<{ place: string }>(`
    SELECT tableoid::regclass::text AS place FROM ${table}
    UNION ALL SELECT tableoid::regclass::text FROM maskline.vault
    UNION ALL SELECT tableoid::regclass::text FROM maskline.seed ORDER BY 1`);
  return rows.map((row) => row.place);
}

async function countOf(name: string): Promise<number> {
  const [row] = await read<{ count: number }>(`SELECT count(*)::integer AS count FROM ${name}`);
  return row?.count ?? 0;
}

/** Makes the months around a day, as the owner alone may. */
async function makeAround(day: string): Promise<number | undefined> {
  await read("SET ROLE maskline_owner");
  const [row] = await read<{ made: number }>("SELECT maskline.partitions_around($1) AS made", [
    day,
  ]);
  await read("RESET ROLE");
  return row?.made;
}

/** A session of its own, which a test that fails leaves no lock with. */
async function openAnalyst(): Promise<Client> {
  const client = new Client({ connectionString: migrated.database.adminUrl });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Vault, seeds, and a table for each contract. */
const parents = 2 + testContracts.length;

describe("ensure_partitions", () => {
  it("makes one month back and twelve ahead for vault, seeds and the table of each contract, once", async () => {
    expect(await makeAround("2031-01-31")).toBe(14 * parents);
    expect(await makeAround("2031-01-31")).toBe(0);
    expect(
      await read(`SELECT min(relname)::text, max(relname)::text FROM pg_class
        WHERE relname BETWEEN 'seed_2030' AND 'seed_2033'`),
    ).toContainEqual({ min: "seed_2030_12", max: "seed_2032_01_pkey" });
  });

  it("moves the rows that the default partitions held for a month, of rows, vault and seeds alike", async () => {
    await writer.write(
      createBatch({
        rows: [
          createRow({ sentAtMs: Date.UTC(2041, 4, 31, 23, 59) }),
          createRow({ sentAtMs: Date.UTC(2043, 0, 1) }),
        ],
      }),
    );
    expect(new Set(await places())).toEqual(
      new Set([
        "maskline.seed_default",
        "maskline.vault_default",
        `maskline.${contract.table}_default`,
      ]),
    );
    await makeAround("2041-06-15");
    expect(await places()).toEqual([
      "maskline.seed_2041_05",
      "maskline.seed_default",
      `maskline.${contract.table}_2041_05`,
      `maskline.${contract.table}_default`,
      "maskline.vault_2041_05",
      "maskline.vault_default",
    ]);
  });

  it("waits for a write in hand and moves its rows too", async () => {
    const inHand = await openAnalyst();
    await inHand.query("BEGIN");
    await inHand.query(
      "INSERT INTO maskline.seed (record_id, create_date, seed) VALUES (gen_random_uuid(), '2051-06-01', '')",
    );
    const made = makeAround("2051-06-15");
    await vi.waitUntil(
      async () => {
        const waiting = await inHand.query(
          "SELECT FROM pg_locks WHERE NOT granted AND relation = 'maskline.seed_default'::regclass",
        );
        return waiting.rowCount === 1;
      },
      { timeout: 20_000 },
    );
    await inHand.query("COMMIT");
    await made;
    expect(await places()).toEqual(["maskline.seed_2051_06"]);
  });

  it("moves a month that the default partitions hold while others read, write and erase it", async () => {
    const old = createRow({ sentAtMs: Date.UTC(2071, 5, 2) });
    const late = createRow({ sentAtMs: Date.UTC(2071, 5, 3) });
    await writer.write(createBatch({ rows: [old] }));
    const analyst = await openAnalyst();
    // Held until the move is done but for its last step: the lock that nobody else may be behind for long.
    await analyst.query(`BEGIN; SELECT FROM ${table}`);
    const made = read("SELECT maskline.partitions_around('2071-06-15')");
    await vi.waitUntil(
      async () => {
        const waiting = await analyst.query(`SELECT FROM pg_locks
          WHERE NOT granted AND mode = 'AccessExclusiveLock' AND database = (
            SELECT oid FROM pg_database WHERE datname = current_database())`);
        return waiting.rowCount === 1;
      },
      { timeout: 20_000 },
    );
    const held = await analyst.query(`SELECT DISTINCT mode FROM pg_locks
      WHERE granted AND pid <> pg_backend_pid() AND relation = 'maskline.${contract.table}_default'::regclass
        AND mode NOT IN ('AccessShareLock', 'RowExclusiveLock')`);
    expect(held.rows).toEqual([]);
    // Until then, all that was there is there, and what comes arrives.
    expect((await analyst.query(`SELECT FROM ${table}`)).rowCount).toBe(1);
    await writer.write(createBatch({ rows: [late] }));
    await analyst.query("COMMIT");
    await made;
    expect(new Set(await places())).toEqual(
      new Set([
        "maskline.seed_2071_06",
        "maskline.vault_2071_06",
        `maskline.${contract.table}_2071_06`,
      ]),
    );
    expect(await countOf(table)).toBe(2);
  });

  it("refuses no row for having waited while its month was made: it is written when it is tried again", async () => {
    const making = await openAnalyst();
    await making.query("BEGIN; SELECT maskline.partitions_around('2091-06-15')");
    const batch = createBatch({ rows: [createRow({ sentAtMs: Date.UTC(2091, 5, 2) })] });
    const written = writer.write(batch).catch((error: unknown) => error);
    await vi.waitUntil(
      async () => (await read("SELECT FROM pg_locks WHERE NOT granted")).length > 0,
      { timeout: 20_000 },
    );
    await making.query("COMMIT");
    expect(await written).toMatchObject({ kind: "transient", sqlState: "23514" });
    await writer.write(batch);
    expect(await places()).toContain(`maskline.${contract.table}_2091_06`);
  });

  it("leaves a month out of which a default partition holds more rows than it may move", async () => {
    await writer.write(
      createBatch({
        rows: [1, 2, 3].map((day) => createRow({ sentAtMs: Date.UTC(2081, 5, day) })),
      }),
    );
    const make = (rows: number) => read(`SELECT maskline.partitions_around('2081-06-15', ${rows})`);
    await make(2);
    expect(await read("SELECT to_regclass('maskline.seed_2081_06') AS made")).toEqual([
      { made: null },
    ]);
    expect(await read("SELECT to_regclass('maskline.seed_2081_07') AS made")).toEqual([
      { made: "maskline.seed_2081_07" },
    ]);
    await make(3);
    expect(await places()).toContain("maskline.seed_2081_06");
  });

  it("tells until when there are partitions by the first month that lacks one", async () => {
    const month = new Date();
    month.setUTCDate(1);
    month.setUTCMonth(month.getUTCMonth() + 3);
    const [year, monthOfYear] = month.toISOString().split("-");
    await read(`DROP TABLE maskline.vault_${year}_${monthOfYear}`);
    const lacking = await readPartitionsEnd(migrated.admin);
    expect(lacking.toISOString()).toBe(`${year}-${monthOfYear}-01T00:00:00.000Z`);
    await maintain(ownerUrl);
    expect((await readPartitionsEnd(migrated.admin)).getTime()).toBeGreaterThan(lacking.getTime());
  });

  it("is safe to run twice at once", async () => {
    await Promise.all([maintain(ownerUrl), maintain(ownerUrl), maintain(ownerUrl)]);
    expect((await maintain(ownerUrl)).partitionsMade).toBe(0);
  });

  it("keeps no statistics of what is sealed, in no partition", async () => {
    expect(
      await read(`SELECT attrelid::regclass::text, attname FROM pg_attribute
        WHERE attname IN ('seed', 'sealed') AND attstattarget IS DISTINCT FROM 0 AND attnum > 0
          AND attrelid IN (SELECT oid FROM pg_class
            WHERE relnamespace = 'maskline'::regnamespace AND relkind IN ('r', 'p'))`),
    ).toEqual([]);
  });

  it("makes what belongs to maskline_owner, whoever calls", async () => {
    await read("DROP TABLE maskline.seed_default");
    await read("SELECT maskline.ensure_partitions()");
    expect(
      await read(
        "SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'seed_default'",
      ),
    ).toEqual([{ owner: "maskline_owner" }]);
  });

  it("makes months of a day that the caller chose for the owner alone", async () => {
    await read("SET ROLE maskline_writer");
    const day = "SELECT maskline.partitions_around('2061-06-15')";
    await expect(read(day)).rejects.toMatchObject({ code: "42501" });
    await read("RESET ROLE");
  });
});

describe("the ledger", () => {
  it("loses entries of more than 60 days and no others", async () => {
    await writer.write(createBatch({ rows: [createRow(), createRow(), createRow()] }));
    await read(`WITH aged AS (SELECT message_id, row_number() OVER () AS place FROM maskline.ledger)
      UPDATE maskline.ledger SET decided_on = (now() AT TIME ZONE 'UTC')::date - (58 + aged.place)::integer
      FROM aged WHERE aged.message_id = ledger.message_id`);
    expect((await maintain(ownerUrl)).ledgerEntriesPruned).toBe(1);
    expect(await countOf("maskline.ledger")).toBe(2);
    expect(await countOf(table)).toBe(3);
  });

  it("is pruned in steps that commit one by one, until its end", async () => {
    await read(`INSERT INTO maskline.ledger (message_id, record_id, outcome, decided_on)
      SELECT gen_random_uuid(), gen_random_uuid(), 'row',
        (now() AT TIME ZONE 'UTC')::date - CASE WHEN n % 2 = 0 THEN 90 ELSE 1 END
      FROM generate_series(1, 2000) AS n`);
    const steps: { pruned: string; next_block: string | null }[] = [];
    for (let from: string | null = "0"; from !== null;) {
      const [step]: { pruned: string; next_block: string | null }[] = await read<{
        pruned: string;
        next_block: string | null;
      }>("SELECT * FROM maskline.prune_ledger($1, 3)", [from]);
      if (step === undefined) break;
      steps.push(step);
      from = step.next_block;
    }
    expect(steps.length).toBeGreaterThan(3);
    expect(steps.map(({ next_block }) => next_block).slice(0, 3)).toEqual(["3", "6", "9"]);
    expect(steps.reduce((sum, { pruned }) => sum + Number(pruned), 0)).toBe(1000);
    expect(await countOf("maskline.ledger")).toBe(1000);
  });

  it("is pruned by no more blocks at once than a step takes", async () => {
    const call = "SELECT maskline.prune_ledger(0, 25001)";
    await expect(read(call)).rejects.toMatchObject({ code: "22023" });
  });

  it("is never pruned so early that a message in a dead-letter queue could come back", async () => {
    for (const days of ["28", "0", "-1", "NULL"]) {
      await expect(
        read(`UPDATE maskline.maintenance SET ledger_days = ${days}`),
      ).rejects.toMatchObject({ code: days === "NULL" ? "23502" : "23514" });
    }
  });
});

describe("quarantine", () => {
  it("expires in steps, until none is left that is older", async () => {
    await read(`INSERT INTO maskline.quarantine (record_id, message_id, sent_at, create_date, quarantined_on,
        contract, reason, sealed)
      SELECT gen_random_uuid(), gen_random_uuid(), now(), current_date, current_date - age, 'login', 'ip_invalid', ''
      FROM generate_series(1, 10001), unnest(ARRAY[40, 10]) AS age LIMIT 20001`);
    const report = await maintain(ownerUrl);
    expect(report.quarantineRecordsExpired).toBeGreaterThan(10_000);
    expect(report.quarantineRecordsExpired + (await countOf("maskline.quarantine"))).toBe(20_001);
    expect(
      await read("SELECT FROM maskline.quarantine WHERE quarantined_on < current_date - 31"),
    ).toEqual([]);
  });

  it("expires after 30 days with its seeds; its ledger entry and the seeds of rows stay", async () => {
    const old = createQuarantined();
    const recent = createQuarantined();
    await writer.write(createBatch({ rows: [createRow()], quarantined: [old, recent] }));
    await read(
      `UPDATE maskline.quarantine SET quarantined_on = (now() AT TIME ZONE 'UTC')::date
        - CASE record_id WHEN $1 THEN 31 ELSE 30 END`,
      [old.recordId],
    );
    expect((await maintain(ownerUrl)).quarantineRecordsExpired).toBe(1);
    expect(await read("SELECT record_id FROM maskline.quarantine")).toEqual([
      { record_id: recent.recordId },
    ]);
    expect(await read("SELECT FROM maskline.seed WHERE record_id = $1", [old.recordId])).toEqual(
      [],
    );
    expect(await countOf("maskline.seed")).toBe(2);
    expect(await countOf("maskline.ledger")).toBe(3);
  });
});

describe("old months", () => {
  it("go from rows, vault and seeds together, the default partitions and quarantine included", async () => {
    await makeAround("2021-03-10");
    await writer.write(
      createBatch({
        rows: [
          createRow({ sentAtMs: Date.UTC(2021, 2, 10) }),
          createRow({ sentAtMs: Date.UTC(2019, 0, 1) }),
        ],
        quarantined: [createQuarantined({ sentAtMs: Date.UTC(2021, 2, 10) })],
      }),
    );
    await read("UPDATE maskline.batch_key SET sealed_on = '2021-03-10'");
    const kept = createRow();
    await writer.write(createBatch({ rows: [kept] }));

    expect((await maintain(ownerUrl, { keepMonths: 12 })).partitionsDropped).toBe(14 * parents);
    expect(await read(`SELECT record_id FROM ${table}`)).toEqual([{ record_id: kept.recordId }]);
    expect(await read("SELECT record_id FROM maskline.vault")).toEqual([
      { record_id: kept.recordId },
    ]);
    expect(await read("SELECT record_id FROM maskline.seed")).toEqual([
      { record_id: kept.recordId },
    ]);
    expect(await countOf("maskline.quarantine")).toBe(0);
    expect(await countOf("maskline.batch_key")).toBe(1);
    expect(await countOf("maskline.ledger")).toBe(4);
  });

  it("have no limit below zero, above what a date holds, or of NULL", async () => {
    for (const limit of ["-1", "0", "2147483647", "NULL"]) {
      await expect(read(`SELECT maskline.drop_old_months(${limit})`)).rejects.toMatchObject({
        code: "22023",
      });
    }
  });

  it("do not wait long for an analyst, so that writers do not wait with them; and are tried again", async () => {
    await makeAround("2021-03-10");
    const analyst = await openAnalyst();
    await analyst.query(`BEGIN; SELECT FROM ${table}`);
    const maintaining = maintain(ownerUrl, { keepMonths: 12 });
    await vi.waitUntil(
      async () => {
        const waiting = await analyst.query("SELECT FROM pg_locks WHERE NOT granted");
        return waiting.rowCount === 1;
      },
      { timeout: 20_000 },
    );
    await writer.write(createBatch({ rows: [createRow()] }));
    await analyst.query("COMMIT");
    expect((await maintaining).partitionsDropped).toBe(14 * parents);
  });

  it("stay where no retention is asked for, and last month stays always", async () => {
    await makeAround("2021-03-10");
    expect((await maintain(ownerUrl)).partitionsDropped).toBe(0);
    await maintain(ownerUrl, { keepMonths: 1 });
    expect((await maintain(ownerUrl)).partitionsMade).toBe(0);
    await expect(maintain(ownerUrl, { keepMonths: 0 })).rejects.toMatchObject({
      sqlState: "22023",
    });
  });
});

describe("who may", () => {
  it.each(["maskline_writer", "maskline_analyst", "maskline_custodian"])("not %s", async (role) => {
    const url = await migrated.database.createLogin(role);
    await expect(maintain(url)).rejects.toMatchObject({ sqlState: "42501" });
  });

  it("a scheduler's login that was granted what deploy/README.md says and nothing else", async () => {
    const page = await readFile(new URL("../../../deploy/README.md", import.meta.url), "utf8");
    const grants = page.match(/^GRANT [^;]*TO maintainer;/gm) ?? [];
    expect(grants).toHaveLength(2);
    const url = await migrated.database.createLogin("maskline_auditor");
    const login = new URL(url).username;
    for (const grant of grants) await read(grant.replace("TO maintainer", `TO ${login}`));
    expect(await maintain(url, { keepMonths: 24 })).toMatchObject({ partitionsMade: 0 });
    await read(`DROP OWNED BY ${login}`);
  });
});
