import { randomBytes, randomUUID } from "node:crypto";
import { connectRecovery, type Recovery, type RecoveryConnection } from "@org/db";
import { login } from "@org/schema";
import { Client } from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { claimOf, type Office, openOffice } from "./people.ts";

let office: Office;
let hub: RecoveryConnection;
let hubUrl: string;
let hubLogin: string;

beforeAll(async () => {
  office = await openOffice(login);
  hubUrl = await office.database.createLogin("maskline_console");
  hubLogin = new URL(hubUrl).username;
  // One connection: what a call leaves behind, the next one meets.
  hub = connectRecovery({ connectionString: hubUrl }, { connectionsAtMost: 1 });
  const { requester, approver, auditor } = office.people;
  for (const person of [requester, approver, auditor]) await allow(person.login);
});

afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await office[Symbol.asyncDispose]();
});

const allow = (person: string, how = "INHERIT FALSE"): Promise<unknown> =>
  office.read(`GRANT ${person} TO ${hubLogin} WITH ${how}`);

const codeOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => "done",
    (error: unknown) => (error as { sqlState?: unknown }).sqlState,
  );

const time = { kind: "time", from: "2026-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z" } as const;

const terms = {
  tenant: "default",
  contract: login.name,
  capability: "unmask",
  fields: ["ip"],
  selector: time,
  purpose: "fraud",
  ticket: "SEC-1",
  justification: "A test of the console",
  reveal: "full",
  maxRecords: null,
  minutes: 60,
} as const;

const request = ({ grants }: Recovery, selector: object = time) =>
  grants.request({ ...terms, selector: selector as never });

const decide = ({ grants }: Recovery, grant: string, signer: string) =>
  grants.decide(grant, {
    decision: "approve",
    keyId: "0123456789abcdef",
    signature: randomBytes(64),
    login: signer,
  });

async function asked(recovery: Recovery, selector?: object): Promise<string> {
  const answer = await request(recovery, selector);
  if ("refused" in answer) throw new Error(`The request was refused: ${answer.refused}`);
  return answer.grant;
}

const by = (action: string, actor: string, through: string | null) => ({ action, actor, through });

const rowsOf = (grant: string) =>
  office.read<{ action: string; actor: string; through: string | null }>(
    "SELECT action, actor, detail::jsonb ->> 'through' AS through FROM recovery.audit WHERE grant_id = $1 ORDER BY seq",
    [grant],
  );

test("people act through a console, and every row of theirs says who and through what", async () => {
  const { requester, approver } = office.people;
  const [row] = await office.write(1);
  const records = [row?.recordId ?? ""];
  const asker = hub.as(requester.login);
  const grant = await asked(asker, { kind: "records", ids: records });
  expect(await decide(hub.as(approver.login), grant, approver.login)).toEqual({ state: "live" });
  const use = { grant, capability: "unmask", fields: ["ip"], records } as const;
  const claim = claimOf(await asker.claims.claim({ ...use, claim: randomUUID() }));
  expect(await asker.claims.fetch(claim)).toHaveLength(1);
  await asker.claims.reportResult(claim, { outcome: "not_opened", reason: "no_checkpoint" });
  // At a terminal, as themselves.
  await approver.recovery.grants.revoke(grant);

  expect(await rowsOf(grant)).toEqual([
    by("requested", requester.login, hubLogin),
    by("resolved", requester.login, hubLogin),
    by("approved", approver.login, hubLogin),
    by("intent", requester.login, hubLogin),
    by("result", requester.login, hubLogin),
    by("revoked", approver.login, null),
  ]);
  const read = await hub.as(office.people.auditor.login).audit.read(0, 10_000);
  expect(read.find(({ grantId }) => grantId === grant)?.detail).toContain(hubLogin);
});

