/** What people with a login can do in psql, and what the consumer's machine gives away. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createTokenizer } from "@org/masking";
import { loadKeyring, loadPrivateKeyring, resolvePrivateKeyring } from "@org/masking/keyring";
import { createUnsealer } from "@org/masking/unseal";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AnyContract, login } from "@org/schema";
import { ask, askApproved, namesOf, type Office, openOffice, tenant } from "./office.ts";

const contract: AnyContract = login;
const { table, field, column } = namesOf(contract);
let office: Office;
let value: string;
let record: string;
let writerUrl: string;
let analystUrl: string;

beforeAll(async () => {
  office = await openOffice();
  const message = office.sample();
  value = String(message[field]);
  [record = ""] = await office.write([message]);
  await office.quarantine(['{"foo": "192.0.2.11"}']);
  writerUrl = await office.createLogin("maskline_writer");
  analystUrl = await office.createLogin("maskline_analyst");
});

afterAll(() => office[Symbol.asyncDispose]());

const urls: Record<string, () => string> = {
  requester: () => office.requester.url,
  approver: () => office.approver.url,
  custodian: () => office.custodian.url,
  auditor: () => office.auditor.url,
  writer: () => writerUrl,
  analyst: () => analystUrl,
};

/** Runs statements one by one in one session; resolves with the SQLSTATE of the first that fails, or the last one's rows. */
async function psql(url: string, ...statements: string[]): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  let rows: unknown[] = [];
  try {
    for (const statement of statements) {
      const result = await client.query<Record<string, unknown>>(statement);
      rows = result.rows;
    }
    return rows;
  } catch (error) {
    return (error as { code?: string }).code;
  } finally {
    await client.end();
  }
}

const denied = "42501";
const notCommitted = "MK003";
/** A parameter that has not its form: an error, and no row of the audit. */
const malformed = "22023";

/** Every way to a sealed record, a seed, a batch key or a grant that does not go through a grant. */
const reads: string[] = [
  "SELECT sealed FROM maskline.vault",
  "SELECT seed FROM maskline.seed",
  "SELECT sealed FROM maskline.batch_key",
  "SELECT sealed FROM maskline.quarantine",
  "SELECT 1 FROM maskline.vault WHERE length(sealed) > 0",
  "TABLE maskline.vault_default",
  "TABLE maskline.seed_default",
  "COPY maskline.seed TO STDOUT",
  "DELETE FROM maskline.vault RETURNING sealed",
  "UPDATE maskline.seed SET seed = seed RETURNING seed",
  "INSERT INTO maskline.seed SELECT * FROM maskline.seed ON CONFLICT DO NOTHING RETURNING seed",
  "INSERT INTO maskline.vault (record_id, create_date, sealed) VALUES (gen_random_uuid(), now(), 'x') RETURNING sealed",
  "CREATE TEMP TABLE copy AS SELECT * FROM maskline.vault",
  "SELECT query_to_xml('SELECT sealed FROM maskline.vault', true, true, '')",
  "SELECT * FROM recovery.access_grant",
  "SELECT * FROM recovery.claim",
  "SELECT * FROM recovery.audit_key",
  "SELECT recovery.subject_mac('x')",
  "SELECT recovery.append_audit('result', NULL, NULL, '{}')",
  "SELECT recovery.open_claim(NULL, NULL, '{}', '{}', 0, now(), '{}')",
  "SELECT recovery.resolve(NULL, '{}')",
  "SELECT * FROM maskline.erased",
  "UPDATE maskline.contract SET table_name = 'seed'",
  "UPDATE recovery.audit SET actor = 'x'",
  "DELETE FROM recovery.audit",
  "TRUNCATE recovery.audit",
  "INSERT INTO recovery.approval (grant_id, decision, key_id, signature) VALUES (gen_random_uuid(), 'approve', 'x', 'x')",
  "UPDATE recovery.policy SET approvals_required = 0",
  "SET ROLE maskline_owner",
  "SET SESSION AUTHORIZATION postgres",
  "ALTER FUNCTION recovery.fetch(uuid) RESET ALL",
  "CREATE FUNCTION recovery.evil() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
];

