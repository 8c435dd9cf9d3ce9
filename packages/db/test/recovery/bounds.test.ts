import { randomUUID } from "node:crypto";
import type { Row } from "@org/db";
import { login } from "@org/schema";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createToken } from "../batches.ts";
import { type Counted, countCall, tryCall } from "./count-call.ts";
import {
  type Callable,
  hostile,
  hostileCalls,
  type Living,
  long,
  many,
  sentinel,
} from "./hostile-calls.ts";
import { claimOf, commitment, type Office, openOffice } from "./people.ts";

/** What the audit holds at most in one row. */
const cap = 16_384;
/** What one call takes and answers at most. */
const page = 10_000;
/** Of grants, claims and of what they name: few. */
const some = 500;
/** What stands in each table: a call that goes on to its end is seen. */
const standing = 22_000;
/** What answers for a whole table, or ends it; whatever is asked, it goes over it once. */
const counting: Readonly<Record<string, readonly string[]>> = {
  "maskline.drop_old_months": ["batch_key", "quarantine"],
  "recovery.count_audit": ["audit"],
  "recovery.erasure_of_claim": ["quarantine"],
  "recovery.key_usage": ["user_logins", "quarantine", "batch_key_id_recipient_pk"],
};

let office: Office;
let living: Living;
/** Of each role that may call something. */
let logins: ReadonlyMap<string, string>;

beforeAll(async () => {
  office = await openOffice(login);
  await office.read("UPDATE recovery.policy SET refusals_per_hour = 1000000");
  living = await findLiving();
  // Else every fetch ends before it reads.
  await office.read(
    "UPDATE recovery.claim SET fetched_at = now(), fetched_in = pg_current_xact_id()",
  );
  await fill();
  logins = new Map([
    ...Object.entries(office.people).map(
      ([duty, person]) => [`maskline_${duty}`, person.login] as const,
    ),
    ["maskline_writer", await hire("maskline_writer")],
    ["maskline_console", await hire("maskline_console")],
    ["PUBLIC", await hire("maskline_analyst")],
  ]);
  await grantToScheduler(await hire("maskline_analyst"));
  // As if each table were so long that only its index is worth a read.
  await office.read(
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
  );
  await office.read("SET track_functions = 'all'");
});

afterAll(() => office[Symbol.asyncDispose]());

const hire = async (role: string): Promise<string> =>
  new URL(await office.database.createLogin(role)).username;

/** Grants and claims that live. */
async function findLiving(): Promise<Living> {
  const rows = await office.write(4);
  const refused = await office.quarantine(2);
  const ids = rows.map(({ recordId }) => recordId);
  const records = { kind: "records", ids } as const;
  const keys = { from: "k1", to: "k2", unopenable: "tombstone" } as const;
  const claims = [
    await office.claimRecords("unmask", ids),
    await office.claimRecords(
      "retry",
      refused.slice(0, 1).map(({ recordId }) => recordId),
    ),
    await office.claimWork({ capability: "erase", selector: records }),
    await office.claimWork({
      capability: "erase",
      selector: { kind: "before", date: "2999-01-01" },
    }),
    await office.claimWork({
      capability: "rewrap",
      selector: { kind: "recipient", from: "r1", to: "r2" },
    }),
    await office.claimWork({ capability: "retoken", selector: { kind: "token_key", ...keys } }),
    await claimDossier(rows),
  ];
  const token = createToken();
  const grants = [
    await office.grant({ capability: "unmask", selector: records }),
    await office.grant({ capability: "lookup", selector: { kind: "value", tokens: [token] } }),
    await office.grant({ capability: "erase", selector: { kind: "before", date: "2999-01-01" } }),
  ];
  const asked = await office.request({ capability: "unmask", selector: records });
  return {
    p_claim: [...claims, randomUUID()],
    p_grant: [...grants, "grant" in asked ? asked.grant : null, randomUUID()],
    p_record: [refused[0]?.recordId],
    p_records: [ids],
    p_capability: ["unmask", "erase"],
    p_decision: ["approve"],
    p_fields: [["ip"]],
    p_field: ["ip"],
    p_tokens: [[token]],
    p_what: ["subject", "value"],
    p_subject: [null, "somebody"],
    p_key_id: ["0123456789abcdef"],
    p_signer: [office.people.approver.login],
    p_code: ["forged_approval"],
    p_limit: [10],
    p_selector: [JSON.stringify(records)],
    p_id: [randomUUID()],
    p_ids: [[randomUUID()]],
    p_keys: [
      JSON.stringify({ r1: "\\x00" }),
      JSON.stringify([{ id: randomUUID(), sealed: "\\x00" }]),
    ],
    p_rows: [JSON.stringify([{ record_id: ids[0], create_date: "2026-01-01" }])],
    p_row: [
      JSON.stringify({
        user_id: "u",
        device_type: "android",
        masked_ip: createToken(),
        masked_device_id: createToken(),
      }),
    ],
    p_seed: [Buffer.alloc(32)],
    p_keep_days: [30],
    p_after: ["00000000-0000-0000-0000-000000000000", 0],
  };
}

