import { randomUUID } from "node:crypto";
import { login } from "@org/schema";
import { DatabaseError as PgError } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createToken } from "../batches.ts";
import { type Duty, type Office, openOffice, type Statement } from "./people.ts";

const sentinel = "SENTINEL";
/** What the audit holds at most in one row. */
const cap = 16_384;

let office: Office;
/** By the name of a parameter, values that let a call come far: grants and claims that live. */
let living: Readonly<Record<string, readonly unknown[]>>;

beforeAll(async () => {
  office = await openOffice(login);
  await office.read("UPDATE recovery.policy SET refusals_per_hour = 1000000");
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
      capability: "rewrap",
      selector: { kind: "recipient", from: "r1", to: "r2" },
    }),
    await office.claimWork({ capability: "retoken", selector: { kind: "token_key", ...keys } }),
  ];
  const grants = [
    await office.grant({ capability: "unmask", selector: records }),
    await office.grant({ capability: "lookup", selector: { kind: "value" } }),
    await office.grant({ capability: "erase", selector: { kind: "before", date: "2999-01-01" } }),
  ];
  const asked = await office.request({ capability: "unmask", selector: records });
  living = {
    p_claim: [...claims, randomUUID()],
    p_grant: [...grants, "grant" in asked ? asked.grant : null, randomUUID()],
    p_record: [refused[0]?.recordId],
    p_records: [ids],
    p_capability: ["unmask", "erase"],
    p_decision: ["approve"],
    p_fields: [["ip"]],
    p_field: ["ip"],
    p_tokens: [[createToken()]],
    p_key_id: ["0123456789abcdef"],
    p_signer: [office.people.approver.login],
    p_code: ["forged_approval"],
    p_limit: [10],
    p_selector: [JSON.stringify(records)],
  };
});

afterAll(() => office[Symbol.asyncDispose]());

interface Callable {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  readonly duties: readonly Duty[];
}

/** Every function that somebody may call, from the catalog: a new one is among them. */
async function findCallable(): Promise<readonly Callable[]> {
  const rows = await office.read<{
    name: string;
    names: string[];
    types: string[];
    duties: Duty[];
  }>(`
    SELECT proname AS name, coalesce(proargnames[1:pronargs], '{}') AS names,
      ARRAY(SELECT format_type(type, NULL) FROM unnest(proargtypes) AS type) AS types,
      ARRAY(SELECT replace(grantee::regrole::text, 'maskline_', '') FROM aclexplode(proacl)
        WHERE grantee <> proowner) AS duties
    FROM pg_proc WHERE pronamespace = 'recovery'::regnamespace
    ORDER BY proname`);
  return rows
    .filter(({ duties }) => duties.length > 0)
    .map(({ name, names, types, duties }) => ({
      name,
      duties,
      parameters: names.map((parameter, at) => ({ name: parameter, type: types[at] ?? "" })),
    }));
}

const long = (length: number): string => `${sentinel}\u0001\u009b`.repeat(length / 10);
const many = <T>(count: number, of: () => T): T[] => Array.from({ length: count }, of);
const nested = `${'{"a":'.repeat(1000)}"${sentinel}"${"}".repeat(1000)}`;

/** Over-long, empty, out of range, of control characters, and none. */
const hostile: Readonly<Record<string, readonly unknown[]>> = {
  text: [null, "", sentinel, `${sentinel}\u0001\u001b[31m\u202e`, long(200_000)],
  "text[]": [null, [], [null], [sentinel], many(2_000, () => sentinel), [long(200_000)]],
  uuid: [null, "00000000-0000-0000-0000-000000000000", randomUUID()],
  "uuid[]": [null, [], [null], many(10_001, randomUUID)],
  jsonb: [
    null,
    "null",
    "{}",
    "[]",
    `"${sentinel}"`,
    JSON.stringify({
      [sentinel]: sentinel,
      outcome: sentinel,
      kind: sentinel,
      capability: sentinel,
    }),
    JSON.stringify({ outcome: "opened", reason: sentinel }),
    JSON.stringify({ outcome: "opened", opened: sentinel, failed: 1e300 }),
    JSON.stringify({ [long(100_000)]: long(100_000) }),
    JSON.stringify(many(10_001, () => ({ record_id: sentinel }))),
    JSON.stringify([
      {
        record_id: randomUUID(),
        create_date: sentinel,
        tokens: { ip: sentinel },
        sealed: sentinel,
      },
    ]),
    nested,
  ],
  bytea: [null, Buffer.alloc(0), Buffer.alloc(65), Buffer.alloc(200_000, sentinel)],
  integer: [null, 0, -1, -2_147_483_648, 2_147_483_647],
  bigint: [null, 0, -1, "-9223372036854775808", "9223372036854775807"],
};