describe.for(Object.keys(urls))("psql as %s", (who) => {
  test.for(reads)("%s: denied", async (statement) => {
    expect(await psql(urls[who]?.() ?? "", statement)).toBe(denied);
  });
});

/** Calls that need a grant, without one. */
const calls: string[] = [
  "SELECT recovery.start_fetch(gen_random_uuid())",
  "SELECT * FROM recovery.fetch(gen_random_uuid())",
  "SELECT * FROM recovery.fetch_batch_keys(gen_random_uuid())",
  "SELECT * FROM recovery.fetch_lookup(gen_random_uuid(), 10)",
  "SELECT * FROM recovery.rewrap_next(gen_random_uuid(), gen_random_uuid(), 10)",
  "SELECT * FROM recovery.retoken_next(gen_random_uuid(), gen_random_uuid(), 10)",
  "SELECT * FROM recovery.retoken_batch_keys(gen_random_uuid(), '{}')",
  "SELECT * FROM recovery.erase_next(gen_random_uuid(), '', 10)",
];

describe.for(Object.keys(urls))("psql as %s, without a grant", (who) => {
  test.for(calls)("%s yields nothing", async (statement) => {
    // MK004: no such claim.
    expect([denied, "MK004"]).toContain(await psql(urls[who]?.() ?? "", statement));
  });
});

test("the writer and the analyst may not call a single function of recovery", async () => {
  const rows = await office.admin(`
    SELECT proname, rolname FROM pg_proc, pg_roles
    WHERE pronamespace = 'recovery'::regnamespace
      AND rolname IN ('maskline_writer', 'maskline_analyst')
      AND has_function_privilege(rolname, pg_proc.oid, 'EXECUTE')`);
  expect(rows).toEqual([]);
});

const claim = (grant: string): string =>
  `recovery.claim('${grant}', 'unmask', '{${field}}', '{${record}}', gen_random_uuid())`;
const fetchOf = (claimed: string): string => `recovery.fetch((${claimed} ->> 'claim')::uuid)`;
const grantIt = (): Promise<string> =>
  askApproved(office, office.requester, ["unmask", "--field", field, "--record", record]);

async function claimIt(): Promise<string> {
  const [row] = await office.requester.query(
    `SELECT ${claim(await grantIt())} ->> 'claim' AS claim`,
  );
  return String(row?.["claim"]);
}