async function claimDossier([row]: readonly Row[]): Promise<string> {
  const subject = String(row?.columns["user_id"]);
  const selector = { kind: "subject", subject, tags: [createToken()], ...commitment } as const;
  return claimOf(
    await office.people.requester.recovery.claims.claim({
      grant: await office.grant({ capability: "dossier", selector }),
      capability: "dossier",
      claim: randomUUID(),
      fields: [],
      records: [row?.recordId ?? ""],
    }),
  );
}

/** As much of what messages and accesses leave as no call may read at once. */
async function fill(): Promise<void> {
  const token = `'mk1.k1.' || left(translate(encode(sha256(n::text::bytea), 'base64'), '+/=', '-_'), 43)`;
  const columns = `gen_random_uuid() AS id, n, current_date AS day FROM generate_series(1, ${standing}) AS n`;
  await office.read(`
    WITH made AS (SELECT ${columns}), logged AS (
      INSERT INTO public.user_logins (user_id, device_type, masked_ip, masked_device_id, create_date,
        message_id, sent_at, record_id)
      SELECT 'u' || n % 2, 'android', ${token}, ${token}, day, gen_random_uuid(), now(), id FROM made
    ), sealed AS (INSERT INTO maskline.vault SELECT id, day, sha256('') FROM made)
    INSERT INTO maskline.seed SELECT id, day, sha256('') FROM made`);
  await office.read(`
    INSERT INTO maskline.quarantine (record_id, message_id, sent_at, create_date, quarantined_on, contract,
      reason, sealed)
    SELECT id, gen_random_uuid(), now(), day, day - 40, 'login', 'ip_invalid', sha256('') FROM (SELECT ${columns}) AS made`);
  await office.read(`
    INSERT INTO maskline.ledger (message_id, record_id, outcome, decided_on)
    SELECT id, id, 'row', day - 40 FROM (SELECT ${columns}) AS made`);
  await office.read(`
    INSERT INTO maskline.batch_key (id, recipient, sealed) SELECT id, 'r1', sha256('') FROM (SELECT ${columns}) AS made`);
  await office.read(`
    INSERT INTO maskline.erased (record_id, erasure) SELECT id, n FROM (SELECT ${columns}) AS made`);
  await office.read(`
    INSERT INTO recovery.audit SELECT seq + n, now() - interval '1 day', 'nobody', 'refused', NULL, NULL, '{}',
      head.hash, head.hash FROM recovery.audit_head AS head, generate_series(1, ${standing}) AS n`);
  await office.read(`UPDATE recovery.audit_head SET seq = seq + ${standing}`);
  await office.read("ANALYZE");
}

/** Every function of ours that somebody may call, from the catalog: a new one is among them. */
async function findCallable(): Promise<readonly Callable[]> {
  const rows = await office.read<{
    name: string;
    names: string[];
    types: string[];
    roles: string[];
  }>(`
    SELECT format('%I.%I', nspname, proname) AS name,
      coalesce(proargnames[1:pronargs], '{}') AS names,
      ARRAY(SELECT format_type(type, NULL) FROM unnest(proargtypes) AS type) AS types,
      ARRAY(SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
        FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee <> proowner) AS roles
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema')
    ORDER BY 1`);
  return rows
    .filter(({ roles }) => roles.length > 0)
    .map(({ name, names, types, roles }) => ({
      name,
      roles,
      parameters: names.map((parameter, at) => ({ name: parameter, type: types[at] ?? "" })),
    }));
}

/** What a scheduler's login is granted one by one: what runs as the owner, and nobody may call yet. */
async function grantToScheduler(scheduler: string): Promise<void> {
  const functions = await office.read<{ name: string }>(`
    SELECT pg_proc.oid::regprocedure::text AS name FROM pg_proc
    WHERE pronamespace = 'maskline'::regnamespace AND prosecdef
      AND NOT EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee <> proowner)`);
  await office.read(`GRANT USAGE ON SCHEMA maskline TO ${scheduler}`);
  for (const { name } of functions) {
    await office.read(`GRANT EXECUTE ON FUNCTION ${name} TO ${scheduler}`);
  }
}

const server = new Client({ connectionString: inject("postgresAdminUrl") });
await server.connect();
const { rows: versions } = await server.query("SHOW server_version_num");
await server.end();
/** PostgreSQL 14 says what a transaction has read a moment later than it is asked here. */
const counts = Number(versions[0].server_version_num) >= 150_000;

