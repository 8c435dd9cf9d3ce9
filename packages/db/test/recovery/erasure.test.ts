import { randomBytes, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  connectRecovery,
  connectWriter,
  maintain,
  migrate,
  type PlaceState,
  type RecoveryConnection,
} from "@org/db";
import { type LocalPostgres, startPostgres } from "@org/local";
import { login } from "@org/schema";
import { Client, type QueryResultRow } from "pg";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createRows } from "../batches.ts";
import { commitment } from "./people.ts";

let postgres: LocalPostgres;
let admin: Client;
let custodian: Client;
let approver: Client;
let recovery: RecoveryConnection;
const database = "erasure";

beforeAll(async () => {
  postgres = await startPostgres({
    settings: {
      fsync: "off",
      max_prepared_transactions: "5",
      wal_level: "logical",
      max_wal_size: "32MB",
    },
  });
  const first = new Client({ connectionString: postgres.adminUrl });
  await first.connect();
  await first.query(`CREATE DATABASE ${database}`);
  await first.end();
  await migrate(postgres.url({ database }), { contract: login });
  admin = await connect(postgres.url({ database }));
  // Not on the command line, where nothing could turn it on again.
  await admin.query("ALTER SYSTEM SET autovacuum = off");
  await admin.query("SELECT pg_reload_conf()");
  for (const role of ["custodian", "approver", "auditor"]) {
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x' IN ROLE maskline_${role}`);
  }
  custodian = await connect(as("custodian"));
  approver = await connect(as("approver"));
  recovery = connectRecovery({ connectionString: as("custodian") });
});

afterAll(async () => {
  await recovery[Symbol.asyncDispose]();
  for (const client of [admin, custodian, approver]) await client.end();
  await postgres[Symbol.asyncDispose]();
});

const as = (user: string) => postgres.url({ database, user, password: "x" });