describe("an access that is rolled back", () => {
  test("in one statement yields nothing", async () => {
    const grant = await grantIt();
    const statement = `SELECT * FROM ${fetchOf(claim(grant))}`;
    expect(await psql(office.requester.url, statement)).toBe(notCommitted);
  });

  test("in one transaction yields nothing", async () => {
    const grant = await grantIt();
    expect(
      await psql(
        office.requester.url,
        "BEGIN",
        `CREATE TEMP TABLE taken AS SELECT ${claim(grant)} AS answer`,
        `SELECT * FROM taken, ${fetchOf("answer")}`,
      ),
    ).toBe(notCommitted);
  });

  test("over a savepoint yields nothing", async () => {
    const grant = await grantIt();
    expect(
      await psql(
        office.requester.url,
        "BEGIN",
        "SAVEPOINT before",
        `CREATE TEMP TABLE taken AS SELECT ${claim(grant)} AS answer`,
        "RELEASE SAVEPOINT before",
        "SAVEPOINT after",
        `SELECT * FROM taken, ${fetchOf("answer")}`,
      ),
    ).toBe(notCommitted);
  });

  test("in a DO block yields nothing", async () => {
    const grant = await grantIt();
    expect(
      await psql(
        office.requester.url,
        `DO $$ DECLARE c jsonb; f record; BEGIN
           c := ${claim(grant)};
           BEGIN
             SELECT * INTO f FROM ${fetchOf("c")};
             RAISE NOTICE 'fetched';
           EXCEPTION WHEN OTHERS THEN
             RAISE EXCEPTION USING ERRCODE = SQLSTATE;
           END;
         END $$`,
      ),
    ).toBe(notCommitted);
  });

  test("at another isolation level yields nothing", async () => {
    const grant = await grantIt();
    expect(
      await psql(
        office.requester.url,
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        `CREATE TEMP TABLE taken AS SELECT ${claim(grant)} AS answer`,
        `SELECT * FROM taken, ${fetchOf("answer")}`,
      ),
    ).toBe(notCommitted);
  });

  test("yields nothing before it is committed that something is handed out", async () => {
    const id = await claimIt();
    const fetching = `SELECT * FROM recovery.fetch('${id}')`;
    expect(await psql(office.requester.url, fetching)).toBe(notCommitted);
    const start = `SELECT recovery.start_fetch('${id}')`;
    expect(await psql(office.requester.url, "BEGIN", start, fetching)).toBe(notCommitted);
  });

  test("leaves a trace, even if the fetch is rolled back", async () => {
    const id = await claimIt();
    await psql(office.requester.url, `SELECT recovery.start_fetch('${id}')`);
    const fetching = `SELECT * FROM recovery.fetch('${id}')`;
    expect(await psql(office.requester.url, "BEGIN", fetching)).toHaveLength(1);
    await psql(
      office.requester.url,
      `SELECT recovery.report_result('${id}', '{"outcome": "not_opened"}')`,
    );
    const audited = await office.admin(
      "SELECT actor, action, detail::jsonb -> 'fetched' AS fetched FROM recovery.audit WHERE claim_id = $1 ORDER BY seq",
      [id],
    );
    const actor = office.requester.login;
    expect(audited).toEqual([
      { actor, action: "intent", fetched: null },
      { actor, action: "result", fetched: true },
    ]);
  });

  test("yields nothing that a crash would leave without a trace", async () => {
    const id = await claimIt();
    const client = new Client({ connectionString: office.requester.url });
    await client.connect();
    await client.query("BEGIN");
    await client.query(`SELECT recovery.start_fetch('${id}')`);
    await client.query("SET LOCAL synchronous_commit = off");
    await client.query("COMMIT");
    const [written] = await office.admin("SELECT pg_current_wal_insert_lsn() AS position");
    const { rows } = await client.query(
      "SELECT pg_current_wal_flush_lsn() >= $2::pg_lsn AS is_on_disk FROM recovery.fetch($1)",
      [id, written?.["position"]],
    );
    await client.end();
    expect(rows).toEqual([{ is_on_disk: true }]);
  });

  test("waits for nobody who would take its trace to the disk: on an idle server that is long", async () => {
    const id = await claimIt();
    await office.requester.query("SELECT recovery.start_fetch($1)", [id]);
    const [writer] = await office.admin(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'",
    );
    // What is written now, no commit takes there.
    await office.admin("SELECT pg_logical_emit_message(false, 'test', '')");
    process.kill(Number(writer?.["pid"]), "SIGSTOP");
    const fetched = office.requester.query("SELECT record_id FROM recovery.fetch($1)", [id]);
    try {
      expect(await fetched).toHaveLength(1);
    } finally {
      process.kill(Number(writer?.["pid"]), "SIGCONT");
      await fetched;
    }
  });
});

test.for([
  ["retoken", "recovery.retoken_next", "t1", "t2"],
  ["rewrap", "recovery.rewrap_next", "r1", "r2"],
] as const)(
  "%s in the transaction of its claim yields nothing",
  async ([capability, next, from, to]) => {
    const grant = await askApproved(office, office.custodian, [
      capability,
      "--from-key",
      from,
      "--to-key",
      to,
    ]);
    expect(
      await psql(
        office.custodian.url,
        "BEGIN",
        `CREATE TEMP TABLE taken AS SELECT recovery.claim_work('${grant}', '${capability}', NULL, gen_random_uuid()) AS answer`,
        `SELECT * FROM taken, ${next}((answer ->> 'claim')::uuid, gen_random_uuid(), 10)`,
      ),
    ).toBe(notCommitted);
  },
);

