import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenSourcesOf } from "../../src/open/compare.ts";
import { contracts } from "../contracts.ts";
import { ask, askApproved, type Office, openOffice } from "../office.ts";
import type { Ended } from "../run-recover.ts";
import type { Message } from "../samples.ts";

const askFor = (field: string): string[] => ["lookup", "--field", field, "--max-records", "3"];
const mac = (letter: string): string => `${letter.repeat(42)}A`;

describe.each(contracts)("$name", (contract) => {
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
  const find = (grant: string, field: string, value: string): Promise<Ended> =>
    office.requester.recover(
      ["lookup", "--grant", grant, "--field", field, "--json"],
      `${value}\n`,
    );

  test.each(tokenSourcesOf(contract))(
    "finds every record of a value by $tokenField, and shows it masked",
    async ({ tokenField, field }) => {
      const grant = await askApproved(office, office.requester, askFor(tokenField));
      const value = String(shared[field]);
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
    const grant = await askApproved(office, office.requester, askFor(office.field));
    const { stdout } = await find(grant, office.field, String(alone[office.field]));
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
    const grant = await askApproved(office, office.requester, askFor(office.field));
    const value = String(alone[office.field]);
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

  test("counts values, and ends when they are used up", async () => {
    const terms = ["lookup", "--field", office.field];
    const grant = await askApproved(office, office.requester, terms);
    const findNone = () =>
      office.requester.recover(
        ["lookup", "--grant", grant, "--field", office.field],
        String(office.sample()[office.field]),
      );
    expect(await findNone()).toMatchObject({ code: 0, stdout: "No record has it.\n" });
    expect(await findNone()).toMatchObject({ code: 3, stdout: "" });
  });

  test("takes the tokens of one value, one a key: not a list of guesses", async () => {
    const grant = await askApproved(office, office.requester, askFor(office.field));
    const refusedFor = async (tokens: readonly string[]): Promise<unknown> => {
      const [row] = await office.requester.query(
        "SELECT recovery.claim_lookup($1, $2, $3, $4) ->> 'refused' AS refused",
        [grant, office.field, tokens, randomUUID()],
      );
      return row?.["refused"];
    };
    expect(await refusedFor([`mk1.t1.${mac("x")}`, `mk1.t1.${mac("y")}`])).toBe("wrong_tokens");
    await expect(refusedFor(["erased"])).rejects.toMatchObject({ code: "22023" });
    expect(await refusedFor([`mk1.t1.${mac("x")}`, `mk1.t2.${mac("x")}`])).toBeNull();
  });

  test("needs an approved grant for that field", async () => {
    const value = String(shared[office.field]);
    const pending = await ask(office.requester, askFor(office.field));
    expect(await find(pending, office.field, value)).toMatchObject({ code: 3, stdout: "" });
    const approved = await askApproved(office, office.requester, askFor(office.field));
    for (const other of Object.keys(contract.tokenFields).filter((name) => name !== office.field)) {
      const ended = await find(approved, other, String(office.sample()[office.field]));
      expect(ended.code).not.toBe(0);
      expect(ended.stdout).toBe("");
    }
  });

  test("refuses what no token can be made of without repeating it", async () => {
    const strict = tokenSourcesOf(contract).find(({ norm }) => norm === "ip/1");
    const field = strict?.tokenField ?? "";
    const grant = await askApproved(office, office.requester, askFor(field));
    const ended = await find(grant, field, "192.0.2.010");
    expect(ended.code).toBe(2);
    expect(ended.stdout + ended.stderr).not.toContain("192.0.2.010");
  });

  test("an equal value is found in whatever spelling", async () => {
    const field = tokenSourcesOf(contract).find(({ norm }) => norm === "ip/1")?.tokenField ?? "";
    const [record] = await office.write([{ [field]: "192.0.2.10" }]);
    const grant = await askApproved(office, office.requester, askFor(field));
    const { stdout } = await find(grant, field, "::ffff:192.0.2.10");
    expect(JSON.parse(stdout)).toMatchObject([{ record_id: record }]);
  });

  test("a field that the contract does not mask is refused before anything is asked", async () => {
    const plain = contract.fields.find(({ isMasked }) => !isMasked)?.name ?? "";
    const { code, stderr } = await find(randomUUID(), plain, "x");
    expect(code).toBe(2);
    expect(stderr).toContain(Object.keys(contract.tokenFields).join(", "));
  });
});
