/**
 * The trial of 10,000 originals. Whoever attacks has one operator's laptop and credentials (signing key, passkey,
 * session, login), each public file, a dump of the whole database, and a superuser's rights in it; not the console's
 * machine, the private keyring or the token key. A hundred records more were properly approved, and are told apart.
 */

import { createECDH, createHmac, createPrivateKey, randomBytes, randomUUID } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectRecovery, type Grant } from "@org/db";
import { type Authenticator, createAuthenticator } from "@org/local";
import { createTokenizer, lengthPrefixed } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { createUnsealer } from "@org/masking/unseal";
import {
  canonicalGrant,
  challengeOf as digestOf,
  loadSigningKey,
  passkeyEntry,
  passkeySignature,
  type RecoverKeyringJson,
  type SigningKey,
} from "@org/recovery";
import { login } from "@org/schema";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { ask, askApproved, tenant } from "../../recover/test/office.ts";
import { type Ended, runRecover } from "../../recover/test/run-recover.ts";
import { type OpenConsole, openConsole, subOf } from "./open-console.ts";
import { assertionOf, challengeOf, openVisit, type Visit } from "./visit.ts";

const trial = 10_000;
const approvedAtOnce = 100;

let opened: OpenConsole;
let rita: Visit;
let passkey: Authenticator;
/** The operator's, off the laptop. */
let key: SigningKey;
let directory: string;
/** The record of each original. */
const recordOf = new Map<string, string>();
/** Of the 10,000: records of which an original was seen. */
const loot = new Set<string>();
let approvedRecords: readonly string[];
let others: readonly string[];
/** For the hundred. */
let approved: string;
let keyring: RecoverKeyringJson;

beforeAll(async () => {
  opened = await openConsole();
  const { office, origin, enrol } = opened;
  const { requester } = office;
  passkey = createAuthenticator({ rpId: "localhost", origin });
  await enrol(requester.login, passkeyEntry(passkey));
  rita = openVisit(origin);
  await rita.signIn(subOf(requester.login));
  key = await loadSigningKey(join(office.directory, `${requester.login}.pem`));

  others = await write(trial);
  approvedRecords = await write(approvedAtOnce);
  const argv = ["unmask", "--field", "ip", "device_id", "--record", ...approvedRecords];
  const often = ["--max-records", String(approvedAtOnce * 20)];
  approved = await askApproved(office, requester, [...argv, ...often]);
  await office.admin(
    "UPDATE recovery.policy SET max_records = 100000, records_per_minute = 1000000, requests_per_hour = 1000000",
  );
  await opened.changeKeyring((current) => (keyring = current));
  directory = await stealLaptop();
});

afterEach(async () => {
  for (const definition of definitions.values()) await opened.office.admin(definition);
  definitions.clear();
});

afterAll(async () => {
  await rm(directory, { recursive: true });
  await opened[Symbol.asyncDispose]();
});

/** An address of the whole of IPv4. */
const anyAddress = (): string => [...randomBytes(4)].join(".");

async function write(count: number): Promise<string[]> {
  const { office } = opened;
  const like = office.sample();
  const messages = Array.from({ length: count }, () => {
    const own = { user_id: randomUUID(), ip: anyAddress(), device_id: randomUUID() };
    return { ...like, ...own };
  });
  const ids = await office.write(messages, { recordsPerBatchKey: 1_000 });
  messages.forEach(({ ip, device_id: device }, at) => {
    for (const value of [ip, device]) recordOf.set(value, ids[at] ?? "");
  });
  return ids;
}

/** With what a laptop has, and what whoever holds it makes for themselves: keys, and people whom it trusts. */
async function stealLaptop(): Promise<string> {
  const { office } = opened;
  const { login: operator } = office.requester;
  const laptop = await mkdtemp(join(tmpdir(), "laptop-"));
  await mkdir(join(laptop, "checkpoints"));
  await copyFile(join(office.directory, `${operator}.pem`), join(laptop, "operator.pem"));
  await runRecover(["keys", "init"], { INIT_CWD: laptop });
  const changed: RecoverKeyringJson = {
    ...keyring,
    sinks: [join(laptop, "checkpoints")],
    approvals: [{ above: 0, required: 1 }],
  };
  const path = join(laptop, "maskline.recover.keyring.json");
  await writeFile(path, JSON.stringify(changed));
  return laptop;
}

