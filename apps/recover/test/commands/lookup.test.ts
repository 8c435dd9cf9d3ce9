import { randomUUID } from "node:crypto";
import { testContracts } from "@org/schema/test-contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenSourcesOf } from "@org/recovery";
import { ask, askApproved, type Office, openOffice, why } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import { type Message, strictFieldOf } from "../samples.ts";

const mac = (letter: string): string => `${letter.repeat(42)}A`;

describe.each(testContracts)("$name", (contract) => {
  let office: Office;
  let shared: Message;
  let alone: Message;
  let records: string[];

  beforeAll(async () => {
    office = await openOffice(contract);
    shared = office.sample();
    alone = office.sample();
    const again = { ...office.sample(), ...valuesOf(shared) };
    records = await office.write([shared, again, alone]);
  });

  afterAll(() => office[Symbol.asyncDispose]());

  /** The masked values of a message. */
  const valuesOf = (message: Message): Partial<Message> =>
    Object.fromEntries(office.fields.map((field) => [field, message[field]]));
  const askFor = (field: string, value: string): Promise<string> =>
    askApproved(office, office.requester, ["lookup", "--field", field], value);
  const find = (grant: string, field: string, value: string): Promise<Ended> =>
    office.requester.recover(
      ["lookup", "--grant", grant, "--field", field, "--json"],
      `${value}\n`,
    );

  test.each(tokenSourcesOf(contract))(
    "finds every record of a value by $tokenField, and shows it masked",
    async ({ tokenField, field }) => {
      const value = String(shared[field]);
      const grant = await askFor(tokenField, value);
      const { code, stdout } = await find(grant, tokenField, value);
      expect(code).toBe(0);
      const found = JSON.parse(stdout) as Record<string, string>[];
      const ids = found.map(({ record_id: id }) => id);
      // Of a network there may be another address.
      const isExact = tokenField === field;
      expect(isExact ? ids : ids.slice(0, 2)).toEqual(records.slice(0, 2));
      for (const row of found) {
        for (const name of office.fields) expect(Object.values(row)).not.toContain(shared[name]);
      }
    },
  );

  test("shows the row's columns in the contract's order", async () => {
    const value = String(alone[office.field]);
    const grant = await askFor(office.field, value);
    const { stdout } = await find(grant, office.field, value);
    const [row = {}] = JSON.parse(stdout) as Record<string, string | null>[];
    const names = Object.keys(row);
    const columns = contract.columns.map(({ name }) => name);
    const shown = columns.filter((name) => names.includes(name));
    expect(names.filter((name) => shown.includes(name)).slice(1, -1)).toEqual(
      shown.filter((name) => name !== "record_id" && name !== "sent_at"),
    );
    expect(names).toEqual(expect.arrayContaining(contract.fields.map(({ column }) => column)));
    const texts = contract.fields.filter(({ isMasked, kind }) => !isMasked && kind === "text");
    for (const { name, column } of texts) expect(row[column]).toBe(alone[name]);
  });

  test("the audit names the tokens, never the value", async () => {
    const value = String(alone[office.field]);
    const grant = await askFor(office.field, value);
    await find(grant, office.field, value);
    const [intent] = await office.admin(
      "SELECT detail FROM recovery.audit WHERE grant_id = $1 AND action = 'intent'",
      [grant],
    );
    const [row] = await office.admin(
      `SELECT ${office.column} AS token FROM ${office.table} WHERE record_id = $1`,
      [records[2]],
    );
    expect(JSON.parse(String(intent?.["detail"]))).toMatchObject({
      contract: contract.name,
      fields: [office.field],
      tokens: [row?.["token"]],
    });
    const leaks = await office.admin("SELECT 1 FROM recovery.audit WHERE audit::text LIKE $1", [
      `%${value}%`,
    ]);
    expect(leaks).toEqual([]);
  });

  test("counts look-ups, and ends when they are used up", async () => {
    const value = String(office.sample()[office.field]);
    const grant = await askFor(office.field, value);
    const findNone = () =>
      office.requester.recover(["lookup", "--grant", grant, "--field", office.field], value);
    expect(await findNone()).toMatchObject({ code: 0, stdout: "No record has it.\n" });
    expect(await findNone()).toMatchObject({ code: 3, stdout: "" });
  });

  test("finds the value that was approved, and no other", async () => {
    const grant = await askFor(office.field, String(alone[office.field]));
    const ended = await find(grant, office.field, String(shared[office.field]));
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    expect(ended.stderr).toContain("(wrong_value)");
    const [row] = await office.requester.query(
      "SELECT recovery.claim_lookup($1, $2, $3, $4) ->> 'refused' AS refused",
      [grant, office.field, [`mk1.t1.${mac("x")}`], randomUUID()],
    );
    expect(row?.["refused"]).toBe("wrong_value");
  });

  test("takes the tokens of one value, one a key: not a list of guesses", async () => {
    const tokens = [`mk1.t1.${mac("x")}`, `mk1.t2.${mac("x")}`];
    const askBy = async (named: readonly string[], fields = [office.field]): Promise<unknown> => {
      const [row] = await office.requester.query("SELECT recovery.request_access($1) AS answer", [
        {
          tenant: "default",
          contract: contract.name,
          capability: "lookup",
          fields,
          selector: { kind: "value", tokens: named },
          purpose: "fraud",
          ticket: "T",
          justification: "J",
          reveal: "full",
          maxRecords: 9,
          minutes: 60,
        },
      ]);
      return row?.["answer"];
    };
    expect(await askBy([`mk1.t1.${mac("x")}`, `mk1.t1.${mac("y")}`])).toEqual({
      refused: "wrong_tokens",
    });
    expect(await askBy([])).toEqual({ refused: "malformed_selector" });
    expect(await askBy(["erased"])).toEqual({ refused: "malformed_selector" });
    expect(await askBy(tokens, Object.keys(contract.tokenFields))).toEqual({
      refused: "wrong_fields",
    });
    const { grant } = (await askBy(tokens)) as { grant: string };
    const selector = JSON.stringify({ kind: "value", tokens });
    await office.requester.query("SELECT recovery.resolve_request($1, $2)", [grant, selector]);
    await office.approver.recover(["approve", grant]);
    const refusedFor = async (tokens: readonly string[]): Promise<unknown> => {
      const [row] = await office.requester.query(
        "SELECT recovery.claim_lookup($1, $2, $3, $4) ->> 'refused' AS refused",
        [grant, office.field, tokens, randomUUID()],
      );
      return row?.["refused"];
    };
    await expect(refusedFor(["erased"])).rejects.toMatchObject({ code: "22023" });
    expect(await refusedFor(tokens)).toBeNull();
  });

  test("needs an approved grant for that field", async () => {
    const value = String(shared[office.field]);
    const pending = await ask(office.requester, ["lookup", "--field", office.field], value);
    expect(await find(pending, office.field, value)).toMatchObject({ code: 3, stdout: "" });
    const approved = await askFor(office.field, value);
    for (const other of Object.keys(contract.tokenFields).filter((name) => name !== office.field)) {
      const ended = await find(approved, other, String(office.sample()[office.field]));
      expect(ended.code).not.toBe(0);
      expect(ended.stdout).toBe("");
    }
  });

  test("refuses what no token can be made of without repeating it", async () => {
    const { field, refused } = strictFieldOf(contract);
    const grant = await askFor(field, String(office.sample()[field]));
    const ended = await find(grant, field, refused);
    expect(ended.code).toBe(2);
    const asked = ["request", "lookup", "--field", field, ...why];
    expect(await office.requester.recover(asked, refused)).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stdout + ended.stderr).not.toContain(refused);
  });

  test("an equal value is found in whatever spelling", async () => {
    const { field, one, another } = strictFieldOf(contract);
    const [record] = await office.write([{ [field]: one }]);
    const grant = await askFor(field, one);
    const { stdout } = await find(grant, field, another);
    expect(JSON.parse(stdout)).toMatchObject([{ record_id: record }]);
  });

  test("a field that the contract does not mask is refused before anything is asked", async () => {
    const plain = contract.fields.find(({ isMasked }) => !isMasked)?.name ?? "";
    const { code, stderr } = await find(randomUUID(), plain, "x");
    expect(code).toBe(2);
    expect(stderr).toContain(Object.keys(contract.tokenFields).join(", "));
  });
});
