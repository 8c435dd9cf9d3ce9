import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { loadPrivateKeyring } from "@org/masking/keyring";
import { createUnsealer } from "@org/masking/unseal";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askApproved, type Office, openOffice, tenant } from "../office.ts";

let office: Office;
const subject = "b1c1ab1e-0000-4000-8000-00000000000a";
const other = "b1c1ab1e-0000-4000-8000-00000000000b";

beforeAll(async () => {
  office = await openOffice();
});

afterAll(() => office[Symbol.asyncDispose]());

const samples = (userId: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ip: `192.0.2.${index + 1}`,
    deviceId: `d-${index}`,
    userId,
  }));

async function left(records: readonly string[]): Promise<unknown> {
  const [row] = await office.admin(
    `SELECT (SELECT count(*)::integer FROM maskline.seed WHERE record_id = ANY ($1)) AS seeds,
       (SELECT count(*)::integer FROM maskline.vault WHERE record_id = ANY ($1)) AS sealed,
       (SELECT count(*)::integer FROM public.user_logins WHERE record_id = ANY ($1)
          AND (masked_ip <> 'erased' OR masked_device_id <> 'erased')) AS tokens,
       (SELECT count(*)::integer FROM public.user_logins WHERE record_id = ANY ($1)) AS rows,
       (SELECT count(*)::integer FROM maskline.ledger WHERE record_id = ANY ($1)) AS ledger`,
    [records],
  );
  return row;
}