const laptopEnv = (url: string, pem: string): Record<string, string> => ({
  INIT_CWD: directory,
  RECOVER_DATABASE_URL: url,
  RECOVER_KEYRING: "maskline.recover.keyring.json",
  RECOVER_SIGNING_KEY: pem,
  RECOVER_CHECKPOINT: join(directory, "checkpoints"),
});

/** Whatever was got: which originals are in it, of the 10,000 and of what was approved. */
function take(text: string): { readonly opened: number; readonly approved: number } {
  const found = new Set(
    (text.match(/[\w.:-]+/g) ?? []).flatMap((part) => recordOf.get(part) ?? []),
  );
  const allowed = new Set(approvedRecords);
  const stolen = [...found].filter((record) => !allowed.has(record));
  for (const record of stolen) loot.add(record);
  return { opened: stolen.length, approved: found.size - stolen.length };
}

const nothing = { opened: 0, approved: 0 };
const takeEnded = ({ stdout, stderr }: Ended): unknown => take(stdout + stderr);

const definitions = new Map<string, string>();

/** As only a superuser can. */
async function replace(signature: string, returns: string, body: string): Promise<void> {
  const name = signature.slice(0, signature.indexOf("("));
  const { admin } = opened.office;
  const [row] = await admin("SELECT pg_get_functiondef($1::regproc) AS definition", [name]);
  if (!definitions.has(name)) definitions.set(name, String(row?.["definition"]));
  await admin(`CREATE OR REPLACE FUNCTION ${signature} RETURNS ${returns}
    LANGUAGE sql VOLATILE SECURITY DEFINER AS $lie$ ${body} $lie$`);
}

/** Opens a grant by its page, the approved one, with what changes between page and answer. */
async function open(
  change: () => Promise<unknown> = async () => {},
  grant = approved,
): Promise<unknown> {
  const challenge = await challengeOf(rita, `/grants/${grant}`, "Open with");
  await change();
  const form = { assertion: assertionOf(passkey, challenge), records: "" };
  const response = await rita.post(`/grants/${grant}/open`, form);
  return { status: response.status, ...take(await response.text()) };
}

test("what was approved is opened, and all of it is found where it stands", async () => {
  expect(await open()).toEqual({ status: 200, opened: 0, approved: approvedAtOnce });
});

test("no value stands in the dump, and no bytes that are at hand open a sealed record", async () => {
  const { admin, directory: files } = opened.office;
  const tables = await admin(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'maskline', 'recovery')",
  );
  for (const { name } of tables) {
    const rows = await admin(`SELECT to_jsonb(entry)::text AS text FROM ${String(name)} AS entry`);
    expect(take(rows.map(({ text }) => String(text)).join("\n"))).toEqual(nothing);
  }

  const pem = await readFile(join(directory, "operator.pem"), "utf8");
  const { d = "" } = createPrivateKey(pem).export({ format: "jwk" });
  const [audit] = await admin("SELECT inner_block, outer_block FROM recovery.audit_key");
  const { recipients } = await loadKeyring(join(files, "maskline.keyring.json"), { env: {} });
  const [recipient] = recipients;
  if (recipient === undefined || recipient.state === "disabled") throw new Error("no recipient");
  const bytes = [
    Buffer.from(d, "base64url"),
    ...Object.values(audit ?? {}).map((block) => block as Uint8Array),
  ];

  for (const scalar of bytes.map((each) => each.subarray(0, 32))) {
    const deriveSharedSecret = async (point: Uint8Array): Promise<Uint8Array> => {
      const ecdh = createECDH("prime256v1");
      ecdh.setPrivateKey(scalar);
      return ecdh.computeSecret(point);
    };
    const unsealer = createUnsealer(
      { recipients: [{ ...recipient, deriveSharedSecret }] },
      { tenant },
    );
    for (const row of await admin("SELECT id, sealed FROM maskline.batch_key")) {
      const sealed = row["sealed"] as Uint8Array;
      await expect(
        unsealer.openBatchKey(String(row["id"]), recipient.kid, sealed),
      ).rejects.toMatchObject({ code: "ERR_MASKING_UNSEAL_FAILED" });
    }
  }

  const records = await admin(
    "SELECT record_id, sealed, seed FROM maskline.vault JOIN maskline.seed USING (record_id, create_date)",
  );
  expect(records).toHaveLength(trial + approvedAtOnce);
  // Each as a batch key, by docs/formats.md: where the commitment fits, the record opens.
  const fitting = records.filter(({ record_id: id, sealed, seed }) => {
    const [record, own] = [sealed as Buffer, seed as Buffer];
    const place = [tenant, login.table, String(id), record.subarray(2, 18), own] as const;
    const info = lengthPrefixed("mk1/record", Uint8Array.of(1), ...place);
    return bytes.some((batchKey) => {
      const material = createHmac("sha512", batchKey).update(info).update(Uint8Array.of(1));
      return material.digest().subarray(32).equals(record.subarray(18, 50));
    });
  });
  expect(fitting).toEqual([]);
});

