/** What a request may hold: the audit keeps it for ever, and approvers sign it. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { login } from "@org/schema";
import { ask, askApproved, namesOf, type Office, openOffice, tenant, why } from "../office.ts";
import { runRecover } from "../run-recover.ts";

const { field } = namesOf(login);
let office: Office;
let record: string;

beforeAll(async () => {
  office = await openOffice();
  [record = ""] = await office.write([office.sample()]);
});

afterAll(() => office[Symbol.asyncDispose]());

const anId = "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d";

const slips: [string, string[]][] = [
  ["a raw value as a token", ["unmask", "--field", field, "--token", "203.0.113.9"]],
  ["a raw value as a record", ["unmask", "--field", field, "--record", "203.0.113.9"]],
  ["a field that is none", ["unmask", "--field", `${field}p`, "--record", anId]],
  ["a capability that is none", ["peek", "--field", field, "--record", anId]],
  ["a day in another order", ["erase", "--before", "02/11/2026"]],
  ["a day in words", ["erase", "--before", "tomorrow"]],
  ["a day that is none", ["erase", "--before", "2026-02-30"]],
  ["a time that is none", ["unmask", "--field", field, "--from", "noon", "--to", "2026-05-03"]],
];

test.for(slips)("refuses %s before anything is asked", async ([, argv]) => {
  const rows = "SELECT count(*)::integer AS count FROM recovery.audit";
  const before = await office.admin(rows);
  const { code } = await office.requester.recover(["request", ...argv, ...why]);
  expect(code).toBe(2);
  expect(await office.admin(rows)).toEqual(before);
});

test.for([
  ["--purpose", "Fraud Case"],
  ["--ticket", "T".repeat(129)],
  ["--justification", ""],
  ["--minutes", "soon"],
])("refuses %s %s", async ([option, value]) => {
  const terms = [...why, option ?? "", value ?? ""];
  const argv = ["request", "unmask", "--field", field, "--record", record, ...terms];
  expect(await office.requester.recover(argv)).toMatchObject({ code: 2, stdout: "" });
});

test.for([
  `{"kind": "token", "token": "203.0.113.9"}`,
  `{"kind": "records", "ids": ["203.0.113.9"]}`,
  `{"kind": "records", "ids": "203.0.113.9"}`,
  `{"kind": "records", "ids": [null]}`,
  `{"kind": "records", "ids": ["${anId}"], "keepTokens": "203.0.113.9"}`,
  `{"kind": "subject", "subject": {"x": "203.0.113.9"}}`,
  `{"kind": "subject", "tokens": ["203.0.113.9"]}`,
  `{"kind": "time", "from": "2026-05-03", "to": "2026-05-04"}`,
  `{"kind": "token", "token": "mk1.t1.${"A".repeat(43)}", "note": "203.0.113.9"}`,
])("by hand too, the database refuses %s, and keeps nothing of it", async (selector) => {
  const [row] = await office.requester.query("SELECT recovery.request_access($1) AS answer", [
    {
      tenant,
      contract: login.name,
      capability: "unmask",
      fields: [field],
      selector: JSON.parse(selector) as unknown,
      purpose: "fraud",
      ticket: "T",
      justification: "J",
      reveal: "full",
      maxRecords: null,
      minutes: 60,
    },
  ]);
  expect(row).toEqual({ answer: { refused: "malformed_selector" } });
  const kept = await office.admin(
    `SELECT 1 FROM recovery.audit WHERE detail LIKE '%203.0.113%'
     UNION ALL SELECT 1 FROM recovery.access_grant WHERE selector::text LIKE '%203.0.113%'`,
  );
  expect(kept).toEqual([]);
});

test("a time means the same in every session", async () => {
  const range = ["--from", "2026-05-03", "--to", "2099-01-01T01:00:00+01:00"];
  const grant = await ask(office.requester, ["unmask", "--field", field, ...range]);
  const { stdout } = await office.requester.recover(["list", "--grant", grant, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    records: 1,
    selector: { kind: "time", from: "2026-05-03T00:00:00.000Z", to: "2099-01-01T00:00:00.000Z" },
  });
});

test("a body cannot be asked for in part", async () => {
  const [quarantined = ""] = await office.quarantine(["{}"]);
  const argv = ["unmask", "--field", "body", "--quarantined", quarantined, "--reveal", "partial"];
  const { code, stderr } = await office.requester.recover(["request", ...argv, ...why]);
  expect(code).toBe(3);
  expect(stderr).toContain("wrong_reveal");
});

test("an approval under a key that stands for another login is refused, and spoils nothing", async () => {
  const argv = ["unmask", "--field", field, "--record", record];
  const grant = await ask(office.requester, argv);
  const borrowed = await runRecover(["approve", grant], {
    ...office.approver.env,
    RECOVER_SIGNING_KEY: `${office.auditor.login}.pem`,
  });
  expect(borrowed.code).toBe(3);
  expect(borrowed.stderr).toContain("wrong_signer");
  expect((await office.approver.recover(["approve", grant])).code).toBe(0);
});

test("an approver of a rotation reads how much it touches", async () => {
  const request = ["retoken", "--from-key", "t1", "--to-key", "t2"];
  await askApproved(office, office.custodian, request);
  const grant = await ask(office.custodian, ["rewrap", "--from-key", "r1", "--to-key", "r2"]);
  const { stdout } = await office.approver.recover(["list", "--grant", grant]);
  expect(stdout).toMatch(/Covers +\d+ batch key\(s\)/);
});