const wrongToken = `mk1.t1.${"A".repeat(43)}`;
const requestOf = (token: string): string =>
  `recovery.request_access('${JSON.stringify({
    tenant,
    contract: login.name,
    capability: "unmask",
    fields: [field],
    selector: { kind: "token", token },
    purpose: "fraud",
    ticket: "T-1",
    justification: "A guess",
    reveal: "full",
    maxRecords: null,
    minutes: 60,
  })}')`;

describe("a guess by request", () => {
  test("says nothing that a rollback would leave without a trace", async () => {
    const [row] = await office.admin(`SELECT ${column} FROM ${table} LIMIT 1`);
    const right = await psql(
      office.requester.url,
      "BEGIN",
      `SELECT ${requestOf(String(row?.[column]))} ? 'grant' AS accepted, recovery.list_grants(1) ->> 'records' AS records`,
    );
    const wrong = await psql(
      office.requester.url,
      "BEGIN",
      `SELECT ${requestOf(wrongToken)} ? 'grant' AS accepted, recovery.list_grants(1) ->> 'records' AS records`,
    );
    expect(right).toEqual(wrong);
  });

  test("is resolved in no transaction of its own making", async () => {
    const statement = `SELECT recovery.resolve_request((${requestOf(wrongToken)} ->> 'grant')::uuid, '{"kind": "token", "token": "${wrongToken}"}')`;
    expect(await psql(office.requester.url, statement)).toBe(notCommitted);
  });

  test("is not told by a claim in the transaction that resolves it", async () => {
    const [row] = (await psql(
      office.requester.url,
      `SELECT ${requestOf(wrongToken)} ->> 'grant' AS grant`,
    )) as { grant: string }[];
    const told = psql(
      office.requester.url,
      "BEGIN",
      `SELECT recovery.resolve_request('${row?.grant}', '{"kind": "token", "token": "${wrongToken}"}')`,
      `SELECT ${claim(row?.grant ?? "")}`,
    );
    expect(await told).toBe(notCommitted);
  });
});

const compare = (grant: string, tokens: readonly string[]): string =>
  `SELECT recovery.compare_request('${grant}', 'value', NULL, '{${tokens.join(",")}}')`;
const askForIt = (): Promise<string> =>
  ask(office.requester, ["unmask", "--field", field, "--record", record]);

/** All that a session is told, beside its rows: what its settings make the server say. */
async function overhear(url: string, ...statements: string[]): Promise<string> {
  const client = new Client({ connectionString: url });
  let heard = "";
  client.on("notice", ({ message, detail }) => (heard += `${message} ${detail}`));
  await client.connect();
  for (const name of ["parse", "rewritten", "plan"]) {
    await client.query(`SET debug_print_${name} = on`);
  }
  await client.query("SET client_min_messages = debug1; SET plan_cache_mode = force_custom_plan");
  for (const statement of statements) await client.query(statement);
  await client.end();
  return heard;
}

/** Bytes as the server prints them in a plan. */
const inPlan = (hex: string): string => new Int8Array(Buffer.from(hex, "hex")).join(" ");

