import { readFile } from "node:fs/promises";
import { connectWriter, maintain, type Writer } from "@org/db";
import { createTestDatabase, type TestDatabase } from "@org/local";
import { Client, type QueryResultRow } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { createBatch, createLogin, createQuarantined } from "./batches.ts";

let database: TestDatabase;
let ownerUrl: string;
let admin: Client;
let writer: Writer;

beforeAll(async () => {
  database = await createTestDatabase(inject("postgresAdminUrl"), "maskline_template");
  ownerUrl = await database.createLogin("maskline_owner");
  const writerUrl = await database.createLogin("maskline_writer");
  writer = connectWriter({ connection: { connectionString: writerUrl } });
  admin = new Client({ connectionString: database.adminUrl });
  await admin.connect();
});

afterAll(async () => {
  await writer[Symbol.asyncDispose]();
  await admin.end();
  await database[Symbol.asyncDispose]();
});

beforeEach(() =>
  admin.query(
    "TRUNCATE user_logins, maskline.ledger, maskline.quarantine, maskline.batch_key, maskline.vault, maskline.seed",
  ),
);

async function read<Row extends QueryResultRow>(
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const { rows } = await admin.query<Row>(text, values);
  return rows;
}

/** The partition of each login, sealed record and seed. */
async function places(): Promise<string[]> {
  const rows = await read<{ place: string }>(`
    SELECT tableoid::regclass::text AS place FROM user_logins
    UNION ALL SELECT tableoid::regclass::text FROM maskline.vault
    UNION ALL SELECT tableoid::regclass::text FROM maskline.seed ORDER BY 1`);
  return rows.map((row) => row.place);
}

async function countOf(table: string): Promise<number> {
  const [row] = await read<{ count: number }>(`SELECT count(*)::integer AS count FROM ${table}`);
  return row?.count ?? 0;
}

describe("ensure_partitions", () => {
  it("makes one month back and twelve ahead for each of the three, once", async () => {
    const made = "SELECT maskline.ensure_partitions('2031-01-31') AS made";
    expect(await read(made)).toEqual([{ made: 42 }]);
    expect(await read(made)).toEqual([{ made: 0 }]);
    expect(
      await read(`SELECT min(relname)::text, max(relname)::text FROM pg_class
        WHERE relname BETWEEN 'seed_2030' AND 'seed_2033'`),
    ).toContainEqual({ min: "seed_2030_12", max: "seed_2032_01_pkey" });
  });

  it("moves the rows that the default partitions held for a month, of logins, vault and seeds alike", async () => {
    await writer.write(
      createBatch({
        logins: [
          createLogin({ sentAtMs: Date.UTC(2041, 4, 31, 23, 59) }),
          createLogin({ sentAtMs: Date.UTC(2043, 0, 1) }),
        ],
      }),
    );
    expect(new Set(await places())).toEqual(
      new Set(["maskline.seed_default", "maskline.vault_default", "maskline.user_logins_default"]),
    );
    await read("SELECT maskline.ensure_partitions('2041-06-15')");
    expect(await places()).toEqual([
      "maskline.seed_2041_05",
      "maskline.seed_default",
      "maskline.user_logins_2041_05",
      "maskline.user_logins_default",
      "maskline.vault_2041_05",
      "maskline.vault_default",
    ]);
  });

  it("waits for a write in hand and moves its rows too", async () => {
    const inHand = new Client({ connectionString: database.adminUrl });
    await inHand.connect();
    await inHand.query("BEGIN");
    await inHand.query(
      "INSERT INTO maskline.seed (record_id, create_date, seed) VALUES (gen_random_uuid(), '2051-06-01', '')",
    );
    const made = read("SELECT maskline.ensure_partitions('2051-06-15')");
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
    await inHand.end();
    await made;
    expect(await places()).toEqual(["maskline.seed_2051_06"]);
  });

  it("is safe to run twice at once", async () => {
    await Promise.all([maintain(ownerUrl), maintain(ownerUrl), maintain(ownerUrl)]);
    expect((await maintain(ownerUrl)).partitionsMade).toBe(0);
  });

  it("makes what belongs to maskline_owner, whoever calls", async () => {
    await read("SELECT maskline.ensure_partitions('2061-06-15')");
    expect(
      await read(
        "SELECT relowner::regrole::text AS owner FROM pg_class WHERE relname = 'seed_2061_06'",
      ),
    ).toEqual([{ owner: "maskline_owner" }]);
  });
});

describe("the ledger", () => {
  it("loses entries of more than 60 days and no others", async () => {
    await writer.write(createBatch({ logins: [createLogin(), createLogin(), createLogin()] }));
    await read(`WITH aged AS (SELECT message_id, row_number() OVER () AS place FROM maskline.ledger)
      UPDATE maskline.ledger SET decided_on = (now() AT TIME ZONE 'UTC')::date - (58 + aged.place)::integer
      FROM aged WHERE aged.message_id = ledger.message_id`);
    expect((await maintain(ownerUrl)).ledgerEntriesPruned).toBe(1);
    expect(await countOf("maskline.ledger")).toBe(2);
    expect(await countOf("user_logins")).toBe(3);
  });

  it("is never pruned so early that a message in a dead-letter queue could come back", async () => {
    await expect(maintain(ownerUrl, { ledgerDays: 28 })).rejects.toMatchObject({
      sqlState: "22023",
    });
  });
});

describe("quarantine", () => {
  it("expires after 30 days with its seeds; its ledger entry and the seeds of logins stay", async () => {
    const old = createQuarantined();
    const recent = createQuarantined();
    await writer.write(createBatch({ logins: [createLogin()], quarantined: [old, recent] }));
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
  it("go from logins, vault and seeds together, the default partitions and quarantine included", async () => {
    await read("SELECT maskline.ensure_partitions('2021-03-10')");
    await writer.write(
      createBatch({
        logins: [
          createLogin({ sentAtMs: Date.UTC(2021, 2, 10) }),
          createLogin({ sentAtMs: Date.UTC(2019, 0, 1) }),
        ],
        quarantined: [createQuarantined({ sentAtMs: Date.UTC(2021, 2, 10) })],
      }),
    );
    await read("UPDATE maskline.batch_key SET sealed_on = '2021-03-10'");
    const kept = createLogin();
    await writer.write(createBatch({ logins: [kept] }));

    expect((await maintain(ownerUrl, { keepMonths: 12 })).partitionsDropped).toBe(42);
    expect(await read("SELECT record_id FROM user_logins")).toEqual([{ record_id: kept.recordId }]);
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

  it("stay where no retention is asked for, and last month stays always", async () => {
    await read("SELECT maskline.ensure_partitions('2021-03-10')");
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
    const url = await database.createLogin(role);
    await expect(maintain(url)).rejects.toMatchObject({ sqlState: "42501" });
  });

  it("a scheduler's login that was granted what deploy/README.md says and nothing else", async () => {
    const page = await readFile(new URL("../../../deploy/README.md", import.meta.url), "utf8");
    const grants = page.match(/^GRANT [^;]*TO maintainer;/gm) ?? [];
    expect(grants).toHaveLength(2);
    const url = await database.createLogin("maskline_auditor");
    const login = new URL(url).username;
    for (const grant of grants) await read(grant.replace("TO maintainer", `TO ${login}`));
    expect(await maintain(url, { keepMonths: 24 })).toMatchObject({ partitionsMade: 0 });
    await read(`DROP OWNED BY ${login}`);
  });
});