describe.runIf(counts)("whatever is given to a function that somebody may call", () => {
  const outcomes: { readonly name: string; readonly outcome: Counted }[] = [];

  beforeAll(async () => {
    for (const callable of await findCallable()) {
      for (const role of callable.roles) {
        for (const call of hostileCalls(callable, living)) {
          outcomes.push({
            name: callable.name,
            outcome: await countCall(office.admin, logins.get(role) ?? role, call),
          });
        }
      }
    }
  }, 600_000);

  it("has a hostile value for each type of parameter", async () => {
    const types = new Set(
      (await findCallable()).flatMap(({ parameters }) => parameters.map(({ type }) => type)),
    );
    expect([...types].filter((type) => !(type in hostile))).toEqual([]);
  });

  it("makes no row of the audit longer than its cap, and gets no text of the caller's into it", () => {
    const rows = outcomes.flatMap(({ name, outcome }) =>
      outcome.audited.map((row) => ({ name, ...row })),
    );
    const found = rows.filter(({ bytes, line }) => bytes > cap || /SENTINEL|\\u00/i.test(line));
    expect(found.map(({ name, line }) => `${name}: ${line.slice(0, 500)}`)).toEqual([]);
    expect(rows.length).toBeGreaterThan(100);
  });

  it("gets no text of the caller's into an answer or an error, and meets no fault of ours", () => {
    const found = outcomes.filter(
      ({ outcome: { answer, sqlState } }) =>
        /SENTINEL/i.test(answer) || sqlState?.startsWith("XX") === true,
    );
    const said = found.map(
      ({ name, outcome }) => `${name}: ${outcome.sqlState} ${outcome.answer.slice(0, 300)}`,
    );
    expect([...new Set(said)]).toEqual([]);
  });

  it("reads and changes of a table no more than two pages, but for what counts or drops", () => {
    const found = outcomes.flatMap(({ name, outcome }) =>
      [...outcome.work].flatMap(([table, work]) =>
        work <= 2 * page + some || counting[name]?.includes(table) === true
          ? []
          : [`${name}: ${work} of ${table}`],
      ),
    );
    expect([...new Set(found)]).toEqual([]);
  });

  it("goes over what it counts or drops once", () => {
    const most = outcomes
      .flatMap(({ outcome }) => [...outcome.work.values()])
      .reduce((one, other) => Math.max(one, other));
    expect(most).toBeGreaterThan(standing);
    expect(most).toBeLessThan(standing + some);
  });

  it("answers with a page at most, and calls no function of ours for more", () => {
    const found = outcomes.flatMap(({ name, outcome: { answered, calls } }) =>
      answered > page || calls > page + some ? [`${name}: ${answered} rows, ${calls} calls`] : [],
    );
    expect([...new Set(found)]).toEqual([]);
  });
});

describe("a request with one hostile term", () => {
  const whole = {
    tenant: "default",
    contract: login.name,
    capability: "unmask",
    fields: ["ip"],
    selector: { kind: "time", from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" },
    purpose: "fraud",
    ticket: "SEC-1",
    justification: "A test of recovery",
    reveal: "full",
    maxRecords: 10,
    minutes: 60,
  };
  const values = [
    null,
    "",
    0,
    -1,
    1.5,
    1e300,
    true,
    [],
    {},
    [null],
    [sentinel],
    { kind: sentinel },
    sentinel,
    long(1000),
    long(200_000),
    { kind: "records", ids: [sentinel] },
    { kind: "records", ids: many(10_001, randomUUID) },
    { kind: "token", token: sentinel },
    { kind: "subject", subject: long(10_000) },
    { kind: "subject", tokens: [createToken()], subject: sentinel },
    { kind: "time", from: "now", to: sentinel },
    { kind: "time", from: "2026-02-30T00:00:00Z", to: "2026-03-01T00:00:00Z" },
    { kind: "before", date: "infinity" },
    { kind: "before", date: "2026-13-01", keepTokens: sentinel },
    { kind: "token_key", from: sentinel, to: "k1", unopenable: sentinel },
  ];
  const capabilities = [
    ["unmask", "requester"],
    ["lookup", "requester"],
    ["retry", "custodian"],
    ["erase", "custodian"],
    ["rewrap", "custodian"],
    ["retoken", "custodian"],
  ] as const;
  // These people write themselves, and the audit or the approver has them; bounded, on one line.
  const free = new Set(["ticket", "tenant", "justification"]);

  it.each(Object.keys(whole))("%s", async (term) => {
    const found: string[] = [];
    for (const value of [...values, undefined]) {
      for (const [capability, duty] of capabilities) {
        const request = { ...whole, capability, [term]: value };
        const { audited, sqlState } = await tryCall(office.admin, office.people[duty].login, {
          text: "SELECT recovery.request_access($1)",
          values: [JSON.stringify(request)],
        });
        if (sqlState !== undefined && sqlState !== "22023")
          found.push(`${JSON.stringify(value)?.slice(0, 200)}: ${sqlState}`);
        for (const { bytes, line } of audited) {
          const echo = free.has(term) ? /\\u00/ : /SENTINEL|\\u00/i;
          if (bytes > 4096 || echo.test(line)) found.push(line.slice(0, 500));
        }
      }
    }
    expect(found).toEqual([]);
  });
});
