/** What an approver can judge by, though a grant names nobody: knowledge of the case, held against it. */

import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, type Office, openOffice } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import { bodyOf, type Message } from "../samples.ts";

const compared = ({ stdout }: Ended): unknown =>
  (JSON.parse(stdout) as { compared: unknown }).compared;

async function expectRefused(ended: Ended, code: string): Promise<void> {
  expect(ended).toMatchObject({ code: 3, stdout: "" });
  expect(ended.stderr).toContain(`(${code})`);
}

describe.each(testContracts)("$name", (contract) => {
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

  interface History {
    readonly grants: number;
    readonly records: number;
    readonly opened: readonly object[];
    readonly unusual: readonly string[];
  }

  /** As an approver sees it. */
  async function historyOf(grant: string): Promise<History> {
    const { stdout } = await office.approver.recover(["list", "--grant", grant, "--json"]);
    return (JSON.parse(stdout) as { history: History }).history;
  }

  async function open(grant: string): Promise<void> {
    await approve(grant);
    await office.colleague.recover(["unmask", "--grant", grant, "--print"]);
  }

  const fieldOf = (...terms: string[]): Promise<string> =>
    ask(office.colleague, ["unmask", "--field", office.field, ...terms]);

  test("says what the requester had opened, and what is unusual about the request", async () => {
    const [record = "", other = ""] = records;
    const first = await fieldOf("--record", record);
    expect(await historyOf(first)).toMatchObject({
      grants: 0,
      records: 0,
      opened: [],
      unusual: ["never_used"],
    });
    await open(first);
    const again = await fieldOf("--record", record);
    expect(await historyOf(again)).toEqual({
      days: 30,
      grants: 1,
      records: 1,
      opened: [
        {
          contract: contract.name,
          capability: "unmask",
          field: office.field,
          grants: 1,
          records: 1,
        },
      ],
      unusual: [],
    });
    const all = ["unmask", "--field", ...office.fields, "--record", record, other];
    const more = await ask(office.colleague, all);
    const { stdout } = await office.approver.recover(["deny", more, "--json"]);
    const { history } = JSON.parse(stdout) as { history: History };
    const isNew = office.fields.length > 1 ? ["new_field"] : [];
    expect(history.unusual).toEqual([...isNew, "most_records", "ticket_of_others"]);
    expect((await historyOf(await ask(office.colleague, all))).unusual).toContain("denied_before");
    const text = await office.approver.recover(["list", "--grant", more]);
    expect(text.stdout).toContain("In 30 days  1 grant(s) used, 1 record(s)");
    expect(text.stdout).toContain("more records than any grant that they have used (most_records)");
  });

  test("warns of an hour, of a day, and of a login that are unusual", async () => {
    const grant = await fieldOf("--record", records[0] ?? "");
    const shift = (hours: number) =>
      office.admin(
        "UPDATE recovery.access_grant SET created_at = (SELECT created_at FROM recovery.access_grant WHERE id = $1) - make_interval(hours => $2) WHERE requester = $3 AND id <> $1",
        [grant, hours, office.colleague.login],
      );
    for (let more = 0; more < 9; more++) await fieldOf("--record", records[0] ?? "");
    await shift(0);
    expect((await historyOf(grant)).unusual).toContain("busiest_day");
    await shift(23 + 24);
    expect((await historyOf(grant)).unusual).not.toContain("unusual_hour");
    await shift(12 + 24);
    const { unusual } = await historyOf(grant);
    expect(unusual).toContain("unusual_hour");
    expect(unusual).not.toContain("busiest_day");
    expect(unusual).not.toContain("reads_rows");
    await office.admin(`GRANT maskline_analyst TO ${office.colleague.login}`);
    expect((await historyOf(grant)).unusual).toContain("reads_rows");
    await office.admin(`REVOKE maskline_analyst FROM ${office.colleague.login}`);
  });
});
