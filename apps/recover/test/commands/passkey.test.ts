/** Approvals that a console takes by passkeys, verified by the tool from the recover keyring alone. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Grant } from "@org/db";
import { createAuthenticator } from "@org/local";
import {
  challengeOf,
  passkeyEntry,
  passkeySignature,
  type RecoverKeyringJson,
} from "@org/recovery";
import { login } from "@org/schema";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ask, namesOf, type Office, openOffice, type Person } from "../office.ts";
import type { Ended } from "../run-recover.ts";

const { field } = namesOf(login);
const page = { rpId: "example.com", origin: "https://console.example.com" };
const authenticator = createAuthenticator(page);
const entry = passkeyEntry(authenticator);
let office: Office;
let grant: string;

beforeAll(async () => {
  office = await openOffice();
  const { stderr } = await enrol();
  if (stderr !== "") throw new Error(stderr);
});

afterAll(() => office[Symbol.asyncDispose]());

const keyring = async (): Promise<RecoverKeyringJson> =>
  JSON.parse(
    await readFile(join(office.directory, "maskline.recover.keyring.json"), "utf8"),
  ) as RecoverKeyringJson;

async function enrol(changes: object = {}, person: Person = office.approver): Promise<Ended> {
  await writeFile(join(office.directory, "entry.json"), JSON.stringify({ ...entry, ...changes }));
  return person.recover(["keys", "passkey", "--login", person.login, "--entry", "entry.json"]);
}

beforeEach(async () => {
  const [record = ""] = await office.write([office.sample()]);
  grant = await ask(office.requester, ["unmask", "--field", field, "--record", record]);
});

/** As the approver's page has it. */
async function shown(): Promise<Grant> {
  const { stdout } = await office.approver.recover(["list", "--grant", grant, "--json"]);
  return JSON.parse(stdout) as Grant;
}

/** As a console does: the passkey answers, and the database stores what it signed. */
async function press(terms: Grant, key = authenticator): Promise<unknown> {
  const { deployment } = await keyring();
  const challenge = challengeOf(terms, { decision: "approve", deployment });
  const [row] = await office.approver.query(
    "SELECT recovery.decide($1, 'approve', $2, $3, session_user) AS answer",
    [grant, entry.kid, passkeySignature(key.assert(challenge))],
  );
  return row?.["answer"];
}

const unmask = (): Promise<Ended> =>
  office.requester.recover(["unmask", "--grant", grant, "--print"]);

test("what a passkey approved is opened, and the audit is sound", async () => {
  expect(await press(await shown())).toEqual({ state: "live" });
  expect((await unmask()).code).toBe(0);
  const { stdout } = await office.auditor.recover(["audit", "verify", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ sound: true });
});

test.for([
  ["another reason", "justification = 'Something else'"],
  ["more fields", "fields = '{device_id,ip}'"],
  ["a later end", "expires_at = expires_at + interval '1 hour'"],
  ["another limit", "max_records = 2"],
])("terms changed between page and signature are refused: %s", async ([, change]) => {
  const terms = await shown();
  await office.admin(`UPDATE recovery.access_grant SET ${change} WHERE id = $1`, [grant]);
  await press(terms);
  const ended = await unmask();
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toContain("(forged_approval)");
  const [last] = await office.admin(
    "SELECT action, detail::jsonb AS detail FROM recovery.audit ORDER BY seq DESC LIMIT 1",
  );
  expect(last).toEqual({ action: "refused", detail: { code: "forged_approval", by: "tool" } });
});

test("an answer by a passkey that is not the keyring's is refused", async () => {
  await press(await shown(), createAuthenticator(page));
  const ended = await unmask();
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toContain("(forged_approval)");
});

test("approve and list print the digest that a passkey signs, so that a page can be held against it", async () => {
  const { deployment } = await keyring();
  const terms = await shown();
  const digest = (decision: "approve" | "deny"): string =>
    Buffer.from(challengeOf(terms, { decision, deployment })).toString("hex");
  const { stdout } = await office.approver.recover(["list", "--grant", grant]);
  expect(stdout).toContain(`Digest       ${digest("approve")} (to approve)`);
  expect(stdout).toContain(`Digest       ${digest("deny")} (to deny)`);
  const approved = await office.approver.recover(["approve", grant]);
  expect(approved.stdout).toContain(`Digest       ${digest("approve")} (to approve)`);
});

const denyBy = (length: number): Promise<unknown> =>
  office.approver.query("SELECT recovery.decide($1, 'deny', $2, $3, session_user)", [
    grant,
    entry.kid,
    Buffer.alloc(length),
  ]);

test("a signature is as long as an assertion at most", async () => {
  for (const length of [0, 63, 2049]) {
    await expect(denyBy(length)).rejects.toMatchObject({ code: "22023" });
  }
  await denyBy(2048);
});

test("an entry is added once, as it was made, and gives nobody a duty more", async () => {
  const before = await keyring();
  const known = before.operators.find(({ login: name }) => name === office.approver.login);
  expect(known?.keys).toContainEqual(entry);
  expect(await enrol()).toMatchObject({ code: 2, stdout: "" });
  const other = passkeyEntry(createAuthenticator(page));
  expect(await enrol({ ...other, kid: entry.kid.replace(/^./, "g") })).toMatchObject({ code: 2 });
  expect(await enrol({ ...other, origin: "http://example.com" })).toMatchObject({ code: 2 });
  expect(await enrol({ ...other, extra: 1 })).toMatchObject({ code: 2 });
  expect(await keyring()).toEqual(before);
  expect(await enrol(other, office.auditor)).toMatchObject({ code: 0 });
  const after = await keyring();
  expect(after.operators.map(({ duties }) => duties)).toEqual(
    before.operators.map(({ duties }) => duties),
  );
});