async function connect(connectionString: string): Promise<Client> {
  const client = new Client({ connectionString });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function read<Row extends QueryResultRow>(
  client: Client,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  return (await client.query<Row>(text, values)).rows;
}

interface Stored {
  readonly recordId: string;
  readonly seed: Buffer;
}

/** Of this month, which has a partition. */
const aDay = `${new Date().toISOString().slice(0, 7)}-15`;
const partition = (table: string) => `maskline.${table}_${aDay.slice(0, 7).replace("-", "_")}`;
const createRow = createRows(login);
const tokenColumn = login.columns.find(({ from }) => from.kind === "token")?.name ?? "";
const token = () => `mk1.t1.${randomBytes(32).toString("base64url")}`;

async function store(userId: string, count = 1, day = aDay): Promise<Stored[]> {
  const stored: Stored[] = [];
  for (let index = 0; index < count; index++) {
    const recordId = v7();
    const seed = randomBytes(32);
    await admin.query(
      "INSERT INTO public.user_logins SELECT * FROM jsonb_populate_record(NULL::public.user_logins, $1)",
      [
        JSON.stringify({
          ...createRow().columns,
          user_id: userId,
          create_date: day,
          message_id: randomUUID(),
          sent_at: `${day}T00:00Z`,
          record_id: recordId,
        }),
      ],
    );
    await admin.query("INSERT INTO maskline.vault VALUES ($1, $2, $3)", [
      recordId,
      day,
      randomBytes(250),
    ]);
    await admin.query("INSERT INTO maskline.seed VALUES ($1, $2, $3)", [recordId, day, seed]);
    stored.push({ recordId, seed });
  }
  return stored;
}

async function quarantine(tag: string | null): Promise<string> {
  const recordId = v7();
  await admin.query(
    `INSERT INTO maskline.quarantine
       (record_id, message_id, sent_at, create_date, contract, reason, subject_tag, sealed)
     VALUES ($1, $2, now(), $3, 'login', 'ip_invalid', $4, $5)`,
    [recordId, randomUUID(), aDay, tag, randomBytes(300)],
  );
  await admin.query("INSERT INTO maskline.seed VALUES ($1, $2, $3)", [
    recordId,
    aDay,
    randomBytes(32),
  ]);
  return recordId;
}

async function ask(selector: object): Promise<{ grant: string } | { refused: string }> {
  const request = {
    tenant: "t",
    contract: "login",
    capability: "erase",
    fields: [],
    selector,
    purpose: "gdpr",
    ticket: "T-1",
    justification: "asked for",
    reveal: "full",
    maxRecords: null,
    minutes: 60,
  };
  const [answer] = await read<{ asked: { grant: string } | { refused: string } }>(
    custodian,
    "SELECT recovery.request_access($1) AS asked",
    [JSON.stringify(request)],
  );
  return answer?.asked ?? { refused: "nothing" };
}

/** Resolves with the claim. */
async function erase(selector: Readonly<Record<string, unknown>>): Promise<string> {
  const asked = await ask(selector);
  if ("refused" in asked) throw new Error(asked.refused);
  const { grant } = asked;
  for (let isDone: boolean | undefined = false; isDone === false;) {
    const [row] = await read<{ answer: { isDone?: boolean } }>(
      custodian,
      "SELECT recovery.resolve_request($1, $2) AS answer",
      [grant, JSON.stringify(selector)],
    );
    isDone = row?.answer.isDone;
  }
  await read(
    approver,
    "SELECT recovery.decide($1, 'approve', '0123456789abcdef', $2, 'approver')",
    [grant, randomBytes(64)],
  );
  const subject = (selector["subject"] as string | undefined) ?? null;
  const claim = randomUUID();
  await read(custodian, "SELECT recovery.claim_work($1, 'erase', $2, $3)", [grant, subject, claim]);
  for (;;) {
    const { isDone } = await recovery.work.eraseNext({
      claim,
      subject: subject ?? undefined,
      limit: 1000,
    });
    if (isDone) return claim;
  }
}

const reasons = (states: readonly PlaceState[]) =>
  Object.fromEntries(states.map(({ place, reason }) => [place, reason]));

async function look(record: string): Promise<Record<string, string | null>> {
  return reasons(await recovery.erasure.ofRecord(record));
}

async function eraseOne(): Promise<Stored> {
  const subject = randomUUID();
  const [stored] = await store(subject);
  if (stored === undefined) throw new Error("nothing stored");
  await erase({ kind: "subject", subject, ...commitment });
  return stored;
}

/** Whether the table's file has the bytes. */
async function fileHolds(table: string, bytes: Buffer): Promise<boolean> {
  await admin.query("CHECKPOINT");
  const [file] = await read<{ path: string }>(admin, "SELECT pg_relation_filepath($1) AS path", [
    table,
  ]);
  const content = await readFile(join(postgres.dataDirectory, file?.path ?? ""));
  return content.includes(bytes);
}

test("a record that was not erased is said to stand, and where", async () => {
  const [stored] = await store(randomUUID());
  const [state, ...others] = await recovery.erasure.ofRecord(stored?.recordId ?? "");
  expect(state).toMatchObject({ place: "record", reason: "not_erased" });
  expect(state?.relations).toEqual([partition("seed"), partition("vault"), "public.user_logins"]);
  expect(others).toEqual([]);
  expect(await look(randomUUID())).toEqual({ record: "unknown" });
});

test("says of each place what is in it, until VACUUM and a new file have taken the bytes out", async () => {
  const { recordId, seed } = await eraseOne();
  expect(await look(recordId)).toEqual({
    record: "erased",
    seeds: "not_vacuumed",
    sealed_records: "not_vacuumed",
    quarantine: null,
    tokens: "not_vacuumed",
    statistics: null,
    snapshots: null,
    prepared_transactions: null,
    replication_slots: null,
    publications: null,
    wal: "not_vacuumed",
    backups: "not_rewritten",
  });
  expect(await fileHolds(partition("seed"), seed)).toBe(true);

  for (const table of ["seed", "vault", "user_logins"]) {
    await admin.query(`VACUUM (FREEZE) ${partition(table)}`);
  }
  expect(await look(recordId)).toMatchObject({
    seeds: "not_rewritten",
    sealed_records: null,
    tokens: "not_rewritten",
    wal: "not_overwritten",
    backups: "not_rewritten",
  });
  // What the state says is so: the row was the last of its page.
  expect(await fileHolds(partition("seed"), seed)).toBe(true);

  await admin.query(`VACUUM FULL ${partition("seed")}`);
  await admin.query(`VACUUM FULL ${partition("user_logins")}`);
  const states = await recovery.erasure.ofRecord(recordId);
  expect(reasons(states)).toMatchObject({ seeds: null, tokens: null, backups: "kept" });
  const until = new Date(Date.now() + 35 * 86_400_000).toISOString().slice(0, 10);
  expect(states.find(({ place }) => place === "backups")).toMatchObject({ count: 35, until });
  expect(await fileHolds(partition("seed"), seed)).toBe(false);
});

test("names the tables", async () => {
  const { recordId } = await eraseOne();
  const states = await recovery.erasure.ofRecord(recordId);
  expect(states.find(({ place }) => place === "seeds")?.relations).toEqual([partition("seed")]);
});

test("a snapshot that is held keeps the seed, and a new file of that time counts for nothing", async () => {
  const holder = await connect(postgres.url({ database }));
  await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  // Not of the table itself: its lock would hold the new file up.
  await holder.query("SELECT count(*) FROM pg_namespace");
  const { recordId, seed } = await eraseOne();
  await admin.query(`VACUUM (FREEZE) ${partition("seed")}`);
  await admin.query(`VACUUM FULL ${partition("seed")}`);
  expect(await look(recordId)).toMatchObject({ snapshots: "held", seeds: "not_vacuumed" });
  expect(await fileHolds(partition("seed"), seed)).toBe(true);

  await holder.query("COMMIT");
  await holder.end();
  await admin.query(`VACUUM (FREEZE) ${partition("seed")}`);
  expect(await look(recordId)).toMatchObject({ snapshots: null, seeds: "not_rewritten" });
  await admin.query(`VACUUM FULL ${partition("seed")}`);
  expect(await look(recordId)).toMatchObject({ seeds: null });
  expect(await fileHolds(partition("seed"), seed)).toBe(false);
});

test("a check says of a server that it lets transactions be prepared", async () => {
  const connection = { connectionString: postgres.url({ database }) };
  await using writer = connectWriter({ connection, contract: login });
  expect(await writer.check()).toMatchObject({ preparesTransactions: true });
});

test("a prepared transaction of before keeps it", async () => {
  const preparing = await connect(postgres.url({ database }));
  await preparing.query("BEGIN; CREATE TABLE public.of_somebody (); PREPARE TRANSACTION 'hidden'");
  const { recordId } = await eraseOne();
  await admin.query(`VACUUM (FREEZE) ${partition("seed")}`);
  const states = await recovery.erasure.ofRecord(recordId);
  expect(reasons(states)).toMatchObject({ prepared_transactions: "held", seeds: "not_vacuumed" });
  expect(JSON.stringify(states)).not.toContain("hidden");

  await preparing.query("ROLLBACK PREPARED 'hidden'");
  await preparing.end();
  await admin.query(`VACUUM (FREEZE) ${partition("seed")}`);
  expect(await look(recordId)).toMatchObject({
    prepared_transactions: null,
    seeds: "not_rewritten",
  });
});

test("a replication slot keeps the WAL, and a publication takes copies out", async () => {
  await admin.query("SELECT pg_create_physical_replication_slot('standby', true)");
  const { recordId } = await eraseOne();
  expect(await look(recordId)).toMatchObject({ replication_slots: "held", publications: null });
  await admin.query("SELECT pg_drop_replication_slot('standby')");
  await admin.query("CREATE PUBLICATION away FOR TABLE maskline.seed");
  expect(await look(recordId)).toMatchObject({
    replication_slots: null,
    publications: "published",
  });
  await admin.query("DROP PUBLICATION away");
});

test("the WAL is written over once enough of it has come", async () => {
  const { recordId } = await eraseOne();
  for (const table of ["seed", "vault", "user_logins"]) {
    await admin.query(`VACUUM (FREEZE) ${partition(table)}`);
  }
  expect(await look(recordId)).toMatchObject({ wal: "not_overwritten" });
  await admin.query("CREATE TABLE public.ballast (bytes text)");
  await admin.query("ALTER TABLE public.ballast ALTER bytes SET STORAGE EXTERNAL");
  await admin.query(
    "INSERT INTO public.ballast SELECT repeat('x', 1000000) FROM generate_series(1, 80)",
  );
  await admin.query("CHECKPOINT");
  await admin.query("DROP TABLE public.ballast");
  expect(await look(recordId)).toMatchObject({ wal: null });
});

test("statistics hold no token of what was erased: erasing takes new ones", async () => {
  const subject = randomUUID();
  const [stored] = await store(subject, 3);
  await store(randomUUID(), 5);
  await admin.query(`ANALYZE ${partition("user_logins")}`);
  await admin.query("ANALYZE public.user_logins");
  const [sampled] = await read<{ token: string }>(
    admin,
    `SELECT ${tokenColumn} AS token FROM public.user_logins WHERE record_id = $1`,
    [stored?.recordId],
  );
  const copies = async () => {
    const rows = await read<{ values: string }>(
      admin,
      `SELECT array_to_string(stavalues1::text::text[] || stavalues2::text::text[], ' ') AS values
       FROM pg_statistic WHERE starelid = ANY ($1::regclass[])`,
      [[partition("user_logins"), "public.user_logins"]],
    );
    return rows.filter(({ values }) => values?.includes(sampled?.token ?? "none")).length;
  };
  expect(await copies()).toBe(2);
  await erase({ kind: "subject", subject, ...commitment });
  // The parent's statistics are nobody's but who made them.
  expect(await copies()).toBe(1);
  // PostgreSQL 14 tells when it sampled a moment later.
  await expect
    .poll(
      async () => {
        const states = await recovery.erasure.ofRecord(stored?.recordId ?? "");
        return states.find(({ place }) => place === "statistics");
      },
      { timeout: 20_000 },
    )
    .toMatchObject({ reason: "sampled", relations: ["public.user_logins"] });
  await admin.query("ANALYZE public.user_logins");
  expect(await copies()).toBe(0);
  await expect
    .poll(() => look(stored?.recordId ?? ""), { timeout: 20_000 })
    .toMatchObject({ statistics: null });
});

async function sampled(record: string): Promise<readonly string[] | undefined> {
  const states = await recovery.erasure.ofRecord(record);
  return states.find(({ place }) => place === "statistics")?.relations;
}

test("a sealed column that somebody has sampled is found", async () => {
  const { recordId } = await eraseOne();
  await admin.query(`ALTER TABLE ${partition("vault")} ALTER sealed SET STATISTICS 100`);
  await store(randomUUID(), 3);
  await admin.query(`ANALYZE ${partition("vault")}`);
  // Taken after the erasure: of this record there is nothing in it.
  await expect.poll(() => sampled(recordId), { timeout: 20_000 }).not.toContain(partition("vault"));
  const { recordId: later } = await eraseOne();
  expect(await sampled(later)).toContain(partition("vault"));
  await admin.query(`ALTER TABLE ${partition("vault")} ALTER sealed SET STATISTICS 0`);
});

test("what somebody put back is said to stand, and so is a table that was detached", async () => {
  const { recordId, seed } = await eraseOne();
  await admin.query("INSERT INTO maskline.seed VALUES ($1, $2, $3)", [recordId, aDay, seed]);
  expect(await look(recordId)).toMatchObject({ seeds: "stands" });
  await admin.query(`ALTER TABLE maskline.seed DETACH PARTITION ${partition("seed")}`);
  expect(await look(recordId)).toMatchObject({ seeds: "stands" });
  const [bounds] = await read<{ first: string; next: string }>(
    admin,
    `SELECT to_char(month, 'YYYY-MM-DD') AS first, to_char(month + interval '1 month', 'YYYY-MM-DD') AS next
     FROM date_trunc('month', $1::date) AS month`,
    [aDay],
  );
  await admin.query(
    `ALTER TABLE maskline.seed ATTACH PARTITION ${partition("seed")}
     FOR VALUES FROM ('${bounds?.first}') TO ('${bounds?.next}')`,
  );
});

test("says of tokens that a grant kept that they are kept", async () => {
  const subject = randomUUID();
  const [stored] = await store(subject);
  await erase({ kind: "subject", subject, ...commitment, keepTokens: true });
  expect(await look(stored?.recordId ?? "")).toMatchObject({
    seeds: "not_vacuumed",
    tokens: "kept",
  });
});

test("a subject's quarantined messages go with its rows, by their tags", async () => {
  const subject = randomUUID();
  const [stored] = await store(subject);
  const tags = [token(), token().replace("t1", "t2")];
  const tagged = await Promise.all(tags.map((tag) => quarantine(tag)));
  const others = [await quarantine(token()), await quarantine(null)];
  // Who erases by subject has to say which tags are the subject's.
  expect(await ask({ kind: "subject", subject, ...commitment })).toEqual({
    refused: "tags_missing",
  });
  expect(await ask({ kind: "subject", subject, ...commitment, tags: ["b1c1ab1e"] })).toEqual({
    refused: "malformed_selector",
  });
  const claim = await erase({ kind: "subject", subject, ...commitment, tags });
  const left = await read<{ id: string }>(admin, "SELECT record_id AS id FROM maskline.quarantine");
  expect(left.map(({ id }) => id).toSorted()).toEqual(others.toSorted());
  const seeds = await read(admin, "SELECT FROM maskline.seed WHERE record_id = ANY ($1)", [
    [stored?.recordId, ...tagged],
  ]);
  expect(seeds).toEqual([]);
  expect(await look(tagged[0] ?? "")).toMatchObject({
    record: "erased",
    quarantine: "not_vacuumed",
  });

  const states = await recovery.erasure.ofClaim(claim);
  expect(reasons(states)).toMatchObject({ seeds: "not_vacuumed", untagged_quarantine: "unread" });
  expect(states.find(({ place }) => place === "untagged_quarantine")).toMatchObject({ count: 1 });
  await admin.query("DELETE FROM maskline.quarantine");
});

test("a body that stands out of line is said to, until VACUUM has been by", async () => {
  const record = await quarantine(null);
  const body = randomBytes(20_000);
  await admin.query("UPDATE maskline.quarantine SET sealed = $2 WHERE record_id = $1", [
    record,
    body,
  ]);
  const [toast] = await read<{ name: string }>(
    admin,
    "SELECT reltoastrelid::regclass::text AS name FROM pg_class WHERE oid = 'maskline.quarantine'::regclass",
  );
  const piece = body.subarray(0, 1000);
  await erase({ kind: "quarantine", ids: [record] });
  const states = await recovery.erasure.ofRecord(record);
  expect(states.find(({ place }) => place === "quarantine")).toMatchObject({
    reason: "not_vacuumed",
    relations: ["maskline.quarantine", toast?.name],
  });
  expect(await fileHolds(toast?.name ?? "", piece)).toBe(true);
  await admin.query("VACUUM (FREEZE) maskline.quarantine");
  expect(await look(record)).toMatchObject({ quarantine: null });
});

test("a tag's key is in use until the message is gone", async () => {
  await quarantine(token());
  expect(await recovery.work.keyUsage()).toContainEqual({
    kind: "tag",
    contract: "login",
    kid: "t1",
    uses: 1,
  });
  await admin.query("DELETE FROM maskline.quarantine");
});

test("an auditor sees a record's state; nobody sees another's claim, or a state in an old snapshot", async () => {
  const { recordId } = await eraseOne();
  const auditing = connectRecovery({ connectionString: as("auditor") });
  expect(reasons(await auditing.erasure.ofRecord(recordId))).toMatchObject({ record: "erased" });
  await expect(auditing.erasure.ofClaim(randomUUID())).rejects.toMatchObject({ sqlState: "42501" });
  await auditing[Symbol.asyncDispose]();
  expect(reasons(await recovery.erasure.ofClaim(randomUUID()))).toEqual({
    untagged_quarantine: null,
  });
  await custodian.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await expect(
    custodian.query("SELECT * FROM recovery.erasure_of_record($1)", [recordId]),
  ).rejects.toMatchObject({ code: "MK003" });
  await custodian.query("ROLLBACK");
});

test("maintenance gives the seeds of a past month a new file, without the bytes", async () => {
  const [month] = await read<{ day: string; name: string }>(
    admin,
    `SELECT to_char(day, 'YYYY-MM-DD') AS day, to_char(day, '_YYYY_MM') AS name
     FROM (SELECT date_trunc('month', $1::date) - interval '1 day' AS day) AS past`,
    [aDay],
  );
  const table = `maskline.seed${month?.name}`;
  const subject = randomUUID();
  const [stored] = await store(subject, 1, month?.day);
  await store(randomUUID(), 1, month?.day);
  const seed = stored?.seed ?? Buffer.of();
  await erase({ kind: "subject", subject, ...commitment });
  expect(await look(stored?.recordId ?? "")).toMatchObject({ seeds: "not_vacuumed" });
  const rewritten = await maintain(postgres.url({ database }), { rewriteErased: true });
  expect(rewritten).toMatchObject({ seedTablesRewritten: 1 });
  expect(await look(stored?.recordId ?? "")).toMatchObject({ seeds: null });
  expect(await fileHolds(table, seed)).toBe(false);
  const again = await maintain(postgres.url({ database }), { rewriteErased: true });
  expect(again).toMatchObject({ seedTablesRewritten: 0 });
});

test("the trace is on the disk before anything else, whatever the session asks", async () => {
  const subject = randomUUID();
  await store(subject);
  await custodian.query("SET synchronous_commit = off");
  await custodian.query("BEGIN");
  await ask({ kind: "subject", subject, ...commitment });
  const asked = await read(custodian, "SHOW synchronous_commit");
  await custodian.query("ROLLBACK");
  await custodian.query("RESET synchronous_commit");
  expect(asked).toEqual([{ synchronous_commit: "on" }]);
});

test("autovacuum comes for a single seed, and what it has done can be told", async () => {
  const { recordId } = await eraseOne();
  await admin.query("ALTER SYSTEM SET autovacuum_naptime = '1s'");
  await admin.query("ALTER SYSTEM SET autovacuum = on");
  await admin.query("SELECT pg_reload_conf()");
  await expect
    .poll(() => look(recordId), { timeout: 30_000, interval: 500 })
    .toMatchObject({ seeds: "not_rewritten" });
});
