import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadPrivateKeyring } from "@org/masking/keyring";
import { createUnsealer } from "@org/masking/unseal";
import { subjectOf } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenSourcesOf } from "@org/recovery";
import { ask, askApproved, type Office, openOffice, tenant, why } from "../office.ts";
import { type Ended, runRecover } from "../run-recover.ts";
import type { Message } from "../samples.ts";

describe.each(testContracts)("$name", (contract) => {
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(contract);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  const isMasked = contract.fields.some(
    (field) => field.name === contract.subject && field.isMasked,
  );

  /** Messages of one subject, and what names it. */
  function of(count: number): { messages: Partial<Message>[]; subject: string } {
    const first = office.sample();
    const subject = subjectOf(contract, first);
    const messages = Array.from({ length: count }, () => ({
      ...office.sample(),
      [contract.subject]: first[contract.subject] ?? null,
    }));
    return { messages, subject };
  }

  const askFor = (...argv: string[]): Promise<string> =>
    askApproved(office, office.custodian, ["erase", ...argv]);
  const erase = (grant: string, ...argv: string[]): Promise<Ended> =>
    office.custodian.recover(["erase", "--grant", grant, ...argv]);

  /** What a run under the grant makes its claim by in SQL: the value whose hash the grant keeps. */
  const given = (subject: string): string | null => (isMasked ? null : subject);
  async function claimWork(grant: string, subject: string): Promise<unknown> {
    const [work] = await office.custodian.query(
      "SELECT recovery.claim_work($1, 'erase', $2, $3) ->> 'claim' AS claim",
      [grant, given(subject), randomUUID()],
    );
    return work?.["claim"];
  }

  async function left(records: readonly string[]): Promise<unknown> {
    const isThere = office.tokenColumns.map((column) => `${column} <> 'erased'`).join(" OR ");
    const [row] = await office.admin(
      `SELECT (SELECT count(*)::integer FROM maskline.seed WHERE record_id = ANY ($1)) AS seeds,
         (SELECT count(*)::integer FROM maskline.vault WHERE record_id = ANY ($1)) AS sealed,
         (SELECT count(*)::integer FROM ${office.table} WHERE record_id = ANY ($1)
            AND (${isThere})) AS tokens,
         (SELECT count(*)::integer FROM ${office.table} WHERE record_id = ANY ($1)) AS rows,
         (SELECT count(*)::integer FROM maskline.ledger WHERE record_id = ANY ($1)) AS ledger`,
      [records],
    );
    return row;
  }

  test("erases a subject's seeds, sealed records and tokens, and leaves everybody else's", async () => {
    const { messages, subject } = of(3);
    const records = await office.write(messages);
    const others = await office.write(of(2).messages);
    const grant = await askFor("--subject", subject);
    const { code, stdout } = await erase(grant, "--subject", subject);
    expect(code).toBe(0);
    expect(stdout).toContain("Erased 3 record(s), 3 of them with a seed.");
    expect(await left(records)).toEqual({ seeds: 0, sealed: 0, tokens: 0, rows: 3, ledger: 3 });
    expect(await left(others)).toEqual({ seeds: 2, sealed: 2, tokens: 2, rows: 2, ledger: 2 });
  });

  test("a masked value that a row does not have is not erased into it", async () => {
    const { messages, subject } = of(1);
    const optional = contract.fields.filter((field) => field.isOptional && field.isMasked);
    const nothing = Object.fromEntries(optional.map(({ name }) => [name, null]));
    const [record] = await office.write([{ ...messages[0], ...nothing }]);
    await erase(await askFor("--user", subject), "--user", subject);
    const none = tokenSourcesOf({ fields: optional }).map(({ tokenField }) => tokenField);
    const columns = contract.columns.flatMap(({ name, from }) =>
      from.kind === "token" && none.includes(from.field) ? [name] : [],
    );
    const [row] = await office.admin(`SELECT * FROM ${office.table} WHERE record_id = $1`, [
      record,
    ]);
    for (const column of office.tokenColumns) {
      expect(row?.[column]).toBe(columns.includes(column) ? null : "erased");
    }
  });

  test("says of each place whether a copy may stand there, and that the rows stay", async () => {
    const records = await office.write(of(1).messages);
    await office.quarantine(["{}"]);
    const { stdout } = await erase(await askFor("--record", ...records));
    for (const place of ["Seeds", "Tokens", "Statistics", "WAL", "Backups", "The server's log"]) {
      expect(stdout).toMatch(new RegExp(`- ${place}.*: .{4}`));
    }
    expect(stdout).toMatch(/Until VACUUM[\s\S]*do not say whose[\s\S]*dead-letter queue/);
    const plain = contract.fields.filter((field) => !field.isMasked).map(({ name }) => name);
    expect(stdout).toContain(`The rows stay, with ${plain.join(", ")}.`);
  });

  const refused = (message: Partial<Message> | undefined): string =>
    JSON.stringify({ [contract.subject]: message?.[contract.subject], unknown: 1 });

  test("takes along what of the subject stands in quarantine, and nobody else's", async () => {
    const { messages, subject } = of(1);
    await office.write(messages);
    const [other] = of(1).messages;
    // Its other fields are missing: who it speaks of is said all the same.
    const [mine = "", others = "", nobodys = ""] = await office.quarantine([
      refused(messages[0]),
      refused(other),
      "{}",
    ]);
    const grant = await askFor("--subject", subject);
    const { code, stdout } = await erase(grant, "--subject", subject, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ records: 2, seeds: 2 });
    const left = await office.admin(
      "SELECT record_id FROM maskline.quarantine WHERE record_id = ANY ($1)",
      [[mine, others, nobodys]],
    );
    expect(new Set(left.map((row) => row["record_id"]))).toEqual(new Set([others, nobodys]));
  });

  test("needs the token key where quarantine holds tags", async () => {
    const { messages, subject } = of(1);
    await office.write(messages);
    await office.quarantine([JSON.stringify(messages[0], (_, value: unknown) => String(value))]);
    if (isMasked) return;
    const { MASKLINE_KEYRING: _, ...env } = office.custodian.env;
    const argv = ["request", "erase", "--subject", subject, ...why];
    const { code, stderr } = await runRecover(argv, env);
    expect(code).toBe(3);
    expect(stderr).toContain("tags_missing");
  });

  const verify = (record: string, ...argv: string[]) =>
    office.auditor.recover(["erasure", "verify", "--record", record, ...argv]);

  test("lists what was erased since a day, for a database that is restored to a time before", async () => {
    const [record = ""] = await office.write(of(1).messages);
    await erase(await askFor("--record", record));
    const list = (since: string) => office.auditor.recover(["erasure", "list", "--since", since]);
    const today = new Date().toISOString().slice(0, 10);
    const { code, stdout } = await list(today);
    expect(code).toBe(0);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(lines).toContainEqual({ record, erased_on: today, contract: contract.name });
    expect((await list("2999-01-01")).stdout).toBe("");
  });

  describe("erasure verify", () => {
    test("says where copies of an erased record may stand, and for machines too", async () => {
      const [record = ""] = await office.write(of(1).messages);
      await erase(await askFor("--record", record));
      const { code, stdout } = await verify(record, "--json");
      expect(code).toBe(0);
      const answer = JSON.parse(stdout) as { places: { place: string; isGone: boolean }[] };
      expect(answer).toMatchObject({ record, isBack: false });
      expect(answer.places).toContainEqual(
        expect.objectContaining({ place: "quarantine", isGone: true, reason: null }),
      );
      expect(answer.places).toContainEqual(
        expect.objectContaining({ place: "seeds", isGone: false, reason: "not_vacuumed" }),
      );
      expect((await verify(record)).stdout).toMatch(/^Erased on \d{4}-\d\d-\d\d\./);
    });

    test("names each place that holds a copy up, until it does not", async () => {
      const [database] = await office.admin("SELECT current_database() AS name");
      const name = String(database?.["name"]);
      const [record = ""] = await office.write(of(1).messages);
      const setting = `ALTER DATABASE ${name} SET log_min_duration_statement`;
      const holder = new Client({ connectionString: office.adminUrl });
      await holder.connect();
      try {
        await holder.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pg_namespace");
        await erase(await askFor("--record", record));
        await office.admin(`${setting} = 0`);
        const { stdout } = await verify(record);
        expect(stdout).toMatch(/Running transactions: \d+ of before the erasure/);
        expect(stdout).toMatch(/The server's log: .*log_min_duration_statement.*Until logs/);
      } finally {
        await office.admin(setting.replace("SET", "RESET"));
        await holder.end();
      }
      const { stdout } = await verify(record);
      expect(stdout).toContain("Running transactions: none of before the erasure.");
      expect(stdout).toContain("The server's log: no parameter is logged now.");
    });

    test("exits with 4 for what was not erased, and with 30 for what somebody put back", async () => {
      const [record = ""] = await office.write(of(1).messages);
      const stands = await verify(record);
      expect(stands).toMatchObject({ code: 4 });
      expect(stands.stderr).toContain("maskline.seed_");
      expect(await verify(randomUUID())).toMatchObject({ code: 4 });
      await office.admin("CREATE TABLE kept AS SELECT * FROM maskline.seed WHERE record_id = $1", [
        record,
      ]);
      await erase(await askFor("--record", record));
      await office.admin("INSERT INTO maskline.seed SELECT * FROM kept");
      const back = await verify(record);
      expect(back).toMatchObject({ code: 30 });
      expect(back.stderr).toContain("somebody put a copy there");
      await office.admin("DROP TABLE kept");
    });
  });

  test("keeps a subject's tokens where the approved request says so", async () => {
    const { messages, subject } = of(2);
    const records = await office.write(messages);
    const grant = await askFor("--subject", subject, "--keep-tokens");
    expect((await erase(grant, "--subject", subject)).code).toBe(0);
    expect(await left(records)).toMatchObject({ seeds: 0, sealed: 0, tokens: 2 });
  });

  test("keeps the tokens where the approved request says so", async () => {
    const records = await office.write(of(1).messages);
    const grant = await askFor("--record", ...records, "--keep-tokens");
    await erase(grant);
    expect(await left(records)).toMatchObject({ seeds: 0, sealed: 0, tokens: 1 });
  });

  test("erases what is older than a date", async () => {
    const sentAtMs = Date.parse("2026-01-05T00:00:00Z");
    const old = await office.write(of(1).messages, { sentAtMs });
    const young = await office.write(of(1).messages);
    expect((await erase(await askFor("--before", "2026-02-01"))).code).toBe(0);
    expect(await left(old)).toMatchObject({ seeds: 0, sealed: 0, tokens: 0 });
    expect(await left(young)).toMatchObject({ seeds: 1, sealed: 1, tokens: 1 });
  });

  test("a grant for one subject does not erase another", async () => {
    const { messages, subject } = of(1);
    const [mine, other] = [await office.write(messages), of(1)];
    const records = await office.write(other.messages);
    const grant = await askFor("--subject", subject);
    const ended = await erase(grant, "--subject", other.subject);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain("(wrong_records)");
    expect(await left(records)).toMatchObject({ seeds: 1 });
    expect(await left(mine)).toMatchObject({ seeds: 1 });
  });

  test("a redelivery of an erased message brings nothing back", async () => {
    const records = await office.write(of(1).messages);
    await erase(await askFor("--record", ...records));
    // What the writer does with a message id that it claims.
    const claimed = await office.admin(
      `INSERT INTO maskline.ledger (message_id, record_id, outcome)
       SELECT message_id, gen_random_uuid(), 'row' FROM ${office.table} WHERE record_id = $1
       ON CONFLICT DO NOTHING RETURNING message_id`,
      [records[0]],
    );
    expect(claimed).toEqual([]);
  });

  test("is resumed by another run, and names what arrived meanwhile, which stays", async () => {
    const { messages, subject } = of(5);
    const first = await office.write(messages.slice(0, 3));
    const others = await office.write(of(2).messages);
    const grant = await askFor("--subject", subject);
    // A run that was killed after its first batch of two.
    await office.custodian.query("SELECT recovery.erase_next($1, $2, 2)", [
      await claimWork(grant, subject),
      given(subject),
    ]);
    const late = await office.write(messages.slice(3));
    await office.quarantine([refused(messages[0])]);
    const { stdout } = await erase(grant, "--subject", subject, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ records: 1, seeds: 1, arrived: 3 });
    const [intent, result] = await office.admin(
      "SELECT detail::jsonb AS detail FROM recovery.audit WHERE action IN ('intent', 'result') AND grant_id = $1 ORDER BY seq",
      [grant],
    );
    const [{ digest } = {}] = await office.admin(
      "SELECT encode(recovery.digest_of($1), 'hex') AS digest",
      [first],
    );
    expect(intent?.["detail"]).toMatchObject({ records: 3, digest });
    // Of both runs, whatever the second one says of itself.
    expect(result?.["detail"]).toMatchObject({ changed: 3, arrived: 3 });
    expect(await left(first)).toMatchObject({ seeds: 0, sealed: 0, tokens: 0, rows: 3 });
    expect(await left(late)).toMatchObject({ seeds: 2, sealed: 2, tokens: 2 });
    expect(await left(others)).toMatchObject({ seeds: 2, tokens: 2 });
    const again = await askFor("--subject", subject);
    expect((await erase(again, "--subject", subject)).stdout).toContain("Erased 3 record(s)");
    expect(await office.auditor.recover(["audit", "verify"])).toMatchObject({ code: 0 });
  });

  /** Sealed records with all that opens them, in a table that erase does not know. */
  async function steal(records: readonly string[]): Promise<Stolen[]> {
    await office.admin("DROP TABLE IF EXISTS stolen");
    await office.admin(`CREATE TABLE stolen AS
      SELECT v.record_id, v.create_date, v.sealed, s.seed, k.id, k.recipient, k.sealed AS key
      FROM maskline.vault v JOIN maskline.seed s USING (record_id)
        JOIN maskline.batch_key k ON k.id = encode(substring(v.sealed FROM 3 FOR 16), 'hex')::uuid
      WHERE v.record_id = ANY ('{${records.join(",")}}')`);
    return (await office.admin("SELECT * FROM stolen")) as unknown as Stolen[];
  }

  test("nothing is opened afterwards, also from a copy of the ciphertext with the private key", async () => {
    const records = await office.write(of(2).messages);
    const stolen = await steal(records);
    const privatePath = join(office.directory, "maskline.private-keyring.json");
    const unsealer = createUnsealer(await loadPrivateKeyring(privatePath, { env: {} }), { tenant });
    const openWith = async (row: Stolen, seed: Uint8Array) => {
      const opener = await unsealer.openBatchKey(row.id, row.recipient, row.key);
      return opener.unseal({ table: contract.table, recordId: row.record_id }, row.sealed, seed);
    };
    // Before: seed, ciphertext and private key together open.
    for (const row of stolen) expect(await openWith(row, row.seed)).toHaveProperty(office.field);

    await erase(await askFor("--record", ...records));

    // After: the thief has the ciphertext tables and the private key; the database has no seed left.
    const seeds = await office.admin("SELECT seed FROM maskline.seed WHERE record_id = ANY ($1)", [
      records,
    ]);
    expect(seeds).toEqual([]);
    const seedsOfOthers = await office.admin("SELECT seed FROM maskline.seed");
    for (const row of stolen) {
      const guesses = [...seedsOfOthers.map(({ seed }) => seed as Uint8Array), new Uint8Array(32)];
      for (const guess of guesses) {
        await expect(openWith(row, guess)).rejects.toMatchObject({
          code: "ERR_MASKING_UNSEAL_FAILED",
        });
      }
    }
    expect(stolen).toHaveLength(2);
    expect(await readFile(privatePath, "utf8")).toContain("private_key");
  });

  test("nothing that is put back is opened: the id says that it was erased", async () => {
    const records = await office.write(of(1).messages);
    await steal(records);
    const terms = ["unmask", "--field", office.field, "--record", ...records];
    const grant = await askApproved(office, office.requester, terms);
    await erase(await askFor("--record", ...records));
    for (const table of ["vault", "seed"]) {
      const kept = table === "vault" ? "sealed" : "seed";
      await office.admin(
        `INSERT INTO maskline.${table} (record_id, create_date, ${kept})
         SELECT record_id, create_date, ${kept} FROM stolen`,
      );
    }
    const ended = await office.requester.recover(["unmask", "--grant", grant, "--print"]);
    expect(ended).toMatchObject({ code: 0, stdout: "" });
    expect(ended.stderr).toContain("Opened 0 record(s); 1 had no sealed value.");
  });

  test("only a custodian erases", async () => {
    const { subject } = of(1);
    const argv = ["request", "erase", "--subject", subject, ...why];
    const ended = await office.requester.recover(argv);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain("not_your_role");
  });

  test("what is asked of a subject leaves nothing of its value behind", async () => {
    const { messages, subject } = of(1);
    await office.write(messages);
    await ask(office.custodian, ["erase", "--subject", subject]);
    const found = await office.admin(
      `SELECT 1 FROM recovery.access_grant WHERE access_grant::text LIKE $1
       UNION ALL SELECT 1 FROM recovery.audit WHERE audit::text LIKE $1`,
      [`%${subject}%`],
    );
    expect(found).toEqual([]);
  });
});

interface Stolen {
  readonly record_id: string;
  readonly sealed: Uint8Array;
  readonly seed: Uint8Array;
  readonly id: string;
  readonly recipient: string;
  readonly key: Uint8Array;
}
