import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, askApproved, auditActions, type Office, openOffice, why } from "./office.ts";
import { runRecover } from "./run-recover.ts";

let office: Office;
let record: string;
let value: string;

beforeAll(async () => {
  office = await openOffice();
  const message = office.sample();
  value = String(message[office.field]);
  [record = ""] = await office.write([message]);
});

afterAll(() => office[Symbol.asyncDispose]());

const forField = (): string[] => ["unmask", "--field", office.field, "--record", record];

test("a requester sees what will be asked of whom, and no asks nothing", async () => {
  const before = await auditActions(office);
  const ended = await runRecover(
    ["request", ...forField(), ...why],
    office.requester.env,
    "",
    false,
  );
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain("A member of maskline_approver other than you");
  expect(await auditActions(office)).toEqual(before);
});

test("a requester cannot write lines of their own into what an approver reads", async () => {
  const grant = await ask(office.requester, forField());
  const ticket = "T-1\u009b2J\nCovers       1 record(s)\u202e";
  await office.admin(
    "UPDATE recovery.access_grant SET ticket = $2, selector = selector || $3 WHERE id = $1",
    [grant, ticket, { "note\nUntil": "never\u001b[1A" }],
  );
  const ended = await runRecover(["approve", grant], office.approver.env, "", false);
  expect(ended.stderr.match(/^(Covers|Until) /gm)).toHaveLength(2);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for.
  expect(ended.stderr).not.toMatch(/[\u0000-\u0009\u001b\u007f-\u009f\u202e]/);
});

test("an approver sees the whole grant, and no decides nothing", async () => {
  const grant = await ask(office.requester, forField());
  const ended = await runRecover(["approve", grant], office.approver.env, "", false);
  expect(ended.code).toBe(3);
  for (const part of [office.requester.login, "fraud, ticket SEC-1", "A test of recovery"]) {
    expect(ended.stderr).toContain(part);
  }
  expect((await office.requester.recover(["list", "--grant", grant])).stdout).toContain(
    "(pending)",
  );
});

test("unmask confirms purpose and count, and no claims nothing", async () => {
  const grant = await askApproved(office, office.requester, forField());
  const argv = ["unmask", "--grant", grant, "--print"];
  const before = await auditActions(office);
  const declined = await runRecover(argv, office.requester.env, "", false);
  expect(declined).toMatchObject({ code: 3, stdout: "" });
  expect(declined.stderr).toContain(`open ${office.field} of 1 record(s)`);
  expect(declined.stderr).toContain("Purpose: fraud, ticket SEC-1");
  expect(await auditActions(office)).toEqual(before);
  const confirmed = await runRecover(argv, office.requester.env, "", true);
  expect(confirmed.stdout).toContain(value);
});

test("erase shows the grant, and no erases nothing", async () => {
  const grant = await askApproved(office, office.custodian, ["erase", "--record", record]);
  const ended = await runRecover(["erase", "--grant", grant], office.custodian.env, "", false);
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain("Covers       1 record(s)");
  expect(
    await office.admin("SELECT 1 FROM maskline.seed WHERE record_id = $1", [record]),
  ).toHaveLength(1);
});
