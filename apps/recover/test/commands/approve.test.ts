/** What an approver can judge by, though a grant names nobody: knowledge of the case, held against it. */

import { join } from "node:path";
import { createTokenizer, type Tokenizer } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { tagField, tagFields } from "@org/schema";
import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commitTo, plainSubject } from "@org/recovery";
import { ask, type Office, openOffice, type Person, tenant } from "../office.ts";
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
    expect(await lastRow()).toMatchObject({ action: "compared", detail: { what: "subject" } });
    const ended = await approve(grant, "--subject", subjectOf(mine), "--json");
    expect(ended.code).toBe(0);
    expect(compared(ended)).toEqual({ what: "subject", isNamed: true, records: 1 });
  });

  test("of a request that names nobody, the database says how many records are the subject's", async () => {
    const both = await unmask("--record", ...records);
    await expectRefused(await approve(both, "--subject", subjectOf(mine)), "not_all_of_subject");
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
      "SELECT pg_get_functiondef('recovery.answer_comparison'::regproc) AS definition",
    );
    await office.admin(`CREATE OR REPLACE FUNCTION recovery.answer_comparison(p_comparison uuid, p_subject text, p_tokens text[]) RETURNS jsonb
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
       SELECT recovery.answer_comparison((answer ->> 'comparison')::uuid, $2, $3) AS told FROM asked`,
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
    expect(text.stdout).toContain("In 30 days   1 grant(s) used, 1 record(s)");
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

  async function openTokenizer(): Promise<Tokenizer<string>> {
    await office.custodian.recover(["keys", "add", "--token"]);
    const keyring = await loadKeyring(join(office.directory, "maskline.keyring.json"), { env: {} });
    const fields = { ...contract.tokenFields, ...tagFields(contract) };
    return createTokenizer<string>(keyring, { tenant, fields });
  }

  /** Of a selector that the tool would not make. */
  async function askInPsql(person: Person, terms: object): Promise<string> {
    const asked = { tenant, contract: contract.name, purpose: "fraud", ticket: "T-1" };
    const rest = { justification: "A guess", reveal: "full", maxRecords: null, minutes: 60 };
    const [row] = await person.query("SELECT recovery.request_access($1) ->> 'grant' AS id", [
      { ...asked, ...rest, ...terms },
    ]);
    const { selector } = terms as { selector: object };
    for (let isDone = false; !isDone;) {
      const resolve = "SELECT recovery.resolve_request($1, $2) ->> 'isDone' AS done";
      const [resolved] = await person.query(resolve, [row?.["id"], selector]);
      isDone = resolved?.["done"] !== "false";
    }
    return String(row?.["id"]);
  }

  test("a look-up of two values, one a key, is approved for neither", async () => {
    const tokenizer = await openTokenizer();
    const of = (message: Message): string[] =>
      tokenizer.candidates(office.field, String(message[office.field]));
    const tokens = [of(mine)[0], of(theirs)[1]];
    const grant = await askInPsql(office.requester, {
      capability: "lookup",
      fields: [office.field],
      selector: { kind: "value", tokens },
    });
    for (const message of [mine, theirs]) {
      const ended = await approve(grant, "--value", String(message[office.field]));
      expect(ended.code).toBe(3);
      await expectRefused(ended, "wrong_tokens");
    }
  });

  test("an erasure of one subject with tokens or tags of another is approved for neither", async () => {
    const tokenizer = await openTokenizer();
    await office.quarantine([bodyOf(mine), bodyOf(theirs)]);
    const isMasked = contract.subject in contract.tokenFields;
    const tags = (message: Message): string[] =>
      tokenizer.candidates(tagField, plainSubject(contract, subjectOf(message)));
    const named = (...messages: Message[]): object =>
      isMasked
        ? {
            tokens: messages.flatMap((one) =>
              tokenizer.candidates(contract.subject, subjectOf(one)),
            ),
          }
        : { subject: plainSubject(contract, subjectOf(mine)) };
    const erase = (terms: object): Promise<string> => {
      const selector = { kind: "subject", ...commitTo(contract, subjectOf(mine)), ...terms };
      return askInPsql(office.custodian, { capability: "erase", fields: [], selector });
    };
    const both = [...tags(mine), ...tags(theirs)];
    const mixed = [{ ...named(mine), tags: both }];
    if (isMasked) mixed.push({ ...named(mine, theirs), tags: tags(mine) });
    for (const terms of mixed) {
      const ended = await approve(await erase(terms), "--subject", subjectOf(mine));
      await expectRefused(ended, "wrong_tokens");
    }
    const honest = await erase({ ...named(mine), tags: tags(mine) });
    expect((await approve(honest, "--subject", subjectOf(mine))).code).toBe(0);
  });
});
