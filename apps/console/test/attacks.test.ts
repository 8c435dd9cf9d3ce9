/** What somebody can do who stole a session, the console's login, or is a superuser: tried over the wire. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectRecovery, type Grant } from "@org/db";
import { type Authenticator, createAuthenticator } from "@org/local";
import { challengeOf as challengeOfGrant, passkeyEntry, passkeySignature } from "@org/recovery";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ask, type Person } from "../../recover/test/office.ts";
import { type OpenConsole, openConsole, subOf } from "./open-console.ts";
import { assertionOf, challengeOf, openVisit, type Visit } from "./visit.ts";

const secret = { ip: "203.0.113.77", device_id: "device-of-ada" };

let opened: OpenConsole;
let rita: Visit;
let adam: Visit;
/** The custodian. */
let cleo: Visit;
let keys: Readonly<Record<"rita" | "adam" | "cleo" | "thief", Authenticator>>;
/** A grant of rita's for one record with the secret. */
let grant: string;

beforeAll(async () => {
  opened = await openConsole();
  const { requester, approver, custodian } = opened.office;
  const { origin } = opened;
  const create = (): Authenticator => createAuthenticator({ rpId: "localhost", origin });
  keys = { rita: create(), adam: create(), cleo: create(), thief: create() };
  await opened.enrol(requester.login, passkeyEntry(keys.rita));
  await opened.enrol(approver.login, passkeyEntry(keys.adam));
  rita = await signedIn(requester);
  adam = await signedIn(approver);
  await opened.enrol(custodian.login, passkeyEntry(keys.cleo));
  cleo = await signedIn(custodian);
});

beforeEach(async () => {
  const { office } = opened;
  const [record = ""] = await office.write([secret]);
  const fields = ["unmask", "--field", "ip", "device_id", "--record", record];
  grant = await ask(office.requester, fields);
});

afterAll(() => opened[Symbol.asyncDispose]());

async function signedIn({ login }: Person): Promise<Visit> {
  const visit = openVisit(opened.origin);
  await visit.signIn(subOf(login));
  return visit;
}

async function approve(key = keys.adam, id = key.credentialId): Promise<Response> {
  const challenge = await challengeOf(adam, `/grants/${grant}`, "Approve with");
  const assertion = assertionOf(key, challenge, id);
  return adam.post(`/grants/${grant}/decide`, { decision: "approve", assertion });
}

async function open(key = keys.rita, id = key.credentialId): Promise<Response> {
  const challenge = await challengeOf(rita, `/grants/${grant}`, "Open with");
  const assertion = assertionOf(key, challenge, id);
  return rita.post(`/grants/${grant}/open`, { assertion, records: "" });
}

async function outcome(response: Response): Promise<string> {
  const text = await response.text();
  if (Object.values(secret).some((value) => text.includes(value))) return "opened";
  return /<p role="alert">([^<]*)/.exec(text)?.[1]?.trim() ?? "nothing";
}

const unsigned = "You signed something else than what stands here.";

const actions = async (): Promise<string[]> => {
  const rows = await opened.office.admin(
    "SELECT action FROM recovery.audit WHERE grant_id = $1 ORDER BY seq",
    [grant],
  );
  return rows.map(({ action }) => String(action));
};

test("the whole of it: approved and opened by passkeys, witnessed by the console, and verified by recover", async () => {
  expect((await approve()).status).toBe(303);
  expect(await outcome(await open())).toBe("opened");
  expect(await actions()).toEqual(["requested", "resolved", "approved", "intent", "result"]);
  const verified = await opened.office.auditor.recover(["audit", "verify"]);
  expect(verified).toMatchObject({ code: 0 });
});

test("a grant's page says who did what and when, by rows of the audit that it hashes anew", async () => {
  const { admin, approver, requester } = opened.office;
  await approve();
  await open();
  const { kid } = passkeyEntry(keys.adam);
  const lines = async (): Promise<string> => (await rita.get(`/grants/${grant}`)).text();
  const holds = `${approver.login}: approved with key ${kid}; the signature holds`;
  const page = await lines();
  expect(page).toMatch(new RegExp(`\\n20\\S+Z {2}${holds}`));
  expect(page).toMatch(new RegExp(`Z {2}${requester.login}: ended: opened`));
  const printed = await requester.recover(["list", "--grant", grant]);
  expect(printed.stdout).toContain(holds);
  const at =
    "UPDATE recovery.audit SET at = at - $2::interval WHERE grant_id = $1 AND action = 'approved'";
  await admin(at, [grant, "1 day"]);
  const changed = await lines();
  await admin(at, [grant, "-1 day"]);
  expect(changed).toContain("approved; the row is not what was hashed");
  const [kept] = await admin("SELECT signature FROM recovery.approval WHERE grant_id = $1", [
    grant,
  ]);
  const sign = "UPDATE recovery.approval SET signature = $2 WHERE grant_id = $1";
  await admin(sign, [grant, randomBytes(200)]);
  const forged = await lines();
  await admin(sign, [grant, kept?.["signature"]]);
  expect(forged).toContain(`approved with key ${kid}; the signature does not hold`);
});