const plain: Readonly<Record<string, unknown>> = {
  text: "text",
  "text[]": ["text"],
  jsonb: "{}",
  bytea: Buffer.alloc(64),
  integer: 1,
  bigint: 1,
};

/** Each parameter in turn is hostile, while the others are what a call comes far with. */
function hostileCalls({ name, parameters }: Callable): Statement[] {
  const places = parameters.map((parameter, at) => `${parameter.name} => $${at + 1}`);
  const text = `SELECT * FROM recovery.${name}(${places.join(", ")})`;
  const likely = parameters.map(
    (parameter) => living[parameter.name] ?? [plain[parameter.type] ?? randomUUID()],
  );
  const calls = parameters.flatMap(({ type }, at) =>
    (hostile[type] ?? []).flatMap((value) =>
      combine(likely.map((values, index) => (index === at ? [value] : values))),
    ),
  );
  return [...calls, ...combine(likely), parameters.map(() => null)].map((values) => ({
    text,
    values,
  }));
}

/** The first of each, the second of each, and so on, until every one was taken. */
function combine(choices: readonly (readonly unknown[])[]): unknown[][] {
  const most = Math.max(1, ...choices.map((values) => values.length));
  return Array.from({ length: most }, (_, turn) =>
    choices.map((values) => values[turn % values.length]),
  );
}

interface Written {
  readonly bytes: number;
  readonly line: string;
}

/** What a call wrote into the audit; null where it was an error. */
async function auditOf(duty: Duty, call: Statement): Promise<readonly Written[] | PgError> {
  const [head] = await office.read<{ seq: string }>("SELECT seq FROM recovery.audit_head");
  try {
    return await office.tried(office.people[duty], [call], () =>
      office.read<Written>(
        "SELECT octet_length(detail) AS bytes, audit::text AS line FROM recovery.audit WHERE seq > $1",
        [head?.seq],
      ),
    );
  } catch (error) {
    if (error instanceof PgError) return error;
    throw error;
  }
}

describe("whatever is given to a function that somebody may call", () => {
  it("has a hostile value for each type of parameter", async () => {
    const types = new Set(
      (await findCallable()).flatMap(({ parameters }) => parameters.map(({ type }) => type)),
    );
    expect([...types].filter((type) => !(type in hostile))).toEqual([]);
  });

  it("makes no row of the audit longer than its cap, and gets no text of the caller's into it", async () => {
    const found: string[] = [];
    let rows = 0;
    for (const callable of await findCallable()) {
      for (const duty of callable.duties) {
        for (const call of hostileCalls(callable)) {
          const written = await auditOf(duty, call);
          if (written instanceof PgError) {
            // Nor is a fault of ours behind it.
            if (written.code?.startsWith("XX")) found.push(`${callable.name}: ${written.code}`);
            continue;
          }
          rows += written.length;
          for (const { bytes, line } of written) {
            if (bytes > cap || /SENTINEL|\\u00/i.test(line))
              found.push(`${callable.name}: ${line.slice(0, 500)}`);
          }
        }
      }
    }
    expect(found).toEqual([]);
    expect(rows).toBeGreaterThan(100);
  }, 600_000);
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
        const written = await auditOf(duty, {
          text: "SELECT recovery.request_access($1)",
          values: [JSON.stringify(request)],
        });
        if (written instanceof PgError) {
          if (written.code !== "22023")
            found.push(`${JSON.stringify(value)?.slice(0, 200)}: ${written.code}`);
          continue;
        }
        for (const { bytes, line } of written) {
          const echo = free.has(term) ? /\\u00/ : /SENTINEL|\\u00/i;
          if (bytes > 4096 || echo.test(line)) found.push(line.slice(0, 500));
        }
      }
    }
    expect(found).toEqual([]);
  });
});
