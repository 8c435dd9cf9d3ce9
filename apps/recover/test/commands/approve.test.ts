/** What an approver can judge by, though a grant names nobody: knowledge of the case, held against it. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contracts } from "../contracts.ts";
import { ask, type Office, openOffice } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import { bodyOf, type Message } from "../samples.ts";

const compared = ({ stdout }: Ended): unknown =>
  (JSON.parse(stdout) as { compared: unknown }).compared;

async function expectRefused(ended: Ended, code: string): Promise<void> {
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toContain(`(${code})`);
}

describe.each(contracts)("$name", (contract) => {
  let office: Office;
  let mine: Message;
  let theirs: Message;
  let records: string[];

  beforeAll(async () => {
    office = await openOffice(contract);
    mine = office.sample();
    theirs = office.sample();
    records = await office.write([mine, theirs]);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  const subjectOf = (message: Message): string => String(message[contract.subject]);
  const unmask = (...terms: string[]): Promise<string> =>
    ask(office.requester, ["unmask", "--field", ...office.fields, ...terms]);
  const approve = (grant: string, ...argv: string[]): Promise<Ended> =>
    office.approver.recover(["approve", grant, ...argv]);
  async function lastRow(): Promise<unknown> {
    const [row] = await office.admin(
      "SELECT action, detail::jsonb AS detail FROM recovery.audit ORDER BY seq DESC LIMIT 1",
    );
    return row;
  }
  test("a request for the subject of the ticket is approved, one for another is not signed", async () => {
    const grant = await unmask("--subject", subjectOf(mine));
    await expectRefused(await approve(grant, "--subject", subjectOf(theirs)), "wrong_subject");
    expect(await lastRow()).toMatchObject({
      action: "compared",
      detail: { named: false, records: 0 },
    });
    const ended = await approve(grant, "--subject", subjectOf(mine), "--json");
    expect(ended.code).toBe(0);
    expect(compared(ended)).toEqual({ what: "subject", isNamed: true, records: 1 });
  });

  test("of a request that names nobody, the database says how many records are the subject's", async () => {
    const both = await unmask("--record", ...records);
    await expectRefused(await approve(both, "--subject", subjectOf(mine)), "not_all_of_subject");
    expect(await lastRow()).toMatchObject({
      action: "compared",
      detail: { named: null, records: 1 },
    });
    const one = await unmask("--record", records[0] ?? "");
    const { code, stdout } = await approve(one, "--subject", subjectOf(mine));
    expect(code).toBe(0);
    expect(stdout).toContain("names no subject; 1 of its 1 record(s) are of it, says the database");
  });

  test("a request to erase a subject is compared like one to open", async () => {
    const grant = await ask(office.custodian, ["erase", "--subject", subjectOf(mine)]);
    await expectRefused(await approve(grant, "--subject", subjectOf(theirs)), "wrong_subject");
    expect((await approve(grant, "--subject", subjectOf(mine))).code).toBe(0);
  });

  test("quarantined messages are compared by their tags", async () => {
    const [body = ""] = await office.quarantine([bodyOf(mine)]);
    const argv = ["unmask", "--field", "body", "--quarantined", body];
    const grant = await ask(office.requester, argv);
    await expectRefused(await approve(grant, "--subject", subjectOf(theirs)), "not_all_of_subject");
    expect((await approve(grant, "--subject", subjectOf(mine))).code).toBe(0);
  });

  test("a look-up is approved for the value of the ticket, and no other is signed", async () => {
    const value = String(mine[office.field]);
    const terms = ["lookup", "--field", office.field];
    const grant = await ask(office.requester, terms, value);
    const other = await approve(grant, "--value", String(theirs[office.field]));
    await expectRefused(other, "wrong_value");
    const typed = await office.approver.recover(
      ["approve", grant, "--value", "-", "--json"],
      value,
    );
    expect(compared(typed)).toEqual({ what: "value", isNamed: true, records: null });
  });

  test("a request by token is compared with the value", async () => {
    const [row] = await office.admin(
      `SELECT ${office.column} AS token FROM ${office.table} WHERE record_id = $1`,
      [records[0]],
    );
    const grant = await unmask("--token", String(row?.["token"]));
    const other = await approve(grant, "--value", String(theirs[office.field]));
    await expectRefused(other, "wrong_value");
    const ended = await approve(grant, "--value", String(mine[office.field]), "--json");
    expect(compared(ended)).toMatchObject({ isNamed: true, records: 1 });
  });

  test("a database that says yes for another subject is not believed", async () => {
    const grant = await unmask("--subject", subjectOf(mine));
    const [function_] = await office.admin(
      "SELECT pg_get_functiondef('recovery.comparison_of'::regproc) AS definition",
    );
    await office.admin(`CREATE OR REPLACE FUNCTION recovery.comparison_of(p_comparison uuid) RETURNS jsonb
      LANGUAGE sql SECURITY DEFINER AS $$ SELECT jsonb_build_object('isNamed', true, 'records', 1,
        'salt', encode(subject_salt, 'hex')) FROM recovery.access_grant WHERE id = '${grant}' $$`);
    try {
      const ended = await approve(grant, "--subject", subjectOf(theirs));
      expect(ended).toMatchObject({ code: 30, stdout: "" });
      expect(ended.stderr).toContain("Nothing was signed");
    } finally {
      await office.admin(String(function_?.["definition"]));
    }
  });

  test("a comparison leaves nothing of the value behind, and is bounded an hour", async () => {
    const grant = await unmask("--subject", subjectOf(mine));
    await approve(grant, "--subject", "somebody-else@example.com");
    const kept = await office.admin(
      `SELECT 1 FROM recovery.audit WHERE audit::text LIKE '%somebody-else%'
       UNION ALL SELECT 1 FROM recovery.comparison WHERE comparison::text LIKE '%somebody-else%'`,
    );
    expect(kept).toEqual([]);
    await office.admin("UPDATE recovery.policy SET comparisons_per_hour = 1");
    try {
      const ended = await approve(grant, "--subject", subjectOf(mine));
      await expectRefused(ended, "too_many_comparisons");
    } finally {
      await office.admin("UPDATE recovery.policy SET comparisons_per_hour = 1000");
    }
  });

  test("says nothing that a rollback would leave without a trace", async () => {
    const grant = await unmask("--record", ...records);
    const isMasked = contract.fields.some(
      ({ name, isMasked: masked }) => name === contract.subject && masked,
    );
    const [given, tokens] = isMasked
      ? [null, [`mk1.t1.${"x".repeat(42)}A`]]
      : [subjectOf(mine), null];
    const [row] = await office.approver.query(
      `WITH asked AS MATERIALIZED (SELECT recovery.compare_request($1, 'subject', $2, $3) AS answer)
       SELECT recovery.comparison_of((answer ->> 'comparison')::uuid) AS told FROM asked`,
      [grant, given, tokens],
    );
    expect(row).toEqual({ told: null });
  });

  test("a grant shows no salt to whoever did not ask for it", async () => {
    const grant = await unmask("--subject", subjectOf(mine));
    const seen = async (person: Office["approver"]): Promise<unknown> =>
      JSON.parse((await person.recover(["list", "--grant", grant, "--json"])).stdout) as object;
    expect(await seen(office.requester)).toMatchObject({
      subjectSalt: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    expect(await seen(office.approver)).toMatchObject({ subjectSalt: null });
    expect(await seen(office.auditor)).toMatchObject({ subjectSalt: null });
  });
});