test("a dossier is asked for, approved and made like an opening, and holds without us", async () => {
  const { office } = opened;
  const subject = "424cdd21-063a-43a7-b91b-7ca1a833afae";
  const [record = ""] = await office.write([{ ...secret, user_id: subject }]);
  const why = { purpose: "subject-request", ticket: "GDPR-1", justification: "Article 15" };
  const asked = await rita.post("/ask/dossier", { subject, minutes: "60", ...why });
  grant = asked.headers.get("location")?.split("/").at(-1) ?? "";
  await approve();
  const make = async (whose: string): Promise<Response> => {
    const challenge = await challengeOf(rita, `/grants/${grant}`, "Make the file with");
    const form = { assertion: assertionOf(keys.rita, challenge), subject: whose };
    return rita.post(`/grants/${grant}/dossier`, form);
  };
  expect(await outcome(await make("somebody else"))).toContain("(wrong_subject)");
  const made = await make(subject);
  expect(made.headers.get("content-disposition")).toMatch(/^attachment; /);
  const file = join(office.directory, "dossier.json");
  await writeFile(file, await made.text());
  const script = fileURLToPath(new URL("../../../examples/verify-dossier.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, file]);
  expect(stdout).toContain(record);
  expect(stdout).toContain("It holds");
  for (const value of Object.values(secret)) expect(stdout).not.toContain(value);
});

test("a stolen session approves nothing without the person's passkey", async () => {
  expect(await outcome(await approve(keys.thief))).toContain("(wrong_signer)");
  expect(await outcome(await approve(keys.thief, keys.adam.credentialId))).toBe(unsigned);
  expect(await outcome(await approve(keys.rita))).toContain("(wrong_signer)");
  expect(await actions()).toEqual(["requested", "resolved"]);
});

test("a stolen session opens nothing without the person's passkey", async () => {
  await approve();
  expect(await outcome(await open(keys.thief))).toContain("(wrong_signer)");
  expect(await outcome(await open(keys.thief, keys.rita.credentialId))).toBe(unsigned);
  const none = await rita.post(`/grants/${grant}/open`, { assertion: "", records: "" });
  expect(await outcome(none)).not.toBe("opened");
  expect(await actions()).toEqual(["requested", "resolved", "approved"]);
});

test("an answer for one grant opens no other, and none opens twice", async () => {
  await approve();
  const other = grant;
  const [record = ""] = await opened.office.write([secret]);
  const fields = ["unmask", "--field", "ip", "--record", record];
  grant = await ask(opened.office.requester, fields);
  await approve();
  const challenge = await challengeOf(rita, `/grants/${other}`, "Open with");
  await challengeOf(rita, `/grants/${grant}`, "Open with");
  const form = { assertion: assertionOf(keys.rita, challenge), records: "" };
  expect(await outcome(await rita.post(`/grants/${grant}/open`, form))).toBe(unsigned);
  expect(await outcome(await rita.post(`/grants/${other}/open`, form))).toBe("opened");
  expect(await outcome(await rita.post(`/grants/${other}/open`, form))).toBe(unsigned);
});

test("of two openings at once with one answer, one opens; and nobody is given it again", async () => {
  await approve();
  const challenge = await challengeOf(rita, `/grants/${grant}`, "Open with");
  const form = { assertion: assertionOf(keys.rita, challenge), records: "" };
  const path = `/grants/${grant}/open`;
  const both = await Promise.all([rita.post(path, form), rita.post(path, form)]);
  const [given] = both.filter(({ status }) => status === 200);
  for (const name of ["etag", "last-modified", "accept-ranges", "age"]) {
    expect(given?.headers.get(name)).toBeNull();
  }
  expect(given?.headers.get("cache-control")).toBe("no-store");
  expect((await Promise.all(both.map(outcome))).toSorted()).toEqual([unsigned, "opened"]);
  const again = [rita.get(path), rita.get(path, { range: "bytes=0-", "if-none-match": "*" })];
  expect((await Promise.all(again)).map(({ status }) => status)).toEqual([404, 404]);
  expect((await actions()).filter((action) => action === "intent")).toHaveLength(1);
});

test("an answer to one decision is none to the other", async () => {
  const challenge = await challengeOf(adam, `/grants/${grant}`, "Deny with");
  const form = { decision: "approve", assertion: assertionOf(keys.adam, challenge) };
  expect(await outcome(await adam.post(`/grants/${grant}/decide`, form))).toBe(unsigned);
});

test("who has the console's login approves for nobody: what it writes opens nothing", async () => {
  const { requester, approver } = opened.office;
  const connectionString = opened.env["CONSOLE_DATABASE_URL"] ?? "";
  await using database = connectRecovery({ connectionString });
  const decided = await database.as(approver.login).grants.decide(grant, {
    decision: "approve",
    keyId: passkeyEntry(keys.adam).kid,
    signature: randomBytes(200),
    login: approver.login,
  });
  // The database cannot tell, and calls it live.
  expect(decided).toEqual({ state: "live" });
  const page = await (await rita.get(`/grants/${grant}`)).text();
  expect(page).toContain("(forged_approval)");
  expect(page).not.toContain("Open with");
  const told = await requester.recover(["unmask", "--grant", grant, "--print"]);
  expect(told).toMatchObject({ code: 3, stderr: expect.stringContaining("(forged_approval)") });
});

test("who has the console's login as well as the requester's passkey opens nothing that nobody approved", async () => {
  const challenge = await challengeOf(rita, `/grants/${grant}`, "Open with");
  expect(challenge).toHaveLength(0);
  await approve();
  const asked = await challengeOf(rita, `/grants/${grant}`, "Open with");
  await opened.office.admin("UPDATE recovery.approval SET signature = $2 WHERE grant_id = $1", [
    grant,
    randomBytes(200),
  ]);
  const form = { assertion: assertionOf(keys.rita, asked), records: "" };
  expect(await outcome(await rita.post(`/grants/${grant}/open`, form))).toContain(
    "(forged_approval)",
  );
});

test.each([
  ["whom it is for", "requester = 'nobody'"],
  ["what is shown", "fields = '{ip}'"],
  ["until when", "expires_at = expires_at + interval '1 hour'"],
  ["why", "ticket = 'SEC-9'"],
])(
  "a superuser changes %s of an approved grant, and the console opens nothing",
  async (_, change) => {
    await approve();
    const challenge = await challengeOf(rita, `/grants/${grant}`, "Open with");
    await opened.office.admin(`UPDATE recovery.access_grant SET ${change} WHERE id = $1`, [grant]);
    const form = { assertion: assertionOf(keys.rita, challenge), records: "" };
    expect(await outcome(await rita.post(`/grants/${grant}/open`, form))).toMatch(
      /\((forged_approval|no_such_grant)\)/,
    );
    expect(await actions()).not.toContain("intent");
  },
);

test("a keyring's passkey of another console is none here", async () => {
  const elsewhere = createAuthenticator({ rpId: "localhost", origin: "http://localhost:1" });
  await opened.enrol(opened.office.approver.login, passkeyEntry(elsewhere));
  expect((await approve(elsewhere)).status).toBe(403);
  expect(await actions()).toEqual(["requested", "resolved"]);
});

const subject = "5b6c3a52-0f0e-4a59-8b47-2f7f6f3b7d10";

/** Asked for as the form does; `grant` is its id from then on. */
async function askTo(
  visit: Visit,
  capability: string,
  fields: Readonly<Record<string, string | readonly string[]>>,
): Promise<void> {
  const why = { purpose: "subject-request", ticket: "GDPR-2", justification: "Article 17" };
  const asked = await visit.post(`/ask/${capability}`, { ...fields, ...why, minutes: "60" });
  grant = asked.headers.get("location")?.split("/").at(-1) ?? "";
}

/** The form of the grant's page, with the answer of a passkey. */
async function answerOf(
  visit: Visit,
  key: Authenticator,
  button: string,
): Promise<Record<string, string>> {
  const challenge = await challengeOf(visit, `/grants/${grant}`, `${button} with`);
  return { assertion: assertionOf(key, challenge) };
}

const erasing = (visit: Visit, form: Readonly<Record<string, string>>): Promise<Response> =>
  visit.post(`/grants/${grant}/erase`, { subject, ...form });

async function keptOf(records: readonly string[]): Promise<unknown> {
  const [row] = await opened.office.admin(
    `SELECT (SELECT count(*)::integer FROM maskline.seed WHERE record_id = ANY ($1)) AS seeds,
       (SELECT count(*)::integer FROM user_logins WHERE record_id = ANY ($1) AND masked_ip = 'erased') AS erased`,
    [records],
  );
  return row;
}

test("an erasure begins with a passkey, goes on in steps by its session, and is told as recover tells it", async () => {
  const { office } = opened;
  const records = await office.write([{ user_id: subject }, { user_id: subject }]);
  await askTo(cleo, "erase", { chosen: "subject", subject });
  expect((await approve()).status).toBe(303);
  const form = await answerOf(cleo, keys.cleo, "Erase");
  const first = await (await erasing(cleo, form)).text();
  expect(first).toContain("Erased 2 of 2 record(s) so far.");
  expect(first).toContain("data-goes-on");
  let last = first;
  for (let steps = 0; last.includes("data-goes-on") && steps < 9; steps += 1) {
    last = await (await erasing(cleo, {})).text();
  }
  expect(last).toContain("Erased 2 record(s), 2 of them with a seed.");
  expect(last).toMatch(/- Seeds: .*Until VACUUM/s);
  expect(await keptOf(records)).toEqual({ seeds: 0, erased: 2 });
  // However many answers it took.
  expect(await actions()).toEqual(["requested", "resolved", "approved", "intent", "result"]);
  expect(await opened.office.auditor.recover(["audit", "verify"])).toMatchObject({ code: 0 });
  const checked = await (await cleo.get(`/erasure?record=${records[0]}`)).text();
  expect(checked).toContain("Erased on 2");
});

test("nothing is erased without the custodian's passkey, nor by anybody else, nor of anybody else", async () => {
  const { office } = opened;
  const records = await office.write([{ user_id: subject }]);
  await askTo(cleo, "erase", { chosen: "subject", subject });
  const early = await challengeOf(cleo, `/grants/${grant}`, "Erase with");
  expect(early).toHaveLength(0);
  await approve();
  expect(await outcome(await erasing(cleo, {}))).toBe(unsigned);
  const theirs = await answerOf(cleo, keys.thief, "Erase");
  expect(await outcome(await erasing(cleo, theirs))).toContain("(wrong_signer)");
  const mine = await answerOf(cleo, keys.cleo, "Erase");
  expect(await outcome(await erasing(rita, mine))).toBe(unsigned);
  expect((await rita.get(`/grants/${grant}`)).status).toBe(404);
  expect(await outcome(await erasing(cleo, { ...mine, subject: "somebody else" }))).toContain(
    "(wrong_records)",
  );
  expect(await outcome(await erasing(cleo, { ...mine, subject }))).toBe(unsigned);
  expect(await keptOf(records)).toEqual({ seeds: 1, erased: 0 });
});

test("what a passkey began is gone on with by no other session, and under no grant that has ended", async () => {
  const { office } = opened;
  const records = await office.write([{ user_id: subject }]);
  await askTo(cleo, "erase", { chosen: "records", records: records[0] ?? "" });
  await approve();
  const form = await answerOf(cleo, keys.cleo, "Erase");
  const begun = await (await erasing(cleo, { ...form, subject: "" })).text();
  expect(begun).toContain("data-goes-on");
  const again = await signedIn(office.custodian);
  expect(await outcome(await erasing(again, { subject: "" }))).toBe(unsigned);
  expect((await cleo.post(`/grants/${grant}/revoke`)).status).toBe(303);
  const ended = await erasing(cleo, { subject: "" });
  expect(ended.status).toBe(403);
  expect(await outcome(ended)).toContain("(grant_revoked)");
  const audit = await actions();
  expect(audit.filter((action) => action === "intent")).toHaveLength(1);
});

const usingGrant = (visit: Visit, path: string, form: Readonly<Record<string, string>>) =>
  visit.post(`/grants/${grant}/${path}`, { records: "", ...form });

test("the body of a quarantined message is opened like an original", async () => {
  const body = `{"ip": "${secret.ip}",\n "unknown": "<b>"}`;
  const [record = ""] = await opened.office.quarantine([body]);
  await askTo(rita, "quarantined", { record, what: "unmask" });
  expect(await outcome(await usingGrant(rita, "open", {}))).not.toBe("opened");
  await approve();
  const form = await answerOf(rita, keys.rita, "Open");
  const page = await (await usingGrant(rita, "open", form)).text();
  expect(page).toContain(body.replaceAll('"', "&quot;").replace("<b>", "&lt;b&gt;"));
  expect(page).toMatch(/Show body<\/button>\s*<span class="original" hidden>/);
  expect(page).toContain('data-gone-after="60"');
  expect(await actions()).toEqual(["requested", "resolved", "approved", "intent", "result"]);
});

test("of a body no more comes into a page than a page can have, whatever a producer sent", async () => {
  const [record = ""] = await opened.office.quarantine(["\u0085&".repeat(100_000)]);
  await askTo(rita, "quarantined", { record, what: "unmask" });
  await approve();
  const form = await answerOf(rita, keys.rita, "Open");
  const page = await (await usingGrant(rita, "open", form)).text();
  expect(/Of [\d,]+ characters [^;]+/.exec(page)?.[0]).toBe(
    "Of 200,000 characters the first 65,536",
  );
  expect(page.length).toBeLessThan(500_000);
});

test("no more bodies are tried again in one answer than are opened in one", async () => {
  const record = await opened.office.quarantine(Array<string>(21).fill("{}"));
  await askTo(cleo, "quarantined", { record, what: "retry" });
  await approve();
  const form = await answerOf(cleo, keys.cleo, "Try again");
  const answer = await usingGrant(cleo, "retry", form);
  expect(answer.status).toBe(400);
  expect(await answer.text()).toContain("The console takes 20 of these records at a time.");
  expect(await actions()).not.toContain("intent");
});

test("a quarantined message is tried again with a passkey, and becomes the row that it is by now", async () => {
  const { office } = opened;
  const message = office.sample();
  const [good = "", bad = ""] = await office.quarantine([JSON.stringify(message), "{}"]);
  await askTo(cleo, "quarantined", { record: [good, bad], what: "retry" });
  await approve();
  expect(await outcome(await usingGrant(cleo, "retry", {}))).not.toBe("nothing");
  const form = await answerOf(cleo, keys.cleo, "Try again");
  const page = await (await usingGrant(cleo, "retry", form)).text();
  expect(page).toContain("1 became row(s); 0 could not be opened; still no login:");
  expect(page).toContain("1 not_a_login");
  for (const value of [message["ip"], message["device_id"]]) expect(page).not.toContain(value);
  const rows = await office.admin(
    "SELECT record_id, outcome FROM maskline.ledger WHERE record_id = ANY ($1) ORDER BY record_id",
    [[good, bad]],
  );
  expect(rows).toEqual([
    { record_id: good, outcome: "row" },
    { record_id: bad, outcome: "quarantined" },
  ]);
  expect(await outcome(await usingGrant(cleo, "retry", form))).toBe(unsigned);
  expect(await actions()).toEqual(["requested", "resolved", "approved", "intent", "result"]);
});

/** As if its time had passed: with adam's passkey over the times that it has then. */
async function letExpire(): Promise<void> {
  const { admin, auditor, directory } = opened.office;
  const earlier = "created_at - interval '2 hours', expires_at = expires_at - interval '2 hours'";
  await admin(`UPDATE recovery.access_grant SET created_at = ${earlier} WHERE id = $1`, [grant]);
  const { stdout } = await auditor.recover(["list", "--grant", grant, "--json"]);
  const keyring = await readFile(join(directory, "maskline.recover.keyring.json"), "utf8");
  const { deployment } = JSON.parse(keyring) as { deployment: string };
  const signed = { decision: "approve", deployment } as const;
  const answer = keys.adam.assert(challengeOfGrant(JSON.parse(stdout) as Grant, signed));
  const change = "UPDATE recovery.approval SET signature = $2 WHERE grant_id = $1";
  await admin(change, [grant, passkeySignature(answer)]);
}

test("a grant that has expired has nothing erased, opened or tried again", async () => {
  const { office } = opened;
  const [record = ""] = await office.quarantine(["{}"]);
  for (const [visit, key, what, path, button] of [
    [rita, keys.rita, "unmask", "open", "Open"],
    [cleo, keys.cleo, "retry", "retry", "Try again"],
    [cleo, keys.cleo, "erase", "erase", "Erase"],
  ] as const) {
    await askTo(visit, "quarantined", { record, what });
    await approve();
    const form = await answerOf(visit, key, button);
    await letExpire();
    const answer = await usingGrant(visit, path, { ...form, subject: "" });
    expect(await outcome(answer)).toContain("(grant_expired)");
    expect(await actions()).not.toContain("intent");
  }
});