test("what a console claims for one person is nobody else's to fetch", async () => {
  const { requester, approver } = office.people;
  const colleague = new URL(await office.database.createLogin("maskline_requester")).username;
  await allow(colleague);
  const [row] = await office.write(1);
  const records = [row?.recordId ?? ""];
  const grant = await asked(hub.as(requester.login), { kind: "records", ids: records });
  await decide(hub.as(approver.login), grant, approver.login);
  const use = { grant, capability: "unmask", fields: ["ip"], records } as const;
  const claim = { ...use, claim: randomUUID() };
  const others = hub.as(colleague);
  expect(await others.claims.claim(claim)).toEqual({ refused: "no_such_grant" });
  await hub.as(requester.login).claims.claim(claim);
  expect(await codeOf(others.claims.fetch(claim.claim))).toBe("MK004");
});

test("nobody approves their own request through a console, and none signs for another", async () => {
  const { requester, approver } = office.people;
  const both = new URL(await office.database.createLogin("maskline_requester")).username;
  await office.read(`GRANT maskline_approver TO ${both}`);
  await allow(both);
  await office.write(1);
  const own = await asked(hub.as(both));
  expect(await decide(hub.as(both), own, both)).toEqual({ refused: "self_approval" });
  const grant = await asked(hub.as(requester.login));
  expect(await decide(hub.as(approver.login), grant, both)).toEqual({ refused: "wrong_signer" });
  expect(await decide(hub.as(both), grant, both)).toEqual({ state: "live" });
});

test("a console by itself is nobody, also where it inherits what its people may", async () => {
  expect(await codeOf(hub.grants.list(1))).toBe("42501");
  expect(await codeOf(hub.audit.position())).toBe("42501");
  await hub.as(office.people.approver.login).grants.list(1);
  await codeOf(hub.as(office.people.approver.login).claims.fetch(randomUUID()));
  expect(await codeOf(hub.grants.list(1))).toBe("42501");
  await allow(office.people.requester.login, "INHERIT TRUE");
  expect(await codeOf(request(hub))).toBe("42501");
  await allow(office.people.requester.login);
});

test("a console acts for its people alone: for no other, no group, not for another console", async () => {
  const { custodian, approver } = office.people;
  const other = new URL(await office.database.createLogin("maskline_console")).username;
  await allow(other);
  await office.read(`GRANT maskline_approver TO ${other}`);
  expect(await codeOf(hub.as(custodian.login).grants.list(1))).toBe("42501");
  for (const name of ["maskline_approver", hubLogin, other]) {
    expect(await codeOf(hub.as(name).grants.list(1))).toBe("42501");
  }
  await office.read(`GRANT ${custodian.login} TO ${approver.login}`);
  expect(await codeOf(hub.as(custodian.login).grants.list(1))).toBe("42501");
  await office.read(`REVOKE ${custodian.login} FROM ${approver.login}`);
  const broken = `${approver.login}"; SET LOCAL ROLE "${approver.login}`;
  expect(await codeOf(hub.as(broken).grants.list(1))).not.toBe("done");
});

test("a console asks as nobody whether the database knows a contract, and others do not ask", async () => {
  expect(await hub.knows(login.name)).toBe(true);
  expect(await hub.knows("x".repeat(200))).toBe(false);
  await using other = connectRecovery({ connectionString: office.people.requester.url });
  expect(await codeOf(other.knows(login.name))).toBe("42501");
});

test("a console reads by itself what is open, without a term of it; nobody else does", async () => {
  const { requester, approver } = office.people;
  await office.write(1);
  const [waits, approved, denied] = [
    await asked(requester.recovery),
    await asked(hub.as(requester.login)),
    await asked(requester.recovery),
  ];
  await decide(approver.recovery, approved, approver.login);
  const signed = { keyId: "0123456789abcdef", signature: randomBytes(64), login: approver.login };
  await approver.recovery.grants.decide(denied, { decision: "deny", ...signed });
  const open = await hub.listOpen();
  const shown = (grant: string) => open.find(({ id }) => id === grant);
  const least = { records: expect.any(Number), approvalsRequired: 1 };
  expect(shown(waits)).toEqual({ id: waits, state: "pending", approvals: [], ...least });
  const approvals = [{ approver: approver.login, decision: "approve" }];
  expect(shown(approved)).toEqual({ id: approved, state: "live", approvals, ...least });
  expect(shown(denied)).toBeUndefined();
  for (const { url } of Object.values(office.people)) {
    await using person = connectRecovery({ connectionString: url });
    expect(await codeOf(person.listOpen())).toBe("42501");
  }
});

