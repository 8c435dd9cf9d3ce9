import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KeyringJson } from "@org/masking/keyring";
import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, askApproved, type Office, openOffice } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import { bodyOf } from "../samples.ts";

const wrongShape = '{"foo": "oops 198.51.100.8", "bar": 1}';

describe.each(testContracts)("$name", (contract) => {
  let office: Office;

  beforeAll(async () => {
    office = await openOffice(contract);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  const body = (): string => bodyOf(office.sample());
  const show = (grant: string, ...argv: string[]): Promise<Ended> =>
    office.requester.recover(["quarantine", "show", "--grant", grant, "--print", ...argv]);
  const askRetry = (...argv: string[]): Promise<string> =>
    askApproved(office, office.custodian, ["retry", "--quarantined", ...argv]);
  const retry = (grant: string): Promise<Ended> =>
    office.custodian.recover(["quarantine", "retry", "--grant", grant, "--json"]);
  const rowOf = async (record: string): Promise<Record<string, unknown>> => {
    const sql = `SELECT * FROM ${office.table} WHERE record_id = $1`;
    const [row] = await office.admin(sql, [record]);
    return row ?? {};
  };

  test("lists reasons, contract and ids, never bodies", async () => {
    const [record = ""] = await office.quarantine([wrongShape]);
    const { code, stdout } = await office.requester.recover(["quarantine", "list", "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toContainEqual(
      expect.objectContaining({
        record_id: record,
        contract: contract.name,
        reason: `not_a_${contract.name}`,
      }),
    );
    expect(stdout).not.toContain("198.51.100.8");
  });

  test("opens a body under a grant for bodies, byte for byte", async () => {
    const [record = ""] = await office.quarantine([wrongShape]);
    const terms = ["unmask", "--field", "body", "--quarantined", record];
    const grant = await askApproved(office, office.requester, terms);
    const { code, stdout } = await show(grant, "--format", "jsonl");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ record_id: record, body: wrongShape });
  });

  test("opens nothing without approval, and nothing under a grant for fields", async () => {
    const [record = ""] = await office.quarantine([wrongShape]);
    const terms = ["unmask", "--field", "body", "--quarantined", record];
    const pending = await ask(office.requester, terms);
    expect(await show(pending)).toMatchObject({ code: 3, stdout: "" });
    const [row = ""] = await office.write([office.sample()]);
    const fields = await askApproved(office, office.requester, [
      "unmask",
      "--field",
      office.field,
      "--record",
      row,
    ]);
    expect(await show(fields, "--record", record)).toMatchObject({ code: 3, stdout: "" });
  });

  test("a retry that parses becomes the row that the consumer would have written", async () => {
    const message = office.sample();
    const [written = ""] = await office.write([message]);
    const [good = "", bad = ""] = await office.quarantine([bodyOf(message), wrongShape]);
    const { code, stdout } = await retry(await askRetry(good, bad));
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      written: 1,
      failed: 0,
      rejected: { [`not_a_${contract.name}`]: 1 },
      refused: {},
    });
    for (const field of office.fields) expect(stdout).not.toContain(String(message[field]));

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
    const expected = await rowOf(written);
    const { record_id, message_id, sent_at, ...columns } = await rowOf(good);
    expect({ record_id, message_id, sent_at }).toMatchObject({
      record_id: good,
      message_id: good,
    });
    expect(expected).toMatchObject(columns);
    expect(Object.keys(columns)).toHaveLength(contract.columns.length - 3);

    const look = ["unmask", "--field", ...office.fields, "--record", good];
    const grant = await askApproved(office, office.requester, look);
    const opened = await office.requester.recover([
      "unmask",
      "--grant",
      grant,
      "--print",
      "--format",
      "jsonl",
    ]);
    expect(JSON.parse(opened.stdout)).toMatchObject({
      ...Object.fromEntries(office.fields.map((field) => [field, message[field]])),
      tokens: "match",
    });
  });

  test("a message that the database refuses as a row stays, is named, and keeps no other back", async () => {
    const [good = "", bad = ""] = await office.quarantine([body(), body()]);
    await office.admin(
      `ALTER TABLE ${office.table} ADD CONSTRAINT not_this CHECK (record_id <> '${bad}')`,
    );
    const { code, stdout } = await retry(await askRetry(bad, good));
    await office.admin(`ALTER TABLE ${office.table} DROP CONSTRAINT not_this`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ written: 1, refused: { "23514": [bad] } });
    const still = await office.admin(
      "SELECT record_id FROM maskline.quarantine WHERE record_id = ANY ($1)",
      [[good, bad]],
    );
    expect(still).toEqual([{ record_id: bad }]);
  });

  test("nothing is retried while no recipient is primary: its original would be lost", async () => {
    const [record = ""] = await office.quarantine([body()]);
    const grant = await askRetry(record);
    const path = join(office.directory, "maskline.keyring.json");
    const text = await readFile(path, "utf8");
    const keyring = JSON.parse(text) as KeyringJson;
    const recipients = keyring.recipients.map((recipient) => ({ ...recipient, state: "pending" }));
    await writeFile(path, JSON.stringify({ ...keyring, recipients }));
    const refused = await retry(grant);
    await writeFile(path, text);
    expect(refused.code).toBe(2);
    expect((await retry(grant)).code).toBe(0);
    const sealed = "SELECT 1 FROM maskline.vault WHERE record_id = $1";
    expect(await office.admin(sealed, [record])).toHaveLength(1);
  });

  test("a retried message is not retried twice", async () => {
    const [record = ""] = await office.quarantine([body()]);
    const grant = await askRetry(record, "--max-records", "2");
    expect(JSON.parse((await retry(grant)).stdout)).toMatchObject({ written: 1 });
    expect(JSON.parse((await retry(grant)).stdout)).toMatchObject({ written: 0 });
  });

  test("purge deletes body and seed under a grant, and the ledger keeps the message out", async () => {
    const [record = ""] = await office.quarantine([wrongShape]);
    const terms = ["erase", "--quarantined", record];
    const grant = await askApproved(office, office.custodian, terms);
    const argv = ["quarantine", "purge", "--grant", grant];
    const { code, stdout } = await office.custodian.recover(argv);
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
});
