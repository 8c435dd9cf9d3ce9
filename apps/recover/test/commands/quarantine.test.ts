import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyringJson } from "@org/masking/keyring";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, askApproved, type Office, openOffice } from "../office.ts";

let office: Office;

const login = JSON.stringify({
  user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
  app_version: "2.3.0",
  device_type: "android",
  ip: "198.51.100.7",
  locale: "RU",
  device_id: "593-47-5928",
});
const noLogin = '{"foo": "oops 198.51.100.8", "bar": 1}';

beforeAll(async () => {
  office = await openOffice();
});

afterAll(() => office[Symbol.asyncDispose]());

test("lists reasons and ids, never bodies", async () => {
  const [record = ""] = await office.quarantine([noLogin]);
  const { code, stdout } = await office.requester.recover(["quarantine", "list", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toContainEqual(
    expect.objectContaining({ record_id: record, reason: "not_a_login" }),
  );
  expect(stdout).not.toContain("198.51.100.8");
});

test("opens a body under a grant for bodies, byte for byte", async () => {
  const [record = ""] = await office.quarantine([noLogin]);
  const grant = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "body",
    "--quarantined",
    record,
  ]);
  const { code, stdout } = await office.requester.recover([
    "quarantine",
    "show",
    "--grant",
    grant,
    "--print",
    "--format",
    "jsonl",
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ record_id: record, body: noLogin });
});

test("opens nothing without approval, and nothing under a grant for fields", async () => {
  const [record = ""] = await office.quarantine([noLogin]);
  const pending = await ask(office.requester, [
    "unmask",
    "--field",
    "body",
    "--quarantined",
    record,
  ]);
  expect(
    await office.requester.recover(["quarantine", "show", "--grant", pending, "--print"]),
  ).toMatchObject({ code: 3, stdout: "" });
  const [row = ""] = await office.write([{ ip: "192.0.2.1", deviceId: "d" }]);
  const fields = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "ip",
    "--record",
    row,
  ]);
  expect(
    await office.requester.recover([
      "quarantine",
      "show",
      "--grant",
      fields,
      "--print",
      "--record",
      record,
    ]),
  ).toMatchObject({ code: 3, stdout: "" });
});

test("a retry that parses becomes a row, and the ledger's outcome changes with it", async () => {
  const [good = "", bad = ""] = await office.quarantine([login, noLogin]);
  const grant = await askApproved(office, office.custodian, ["retry", "--quarantined", good, bad]);
  const { code, stdout } = await office.custodian.recover([
    "quarantine",
    "retry",
    "--grant",
    grant,
    "--json",
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    written: 1,
    failed: 0,
    rejected: { not_a_login: 1 },
    refused: {},
  });
  expect(stdout).not.toContain("198.51.100");

  const outcomes = await office.admin(
    "SELECT record_id, outcome FROM maskline.ledger WHERE record_id = ANY ($1) ORDER BY record_id",
    [[good, bad]],
  );
  expect(outcomes).toEqual([
    { record_id: good, outcome: "row" },
    { record_id: bad, outcome: "quarantined" },
  ]);
  const still = await office.admin(
    "SELECT record_id FROM maskline.quarantine WHERE record_id = ANY ($1)",
    [[good, bad]],
  );
  expect(still).toEqual([{ record_id: bad }]);
  const rows = await office.admin(
    "SELECT user_id, device_type, locale, app_version, app_version_text FROM public.user_logins WHERE record_id = $1",
    [good],
  );
  expect(rows).toEqual([
    {
      user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
      device_type: "android",
      locale: "RU",
      app_version: 2,
      app_version_text: "2.3.0",
    },
  ]);

  const look = await askApproved(office, office.requester, [
    "unmask",
    "--field",
    "ip",
    "device_id",
    "--record",
    good,
  ]);
  const opened = await office.requester.recover([
    "unmask",
    "--grant",
    look,
    "--print",
    "--format",
    "jsonl",
  ]);
  expect(JSON.parse(opened.stdout)).toMatchObject({
    ip: "198.51.100.7",
    device_id: "593-47-5928",
    tokens: "match",
  });
});

test("a login that the database refuses as a row stays, is named, and keeps no other back", async () => {
  const [good = "", bad = ""] = await office.quarantine([
    login,
    login.replace("android", "forbidden"),
  ]);
  await office.admin(
    "ALTER TABLE public.user_logins ADD CONSTRAINT no_such_device CHECK (device_type <> 'forbidden')",
  );
  const grant = await askApproved(office, office.custodian, ["retry", "--quarantined", bad, good]);
  const argv = ["quarantine", "retry", "--grant", grant, "--json"];
  const { code, stdout } = await office.custodian.recover(argv);
  await office.admin("ALTER TABLE public.user_logins DROP CONSTRAINT no_such_device");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ written: 1, refused: { "23514": [bad] } });
  const still = await office.admin(
    "SELECT record_id FROM maskline.quarantine WHERE record_id = ANY ($1)",
    [[good, bad]],
  );
  expect(still).toEqual([{ record_id: bad }]);
});

test("nothing is retried while no recipient is primary: its original would be lost", async () => {
  const [record = ""] = await office.quarantine([login]);
  const grant = await askApproved(office, office.custodian, ["retry", "--quarantined", record]);
  const path = join(office.directory, "maskline.keyring.json");
  const text = await readFile(path, "utf8");
  const keyring = JSON.parse(text) as KeyringJson;
  const recipients = keyring.recipients.map((recipient) => ({ ...recipient, state: "pending" }));
  await writeFile(path, JSON.stringify({ ...keyring, recipients }));
  const argv = ["quarantine", "retry", "--grant", grant];
  const refused = await office.custodian.recover(argv);
  await writeFile(path, text);
  expect(refused.code).toBe(2);
  expect((await office.custodian.recover(argv)).code).toBe(0);
  const sealed = "SELECT 1 FROM maskline.vault WHERE record_id = $1";
  expect(await office.admin(sealed, [record])).toHaveLength(1);
});

test("a retried message is not retried twice", async () => {
  const [record = ""] = await office.quarantine([login]);
  const grant = await askApproved(office, office.custodian, [
    "retry",
    "--quarantined",
    record,
    "--max-records",
    "2",
  ]);
  const retry = () => office.custodian.recover(["quarantine", "retry", "--grant", grant, "--json"]);
  expect(JSON.parse((await retry()).stdout)).toMatchObject({ written: 1 });
  expect(JSON.parse((await retry()).stdout)).toMatchObject({ written: 0 });
});

test("purge deletes body and seed under a grant, and the ledger keeps the message out", async () => {
  const [record = ""] = await office.quarantine([noLogin]);
  const grant = await askApproved(office, office.custodian, ["erase", "--quarantined", record]);
  const { code, stdout } = await office.custodian.recover([
    "quarantine",
    "purge",
    "--grant",
    grant,
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain("Erased 1 record(s), 1 of them with a seed.");
  const left = await office.admin(
    `SELECT 'body' AS what FROM maskline.quarantine WHERE record_id = $1
     UNION ALL SELECT 'seed' FROM maskline.seed WHERE record_id = $1
     UNION ALL SELECT 'ledger' FROM maskline.ledger WHERE record_id = $1`,
    [record],
  );
  expect(left).toEqual([{ what: "ledger" }]);
});