test("what a console asks in a transaction, it is not told of within it", async () => {
  const { requester } = office.people;
  await office.write(1);
  const client = new Client({ connectionString: hubUrl });
  await client.connect();
  onTestFinished(() => client.end());
  const act = "SELECT set_config('role', $1, true)";
  await client.query("BEGIN");
  await client.query(act, [requester.login]);
  const made = await client.query("SELECT recovery.request_access($1) ->> 'grant' AS id", [
    JSON.stringify(terms),
  ]);
  const { id } = made.rows[0];
  await client.query("COMMIT; BEGIN");
  await client.query(act, [requester.login]);
  await client.query("SELECT recovery.resolve_request($1, $2)", [id, JSON.stringify(time)]);
  await client.query("RESET ROLE");
  const { rows } = await client.query("SELECT recovery.list_open() ->> 'id' AS id");
  expect(rows).not.toContainEqual({ id });
  await client.query("COMMIT");
  expect(await hub.listOpen()).toContainEqual(expect.objectContaining({ id }));
});

test("whoever is no console stays themselves, whatever role they take", async () => {
  const { requester, approver } = office.people;
  await office.read(`GRANT ${requester.login} TO ${approver.login}`);
  const url = { connectionString: approver.url };
  await using recovery = connectRecovery(url);
  const grant = await asked(recovery.as(requester.login));
  await office.read(`REVOKE ${requester.login} FROM ${approver.login}`);
  expect((await rowsOf(grant))[0]).toEqual(by("requested", approver.login, null));
});

test("the limits of an hour are a person's, through whatever they ask", async () => {
  const url = await office.database.createLogin("maskline_requester");
  const busy = new URL(url).username;
  await allow(busy);
  await using recovery = connectRecovery({ connectionString: url });
  await office.read("UPDATE recovery.policy SET requests_per_hour = 2");
  await asked(recovery);
  await asked(hub.as(busy));
  expect(await request(recovery)).toEqual({ refused: "too_many_requests" });
  expect(await request(hub.as(busy))).toEqual({ refused: "too_many_requests" });
});

test("a name that PostgreSQL would cut short is nobody's", async () => {
  const longest = `p${"x".repeat(62)}`;
  await office.read(`CREATE ROLE ${longest} LOGIN IN ROLE maskline_approver`);
  await allow(longest);
  expect(await codeOf(hub.as(longest).grants.list(1))).toBe("done");
  expect(await codeOf(hub.as(`${longest}y`).grants.list(1))).toBe("42501");
  expect(await codeOf(hub.as("none").grants.list(1))).toBe("42501");
  await office.read(`DROP ROLE ${longest}`);
});

/** The database's limit holds against the person's own rights too, which a thief has. */
test.each([
  ["logs in as a person with a password that it sets", "", "done"],
  ["does not where the person's login takes no connection", "CONNECTION LIMIT 0", "refused"],
])("whoever steals a console's login %s", async (_, limit, outcome) => {
  const person = new URL(await office.database.createLogin("maskline_requester")).username;
  await allow(person);
  if (limit !== "") await office.read(`ALTER ROLE ${person} ${limit}`);
  expect(await codeOf(hub.as(person).grants.list(1))).toBe("done");
  const thief = new Client({ connectionString: hubUrl });
  await thief.connect();
  await thief.query(`SET ROLE ${person}`);
  await thief.query(`ALTER ROLE ${person} PASSWORD 'of-the-thief'`);
  await expect(thief.query(`ALTER ROLE ${person} CONNECTION LIMIT 1`)).rejects.toMatchObject({
    code: "42501",
  });
  await thief.end();
  const url = Object.assign(new URL(hubUrl), { username: person, password: "of-the-thief" });
  const taken = new Client({ connectionString: url.href });
  const connected = taken.connect().then(
    () => "done",
    () => "refused",
  );
  expect(await connected).toBe(outcome);
  await taken.end();
});