describe("a guess by comparison", () => {
  test("is not answered by the plans that a session may have printed, and no salt is", async () => {
    const [{ user_id: person } = {}] = await office.admin(`SELECT user_id FROM ${table} LIMIT 1`);
    const grant = await ask(office.requester, [
      "unmask",
      "--field",
      field,
      "--subject",
      String(person),
    ]);
    const [{ salt } = {}] = await office.admin(
      "SELECT encode(subject_salt, 'hex') AS salt FROM recovery.access_grant WHERE id = $1",
      [grant],
    );
    const heard = await overhear(
      office.approver.url,
      "BEGIN",
      `SELECT recovery.compare_request('${grant}', 'subject', 'somebody else', NULL)`,
      `SELECT recovery.show_grant('${grant}')`,
      "ROLLBACK",
    );
    expect(heard).toContain("PLANNEDSTMT");
    expect(heard.replaceAll(/\s+/g, " ")).not.toContain(inPlan(String(salt)));
    expect(heard).not.toMatch(/access_grant|comparison_pkey/);
  });

  test("does no other work for a right one than for a wrong one, until it is committed", async () => {
    const grant = await askForIt();
    const [row] = await office.admin(
      `SELECT ${column} AS token FROM ${table} WHERE record_id = $1`,
      [record],
    );
    const counters = `SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(oid)
        + pg_stat_get_xact_tuples_fetched(oid)), 0) AS read FROM pg_class
      WHERE relnamespace IN ('public'::regnamespace, 'maskline'::regnamespace)
        AND relkind IN ('r', 'i', 'p') AND relname ~ '${login.table}|grant_record|vault|seed'`;
    const work = (token: string): Promise<unknown> =>
      psql(office.approver.url, "BEGIN", compare(grant, [token]), counters);
    expect(await work(String(row?.["token"]))).toEqual(await work(wrongToken));
    expect(await work(wrongToken)).toEqual([{ read: "0" }]);
  });

  test("is in no part of the audit that its own transaction reads", async () => {
    const { approver } = office;
    const grant = await askForIt();
    const [head] = await office.admin("SELECT seq + 1 AS next FROM recovery.audit_head");
    await office.admin(`GRANT maskline_auditor TO ${approver.login}`);
    const seen = (reader: string): Promise<unknown> =>
      psql(approver.url, "BEGIN", compare(grant, [wrongToken]), reader);
    expect(await seen("SELECT * FROM recovery.audit_position()")).toEqual([]);
    expect(await seen(`SELECT recovery.audit_hash_at(${String(head?.["next"])}) AS hash`)).toEqual([
      { hash: null },
    ]);
    expect(await seen("SELECT * FROM recovery.read_audit(0, 10)")).toEqual([]);
    expect(await seen("SELECT * FROM recovery.count_audit()")).toEqual([]);
    await office.admin(`REVOKE maskline_auditor FROM ${approver.login}`);
  });

  test("is for one value: no more tokens under a key than the contract has", async () => {
    const tokens = Array.from({ length: 20 }, (_, at) =>
      wrongToken.replace(/A$/, "AEIMQUYcgkosw048BCDF"[at] ?? ""),
    );
    expect(await psql(office.approver.url, compare(await askForIt(), tokens))).toBe(malformed);
  });
});

describe("a null in the place of a capability", () => {
  test("claims nothing, and so passes neither count nor rate limit", async () => {
    const grant = await grantIt();
    expect(
      await psql(
        office.requester.url,
        `SELECT recovery.claim('${grant}', NULL, '{}', '{${record}}', gen_random_uuid())`,
      ),
    ).toBe(malformed);
  });

  test("opens no work: it would hand out a grant's records without spending its count", async () => {
    await office.admin(`GRANT maskline_requester TO ${office.custodian.login}`);
    const grant = await askApproved(office, office.custodian, [
      "unmask",
      "--field",
      field,
      "--record",
      record,
    ]);
    expect(
      await psql(
        office.custodian.url,
        `SELECT recovery.claim_work('${grant}', NULL, NULL, gen_random_uuid())`,
      ),
    ).toBe(malformed);
    await office.admin(`REVOKE maskline_requester FROM ${office.custodian.login}`);
  });

  test.for(["fields", "tokens"])("nor do null %s open a lookup", async (what) => {
    const grant = await askApproved(
      office,
      office.requester,
      ["lookup", "--field", field],
      String(office.sample()[field]),
    );
    const call =
      what === "fields"
        ? `recovery.claim_lookup('${grant}', NULL, '{${wrongToken}}', gen_random_uuid())`
        : `recovery.claim_lookup('${grant}', '${field}', NULL, gen_random_uuid())`;
    expect(await psql(office.requester.url, `SELECT ${call}`)).toBe(malformed);
  });
});