test("erases a subject's seeds, sealed records and tokens, and leaves everybody else's", async () => {
  const records = await office.write(samples(subject, 3));
  const others = await office.write(samples(other, 2));
  const grant = await askApproved(office, office.custodian, ["erase", "--subject", subject]);
  const { code, stdout } = await office.custodian.recover([
    "erase",
    "--grant",
    grant,
    "--subject",
    subject,
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain("Erased 3 record(s), 3 of them with a seed.");
  expect(await left(records)).toEqual({ seeds: 0, sealed: 0, tokens: 0, rows: 3, ledger: 3 });
  expect(await left(others)).toEqual({ seeds: 2, sealed: 2, tokens: 2, rows: 2, ledger: 2 });
});

test("says what remains: backups and WAL until a date, quarantine, queues", async () => {
  const records = await office.write(samples(other, 1));
  await office.quarantine(["{}"]);
  const grant = await askApproved(office, office.custodian, ["erase", "--record", ...records]);
  const { stdout } = await office.custodian.recover(["erase", "--grant", grant]);
  const until = new Date(Date.now() + 35 * 86_400_000).toISOString().slice(0, 10);
  expect(stdout).toContain(`until ${until}`);
  expect(stdout).toMatch(/VACUUM[\s\S]*WAL[\s\S]*quarantined[\s\S]*queue/);
});

test("keeps a subject's tokens where the approved request says so", async () => {
  const userId = "b1c1ab1e-0000-4000-8000-00000000000d";
  const records = await office.write(samples(userId, 2));
  const grant = await askApproved(office, office.custodian, [
    "erase",
    "--subject",
    userId,
    "--keep-tokens",
  ]);
  await office.custodian.recover(["erase", "--grant", grant, "--subject", userId]);
  expect(await left(records)).toMatchObject({ seeds: 0, sealed: 0, tokens: 2 });
});

test("keeps the tokens where the approved request says so", async () => {
  const records = await office.write(samples(other, 1));
  const grant = await askApproved(office, office.custodian, [
    "erase",
    "--record",
    ...records,
    "--keep-tokens",
  ]);
  await office.custodian.recover(["erase", "--grant", grant]);
  expect(await left(records)).toMatchObject({ seeds: 0, sealed: 0, tokens: 1 });
});

test("erases what is older than a date", async () => {
  const sentAtMs = Date.parse("2026-01-05T00:00:00Z");
  const old = await office.write([
    { ...samples(other, 1)[0], ip: "192.0.2.1", deviceId: "d", sentAtMs },
  ]);
  const young = await office.write(samples(other, 1));
  const grant = await askApproved(office, office.custodian, ["erase", "--before", "2026-02-01"]);
  expect((await office.custodian.recover(["erase", "--grant", grant])).code).toBe(0);
  expect(await left(old)).toMatchObject({ seeds: 0, sealed: 0, tokens: 0 });
  expect(await left(young)).toMatchObject({ seeds: 1, sealed: 1, tokens: 1 });
});

test("goes through all rows, a part at a time, and what is between is nobody's", async () => {
  const userId = "b1c1ab1e-0000-4000-8000-00000000000e";
  const mine = await office.write(samples(userId, 3));
  const others = await office.write(samples(other, 2));
  const grant = await askApproved(office, office.custodian, ["erase", "--subject", userId]);
  const [work] = await office.custodian.query(
    "SELECT recovery.claim_work($1, 'erase', $2) ->> 'claim' AS claim",
    [grant, userId],
  );
  // As if the walk had come as far as the first record: it starts again, since it found something.
  await office.admin("UPDATE recovery.claim SET walked_to = $2, walk_found = true WHERE id = $1", [
    work?.["claim"],
    mine[0],
  ]);
  const argv = ["erase", "--grant", grant, "--subject", userId, "--json"];
  const { stdout } = await office.custodian.recover(argv);
  expect(JSON.parse(stdout)).toMatchObject({ records: 3 });
  expect(await left(mine)).toMatchObject({ seeds: 0, tokens: 0 });
  expect(await left(others)).toMatchObject({ seeds: 2, tokens: 2 });
});

test("a grant for one subject does not erase another", async () => {
  const records = await office.write(samples(other, 1));
  await office.write(samples(subject, 1));
  const grant = await askApproved(office, office.custodian, ["erase", "--subject", subject]);
  const ended = await office.custodian.recover(["erase", "--grant", grant, "--subject", other]);
  expect(ended.code).toBe(3);
  expect(await left(records)).toMatchObject({ seeds: 1 });
});

test("a redelivery of an erased message brings nothing back", async () => {
  const records = await office.write(samples(other, 1));
  const grant = await askApproved(office, office.custodian, ["erase", "--record", ...records]);
  await office.custodian.recover(["erase", "--grant", grant]);
  // What the writer does with a message id that it claims.
  const claimed = await office.admin(
    `INSERT INTO maskline.ledger (message_id, record_id, outcome)
     SELECT message_id, gen_random_uuid(), 'row' FROM public.user_logins WHERE record_id = $1
     ON CONFLICT DO NOTHING RETURNING message_id`,
    [records[0]],
  );
  expect(claimed).toEqual([]);
});

test("is resumed by another run, and takes in what arrived meanwhile", async () => {
  const userId = "b1c1ab1e-0000-4000-8000-00000000000c";
  const first = await office.write(samples(userId, 3));
  const grant = await askApproved(office, office.custodian, ["erase", "--subject", userId]);
  // A run that was killed after its first batch of two.
  const [work] = await office.custodian.query(
    "SELECT recovery.claim_work($1, 'erase', $2) ->> 'claim' AS claim",
    [grant, userId],
  );
  await office.custodian.query("SELECT recovery.erase_next($1, $2, 2)", [work?.["claim"], userId]);
  const late = await office.write(samples(userId, 2));
  const { stdout } = await office.custodian.recover([
    "erase",
    "--grant",
    grant,
    "--subject",
    userId,
    "--json",
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ records: 3, seeds: 3 });
  const [result] = await office.admin(
    "SELECT detail::jsonb AS detail FROM recovery.audit WHERE action = 'result' AND grant_id = $1",
    [grant],
  );
  // Of both runs, whatever the second one says of itself.
  expect(result?.["detail"]).toMatchObject({ changed: 5 });
  expect(await left([...first, ...late])).toMatchObject({
    seeds: 0,
    sealed: 0,
    tokens: 0,
    rows: 5,
  });
});

test("nothing is opened afterwards, also from a copy of the ciphertext with the private key", async () => {
  const records = await office.write(samples(other, 2));
  await office.admin(`CREATE TABLE stolen AS
    SELECT v.record_id, v.sealed, s.seed, k.id, k.recipient, k.sealed AS key
    FROM maskline.vault v JOIN maskline.seed s USING (record_id)
      JOIN maskline.batch_key k ON k.id = encode(substring(v.sealed FROM 3 FOR 16), 'hex')::uuid
    WHERE v.record_id = ANY ('{${records.join(",")}}')`);
  const privateKeyring = await loadPrivateKeyring(
    join(office.directory, "maskline.private-keyring.json"),
    { env: {} },
  );
  const unsealer = createUnsealer(privateKeyring, { tenant });
  const stolen = (await office.admin("SELECT * FROM stolen")) as unknown as {
    record_id: string;
    sealed: Uint8Array;
    seed: Uint8Array;
    id: string;
    recipient: string;
    key: Uint8Array;
  }[];
  const openWith = async (row: (typeof stolen)[number], seed: Uint8Array) => {
    const opener = await unsealer.openBatchKey(row.id, row.recipient, row.key);
    return opener.unseal({ table: "user_logins", recordId: row.record_id }, row.sealed, seed);
  };
  // Before: seed, ciphertext and private key together open.
  for (const row of stolen) expect(await openWith(row, row.seed)).toHaveProperty("ip");

  const grant = await askApproved(office, office.custodian, ["erase", "--record", ...records]);
  await office.custodian.recover(["erase", "--grant", grant]);

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
  expect(await readFile(join(office.directory, "maskline.private-keyring.json"), "utf8")).toContain(
    "private_key",
  );
});

test("only a custodian erases", async () => {
  const ended = await office.requester.recover([
    "request",
    "erase",
    "--subject",
    subject,
    "--purpose",
    "x1",
    "--ticket",
    "T",
    "--justification",
    "J",
  ]);
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain("not_your_role");
});