test("recover on the laptop opens none, whomever it is made to trust, and with whatever keys", async () => {
  const { admin, requester, createLogin } = opened.office;
  const url = await createLogin("maskline_approver");
  const second = new URL(url).username;
  const hire = ["keys", "signer", "--login", second, "--key", "second.pem", "--duty", "approve"];
  await runRecover(hire, { INIT_CWD: directory });
  await admin("UPDATE recovery.policy SET one_approval_up_to = 100000");
  const own = laptopEnv(requester.url, "operator.pem");
  const always = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
  const argv = ["unmask", "--field", "ip", "device_id", ...always];
  const all = await ask({ ...requester, recover: (words) => runRecover(words, own) }, argv);
  const said = await runRecover(["approve", all], laptopEnv(url, "second.pem"));
  expect(said).toMatchObject({ code: 0 });

  const unmask = ["unmask", "--grant", all, "--print"];
  const without = await runRecover(unmask, own);
  expect(without).toMatchObject({ code: 2 });
  expect(takeEnded(without)).toEqual(nothing);
  const privateKeyring = { RECOVER_PRIVATE_KEYRING: "maskline.private-keyring.json" };
  const forged = await runRecover(unmask, { ...own, ...privateKeyring });
  expect(forged).toMatchObject({
    code: 5,
    stderr: expect.stringContaining(`${trial + approvedAtOnce} record(s)`),
  });
  expect(takeEnded(forged)).toEqual(nothing);

  // The console trusts nobody whom the laptop was made to trust.
  const page = await (await rita.get(`/grants/${all}`)).text();
  expect(page).toContain("(forged_approval)");
  expect(page).not.toContain("Open with");
  expect(take(page)).toEqual(nothing);
});