test("somebody else cannot fetch what was claimed", async () => {
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    field,
    "--record",
    record,
  ]);
  const [row] = await office.requester.query(
    "SELECT recovery.claim($1, 'unmask', $3, ARRAY[$2]::uuid[], gen_random_uuid()) ->> 'claim' AS claim",
    [grant, record, [field]],
  );
  const statement = `SELECT * FROM recovery.fetch('${String(row?.["claim"])}')`;
  expect(await psql(office.colleague.url, statement)).toBe("MK004");
  await office.requester.recover(["revoke", grant]);
  expect(await psql(office.requester.url, statement)).toBe("MK003");
});

test("an object in front on the search path changes nothing", async () => {
  const grant = await ask(office.requester, ["unmask", "--field", field, "--record", record]);
  expect(
    await psql(
      office.requester.url,
      `CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$ SELECT '1970-01-01'::timestamptz $$`,
      "CREATE TEMP TABLE policy (approvals_required integer)",
      "SET search_path = pg_temp, pg_catalog",
      `SELECT ${claim(grant)} ->> 'refused' AS refused`,
    ),
  ).toEqual([{ refused: "grant_pending" }]);
});

const consumerKeyring = (): string => join(office.directory, "maskline.keyring.json");
const invalid = { code: "ERR_MASKING_KEY_INVALID" };

describe("with the consumer's files, environment and database role", () => {
  test.for([
    `SELECT ${column} FROM ${table}`,
    `SELECT count(${column}) FROM ${table}`,
    `SELECT 1 FROM ${table} WHERE ${column} = 'mk1'`,
    `SELECT ${login.subject} FROM ${table}`,
    `UPDATE ${table} SET ${column} = ${column} RETURNING ${column}`,
    `INSERT INTO ${table} SELECT * FROM ${table}`,
    `COPY ${table} TO STDOUT`,
    "SELECT sealed FROM maskline.vault",
    "SELECT seed FROM maskline.seed",
    "SELECT sealed FROM maskline.batch_key",
    "SELECT sealed FROM maskline.quarantine",
    "SELECT message_id FROM maskline.ledger",
    "SELECT * FROM recovery.audit_position()",
  ])("%s: denied", async (statement) => {
    expect(await psql(writerUrl, statement)).toBe(denied);
  });

  test("no batch key from the database can be unwrapped", async () => {
    const path = consumerKeyring();
    await expect(loadPrivateKeyring(path, { env: {} })).rejects.toMatchObject(invalid);
    const text = await readFile(path, "utf8");
    expect(text).not.toContain("private_key");

    // Nor with the public key in the private one's place, nor with the token key.
    const keys = await office.admin("SELECT id, recipient, sealed FROM maskline.batch_key");
    const { token_keys: tokenKeys, recipients } = JSON.parse(text) as {
      token_keys: { key: string }[];
      recipients: { kid: string; state: "primary"; public_key: string }[];
    };
    for (const guess of [tokenKeys[0]?.key ?? "", recipients[0]?.public_key.slice(0, 43) ?? ""]) {
      const made = resolvePrivateKeyring(
        {
          format: "mk1/private-keyring",
          recipients: recipients.map((recipient) => ({ ...recipient, private_key: guess })),
        },
        { env: {} },
      );
      await expect(made).rejects.toMatchObject(invalid);
    }
    expect(keys.length).toBeGreaterThan(0);
    const unsealer = createUnsealer({ recipients: [] }, { tenant });
    for (const { id, recipient, sealed } of keys) {
      const opening = unsealer.openBatchKey(String(id), String(recipient), sealed as Uint8Array);
      await expect(opening).rejects.toMatchObject({ code: "ERR_MASKING_KEY_UNKNOWN" });
    }
  });

  test("the token key confirms a guess, but nothing to compare it with can be read", async () => {
    const tokenizer = createTokenizer(await loadKeyring(consumerKeyring(), { env: {} }), {
      tenant,
      fields: contract.tokenFields,
    });
    const token = tokenizer.tokenize(field, value);
    const [stored] = await office.admin(
      `SELECT ${column} AS token FROM ${table} WHERE record_id = $1`,
      [record],
    );
    expect(stored).toEqual({ token });
    const statement = `SELECT 1 FROM ${table} WHERE ${column} = '${token}'`;
    expect(await psql(writerUrl, statement)).toBe(denied);
  });
});
