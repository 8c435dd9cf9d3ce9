import { createTokenizer } from "@org/masking";
import { generateKeyring, resolveKeyring } from "@org/masking/keyring";
import {
  type AnyContract,
  createParser,
  createToRow,
  defineContract,
  masked,
  type MaskedRow,
  sampleMessages,
  subject,
  subjectOf,
  text,
  type Value,
} from "@org/schema";
import { describe, expect, it } from "vitest";

import { testContracts } from "./contracts.ts";

const recordId = "0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d";
const keyring = await resolveKeyring(generateKeyring().keyring, { env: {} });

interface Seen {
  at: { table: string; recordId: string };
  fields: Readonly<Record<string, string>>;
}

/** A sealer that seals nothing, but shows what it was given. */
function createSpy(): {
  readonly seen: Seen[];
  readonly seal: (at: Seen["at"], fields: Seen["fields"]) => never;
} {
  const seen: Seen[] = [];
  return { seen, seal: (at, fields) => ({ seen: seen.push({ at, fields }) }) as never };
}

/** Sample messages as they were sent, with the rows that they become. */
function* rowsOf(contract: AnyContract): Generator<{
  readonly message: Readonly<Record<string, Value | null>>;
  readonly row: MaskedRow<Readonly<Record<string, unknown>>>;
  readonly sealed: Seen | undefined;
}> {
  const parse = createParser(contract);
  const tokenizer = createTokenizer(keyring, { tenant: "t", fields: contract.tokenFields });
  const toRow = createToRow(contract, tokenizer);
  for (const { body } of sampleMessages(contract, { count: 300, seed: 5 })) {
    const parsed = parse(body);
    if (parsed.kind === "rejection") continue;
    const spy = createSpy();
    const row = toRow(parsed.message, { recordId, sealer: spy });
    yield { message: parsed.message, row, sealed: spy.seen[0] };
  }
}

describe.each(testContracts)("the rows of $name", (contract) => {
  const rows = [...rowsOf(contract)];
  const tokenizer = createTokenizer(keyring, { tenant: "t", fields: contract.tokenFields });
  const original = (tokenField: string): string =>
    contract.fields.find((field) => Object.hasOwn(field.views, tokenField))?.name ?? tokenField;

  const token = (field: string, value: unknown): unknown =>
    typeof value === "string" ? tokenizer.tokenize(field, value) : null;

  it("have the columns of the contract, but those of the delivery, in order", () => {
    const names = contract.columns
      .filter(({ from }) => from.kind !== "system")
      .map(({ name }) => name);
    for (const { row } of rows) expect(Object.keys(row.columns)).toEqual(names);
  });

  it("hold each plain value as it was read, and of each masked one the tokens", () => {
    expect(rows.length).toBeGreaterThan(250);
    for (const { message, row } of rows) {
      const expected = contract.columns.flatMap(({ name, from }) => {
        if (from.kind === "field") return [[name, message[from.name]]];
        return from.kind === "token"
          ? [[name, token(from.field, message[original(from.field)])]]
          : [];
      });
      expect(row.columns).toMatchObject(Object.fromEntries(expected));
    }
  });

  it("hold no masked value in any column", () => {
    const masked = contract.fields.filter(({ isMasked }) => isMasked).map(({ name }) => name);
    const leaked = rows.flatMap(({ message, row }) => {
      const stored = new Set(Object.values(row.columns));
      return masked.filter((name) => message[name] !== null && stored.has(message[name]));
    });
    expect(leaked).toEqual([]);
  });

  it("have sealed every masked value that is there and the subject's, under the table and the record", () => {
    for (const { message, row, sealed } of rows) {
      const fields = contract.fields.filter(
        ({ name, isMasked }) => (isMasked || name === contract.subject) && message[name] !== null,
      );
      expect(sealed).toEqual({
        at: { table: contract.table, recordId },
        fields: Object.fromEntries(fields.map(({ name }) => [name, String(message[name])])),
      });
      expect(row.vault).not.toBeNull();
      expect(subjectOf(contract, sealed?.fields ?? {})).toBe(subjectOf(contract, message));
    }
  });

  it("have no vault where originals are not kept", () => {
    const toRow = createToRow(contract, tokenizer);
    for (const { message } of rows.slice(0, 1)) {
      expect(toRow(message, { recordId, sealer: null }).vault).toBeNull();
    }
  });
});

describe("computed columns", () => {
  const tokenizer = { tokenize: () => "token" as never };
  const compute = (type: ReturnType<typeof text>, from: (fields: never) => unknown) => {
    const contract = defineContract({
      table: "rows",
      fields: { person: subject(text({ max: 9 })), secret: masked("exact/1") },
      computed: { result: { type, from: from as () => string } },
    });
    const parsed = createParser(contract)('{"person":"ada","secret":"plaintext"}');
    if (parsed.kind === "rejection") throw new Error(parsed.reason);
    const row = createToRow(contract, tokenizer)(parsed.message, { recordId, sealer: null });
    return [row.columns.result, parsed.oddities];
  };

  it("are computed from the plain fields", () => {
    expect(compute(text({ max: 9 }), ({ person }: { person: string }) => `${person}!`)).toEqual([
      "ada!",
      [],
    ]);
  });

  it("are never given plaintext of a masked field, whatever the compiler was told", () => {
    const fields = compute(text({ max: 99 }), (given: object) => JSON.stringify(given));
    expect(fields).toEqual(['{"person":"ada"}', []]);
  });

  it.each([
    ["has no value", () => null],
    ["gives what the type does not take", () => 7],
    ["gives what does not fit", () => "0123456789"],
    [
      "throws",
      () => {
        throw new Error("sentinel");
      },
    ],
  ])("are null and counted where the function %s", (_, from) => {
    expect(compute(text({ max: 9 }), from)).toEqual([null, ["result_not_text"]]);
  });

  it("are null and not counted where there is nothing to compute from", () => {
    expect(compute(text({ max: 9 }), () => undefined)).toEqual([null, []]);
  });
});