interface Forged {
  readonly approver: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

const approval = (): Parameters<typeof canonicalGrant>[1] => ({
  decision: "approve",
  deployment: keyring.deployment,
});
const byKey = (grant: Grant): Uint8Array => key.sign(canonicalGrant(grant, approval()));
const byPasskey = (grant: Grant): Uint8Array =>
  passkeySignature(passkey.assert(digestOf(grant, approval())));

const forgeries: readonly [string, (grant: Grant) => Forged | Promise<Forged>][] = [
  [
    "in the approver's name with the operator's key",
    (grant) => ({ ...inName("approver"), signature: byKey(grant) }),
  ],
  [
    "in the approver's name under the operator's key's name",
    (grant) => ({ ...inName("approver"), keyId: key.kid, signature: byKey(grant) }),
  ],
  ["in the operator's own name", (grant) => ({ ...inName("requester"), signature: byKey(grant) })],
  [
    "by the operator's passkey",
    (grant) => ({
      approver: opened.office.requester.login,
      keyId: passkeyEntry(passkey).kid,
      signature: byPasskey(grant),
    }),
  ],
  [
    "in the approver's name by the operator's passkey",
    (grant) => ({ ...inName("approver"), signature: byPasskey(grant) }),
  ],
  [
    "by a second login with the operator's key",
    async (grant) => ({
      approver: new URL(await opened.office.createLogin("maskline_approver")).username,
      keyId: key.kid,
      signature: byKey(grant),
    }),
  ],
  [
    "that the approver gave to another grant",
    async () => {
      const [row] = await opened.office.admin(
        "SELECT signature FROM recovery.approval WHERE grant_id = $1",
        [approved],
      );
      return { ...inName("approver"), signature: row?.["signature"] as Uint8Array };
    },
  ],
];

function inName(person: "approver" | "requester"): Omit<Forged, "signature"> {
  const { login: approver } = opened.office[person];
  const operator = keyring.operators.find((each) => each.login === approver);
  return { approver, keyId: operator?.keys[0]?.kid ?? "" };
}

test.each(forgeries)("an approval %s opens none", async (_, forge) => {
  const { admin, requester } = opened.office;
  const records = others.slice(0, approvedAtOnce);
  const grant = await ask(requester, ["unmask", "--field", "ip", "--record", ...records]);
  await using database = connectRecovery({ connectionString: requester.url });
  const shown = await database.grants.show(grant);
  if (shown === null) throw new Error("no grant");
  const { approver, keyId, signature } = await forge(shown);
  await admin(
    "INSERT INTO recovery.approval (grant_id, approver, decision, key_id, signature) VALUES ($1, $2, 'approve', $3, $4)",
    [grant, approver, keyId, signature],
  );
  await admin("SELECT recovery.append_audit('approved', $1, NULL, $2)", [grant, { key: keyId }]);
  await replace("recovery.state_of(p_grant recovery.access_grant)", "text", "SELECT 'live'");

  const page = await (await rita.get(`/grants/${grant}`)).text();
  expect(page).toContain("(forged_approval)");
  // Of no page, so over no challenge of the console's.
  const assertion = assertionOf(passkey, randomBytes(32));
  const answer = await rita.post(`/grants/${grant}/open`, { assertion, records: "" });
  expect(answer.status).toBe(403);
  expect(take(page + (await answer.text()))).toEqual(nothing);
});

/** The ciphertexts of others, numbered, and the records that were approved. */
const numbered = (): string => `
  others AS (SELECT vault.record_id, vault.sealed, seed.seed, row_number() OVER () AS place
    FROM maskline.vault JOIN maskline.seed USING (record_id, create_date) WHERE NOT ${isApproved()}),
  mine AS (SELECT record_id, create_date, row_number() OVER () AS place
    FROM maskline.vault WHERE ${isApproved()})`;
const isApproved = (): string =>
  `record_id IN (SELECT record_id FROM recovery.grant_record WHERE grant_id = '${approved}')`;

/** Functions that hand out others' ciphertexts, under whichever id. */
async function handOut(source: "row" | "quarantine", id: string, from: string): Promise<void> {
  await replace(
    "recovery.fetch(p_claim uuid)",
    "TABLE (record_id uuid, source text, sealed bytea, seed bytea, batch_key_id uuid, tokens jsonb, subject text, sent_at text)",
    `WITH ${numbered()}
     SELECT ${id}, '${source}', others.sealed, others.seed, recovery.batch_key_of(others.sealed),
       ${source === "row" ? "'{}'::jsonb" : "NULL::jsonb"}, NULL::text, recovery.utc_ms(now())
     FROM ${from}`,
  );
  await replace(
    "recovery.fetch_batch_keys(p_claim uuid)",
    "TABLE (id uuid, recipient text, sealed bytea)",
    "SELECT id, recipient::text, sealed FROM maskline.batch_key",
  );
}

const oneEach = "others JOIN mine USING (place)";

async function lieAboutTerms(): Promise<void> {
  const some = others.slice(0, approvedAtOnce).map((id) => `'${id}'`);
  const ids = `ARRAY[${some.join()}]::uuid[]`;
  await replace("recovery.grant_records(p_grant uuid)", "SETOF uuid", `SELECT unnest(${ids})`);
  await replace(
    "recovery.show_grant(p_grant uuid)",
    "jsonb",
    `SELECT recovery.describe(access_grant)
       || jsonb_build_object('digest', encode(recovery.digest_of(${ids}), 'hex'))
     FROM recovery.access_grant WHERE id = p_grant`,
  );
}

test.each<[string, () => Promise<unknown>, number]>([
  [
    "hands out another's ciphertext for each record",
    () => handOut("row", "mine.record_id", oneEach),
    200,
  ],
  ["does so as bodies", () => handOut("quarantine", "mine.record_id", oneEach), 200],
  [
    "hands out all of them under the ids that were approved",
    () =>
      handOut(
        "row",
        "mine.record_id",
        `others JOIN mine ON mine.place = 1 + others.place % ${approvedAtOnce}`,
      ),
    409,
  ],
  [
    "hands out all of them under their own ids",
    () => handOut("row", "others.record_id", "others"),
    409,
  ],
  ["says that the approved grant is for others", lieAboutTerms, 403],
])("a database that %s has none opened", async (_, lie, status) => {
  expect(await open(lie)).toEqual({ status, ...nothing });
});

test("ciphertexts and seeds that were written over those that were approved are not opened", async () => {
  const { admin } = opened.office;
  await admin(
    "CREATE TABLE kept AS SELECT * FROM maskline.vault JOIN maskline.seed USING (record_id, create_date)",
  );
  const write = async (from: string): Promise<void> => {
    for (const [table, column] of [
      ["vault", "sealed"],
      ["seed", "seed"],
    ]) {
      await admin(`WITH ${numbered()} UPDATE maskline.${table} AS entry SET ${column} = other.${column}
        FROM ${from} AND entry.record_id = mine.record_id AND entry.create_date = mine.create_date`);
    }
  };
  const done = await open(() =>
    write(
      "mine, kept AS other, others WHERE others.place = mine.place AND other.record_id = others.record_id",
    ),
  );
  await write("mine, kept AS other WHERE other.record_id = mine.record_id");
  expect(done).toEqual({ status: 200, ...nothing });
  expect(await open()).toEqual({ status: 200, opened: 0, approved: approvedAtOnce });
});

test("what was used up stays so, whatever the database says: an opening answers guesses too", async () => {
  const { admin, requester } = opened.office;
  const argv = ["unmask", "--field", "ip", "--record", ...approvedRecords.slice(0, 1)];
  const grant = await askApproved(opened.office, requester, argv);
  const forget = () =>
    admin("UPDATE recovery.access_grant SET used_records = 0 WHERE id = $1", [grant]);
  expect(await open(async () => {}, grant)).toMatchObject({ status: 200, approved: 1 });
  await forget();
  expect(await open(async () => {}, grant)).toEqual({ status: 403, ...nothing });
});

test("of guesses a person makes thirty an hour, whatever the database lets them", async () => {
  const { admin } = opened.office;
  const stored = await admin(`SELECT record_id, masked_ip FROM ${opened.office.table}`);
  const recordsOf = Map.groupBy(stored, ({ masked_ip: token }) => String(token));
  const why = { purpose: "fraud", ticket: "SEC-1", justification: "A guess", minutes: "60" };
  const statuses: number[] = [];
  for (let guess = 0; guess < 35; guess += 1) {
    // One in 430,000 is right.
    let value = anyAddress();
    while (recordOf.has(value)) value = anyAddress();
    const asked = await rita.post("/ask/lookup", { field: "ip", value, ...why });
    statuses.push(asked.status);
  }
  expect(statuses.filter((status) => status === 303)).toHaveLength(30);
  expect(statuses.slice(30)).toEqual(Array(5).fill(403));
  const asked = await admin(
    "SELECT jsonb_array_elements_text(selector -> 'tokens') AS token FROM recovery.access_grant WHERE capability = 'lookup'",
  );
  for (const { token } of asked) {
    for (const { record_id: record } of recordsOf.get(String(token)) ?? [])
      loot.add(String(record));
  }
  expect(loot.size).toBe(0);

  // Without the token key not even the right values tell their records.
  const own = await loadKeyring(join(directory, "maskline.keyring.json"), { env: {} });
  const tokenizer = createTokenizer(own, { tenant, fields: login.tokenFields });
  const addresses = [...recordOf.keys()].filter((value) => /^[\d.]+$/.test(value));
  expect(addresses.some((value) => recordsOf.has(tokenizer.tokenize("ip", value)))).toBe(false);
});

test("a database that was put back to before an access has nothing opened again", async () => {
  const { admin } = opened.office;
  const tables = ["access_grant", "claim", "claim_record", "audit", "audit_head"];
  for (const table of tables) await admin(`CREATE TABLE kept_${table} AS TABLE recovery.${table}`);
  expect(await open()).toMatchObject({ approved: approvedAtOnce });
  await admin("SET session_replication_role = replica");
  for (const table of tables) {
    await admin(`DELETE FROM recovery.${table}`);
    await admin(`INSERT INTO recovery.${table} SELECT * FROM kept_${table}`);
  }
  await admin("RESET session_replication_role");
  expect(await open()).toEqual({ status: 409, ...nothing });
});

test("0 of the 10,000 were opened", () => {
  expect(loot.size).toBe(0);
});
