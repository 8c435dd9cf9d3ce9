import {
  type AnyContract,
  type Column,
  ContractError,
  defineContract,
  integer,
  masked,
  numeric,
  optional,
  subject,
  text,
  timestamp,
} from "@org/schema";
import { describe, expect, it } from "vitest";

import { testContracts } from "./contracts.ts";

const person = subject(text({ max: 128 }));

const one = (): number => 1;

/** What is wrong with a definition that no compiler has seen. */
function faultsOf(definition: unknown): readonly string[] {
  try {
    defineContract(definition as Parameters<typeof defineContract>[0]);
  } catch (error) {
    if (error instanceof ContractError) return error.faults;
    throw error;
  }
  return [];
}

/** What is wrong with a contract of these fields and a subject. */
function faultsOfFields(fields: object, computed?: object): readonly string[] {
  return faultsOf({ table: "rows", fields: { person, ...fields }, ...(computed && { computed }) });
}

describe.each(testContracts)("the contract $name", (contract) => {
  it("has one column for each field, view and computed column, and those of a delivery", () => {
    const sources = contract.columns.map(({ name, from }) => sourceOf(name, from));
    const views = contract.fields.flatMap((field) => Object.keys(field.views));
    expect(sources.toSorted()).toEqual(
      [
        ...contract.fields.map(({ name }) => name),
        ...views,
        ...Object.keys(contract.definition.computed ?? {}).map((name) => `computed ${name}`),
        ...["create_date", "message_id", "record_id", "sent_at"].map((name) => `system ${name}`),
      ].toSorted(),
    );
  });

  it("makes tokens of what is masked and its views, and of nothing else", () => {
    const tokens = contract.columns.flatMap(({ from }) =>
      from.kind === "token" ? from.field : [],
    );
    expect(Object.keys(contract.tokenFields).toSorted()).toEqual(tokens.toSorted());
    for (const { name, isMasked } of contract.fields) {
      expect(Object.hasOwn(contract.tokenFields, name)).toBe(isMasked);
    }
  });

  it("has a subject among its fields that is never null", () => {
    const field = contract.fields.find(({ name }) => name === contract.subject);
    expect(field?.isOptional).toBe(false);
  });

  it("names no reason and no oddity twice, nor longer than the quarantine holds", () => {
    for (const codes of [contract.reasons, contract.oddities]) {
      expect(new Set(codes).size).toBe(codes.length);
      expect(Math.max(...codes.map((code) => code.length))).toBeLessThanOrEqual(64);
    }
  });

  it("is frozen, down to its fields", () => {
    expect(isFrozen(contract)).toBe(true);
  });

  it("can be defined again from its own definition", () => {
    const again: AnyContract = defineContract(
      contract.definition as Parameters<typeof defineContract>[0],
    );
    expect(again).toEqual(contract);
  });
});

function sourceOf(name: string, from: Column["from"]): string {
  if (from.kind === "token") return from.field;
  return from.kind === "field" ? from.name : `${from.kind} ${name}`;
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== "object" || value === null || value instanceof RegExp) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozen);
}

describe("defineContract", () => {
  it("tells every fault at once, each with what to do", () => {
    expect(
      faultsOf({
        tabel: "rows",
        table: "Rows",
        fields: { a: "text", b: text({ max: 0 }), c: text({ max: 1, column: "b" }) },
      }),
    ).toEqual([
      '"tabel" says nothing here: use name, table, fields, computed.',
      'The table "Rows" is no name: use 1 to 54 of a-z, 0-9 and _, no digit first.',
      'Field "a" has no policy: say one, as text({ max: 32 }) or masked("exact/1").',
      'Field "b" has no bound: say max, a whole number from 1 to 65536.',
      "A contract has one subject, but this one none: say one, as subject(text({ max: 128 })).",
      'Field "b" and Field "c" go to one column, "b": say another for one of them.',
    ]);
  });

  it("throws an error that names the contract and lists the faults", () => {
    expect(() => defineContract({ table: "vault", fields: { person } })).toThrow(
      new ContractError("vault", [
        'The table "vault" is the service\'s own: give yours another name.',
      ]),
    );
  });

  it.each([7, "", "Rows", "1rows", "ro-ws", "r".repeat(55)])("refuses %j for a name", (name) => {
    expect(faultsOf({ name, table: "rows", fields: { person } })).toHaveLength(1);
    expect(faultsOf({ table: name, fields: { person } })).not.toEqual([]);
  });

  it.each([
    "batch_key",
    "contract",
    "erased",
    "ledger",
    "quarantine",
    "schema_version",
    "seed",
    "vault",
  ])("refuses the service's own table %s", (table) => {
    expect(faultsOf({ table, fields: { person } })).toHaveLength(1);
  });

  it.each(["create_date", "message_id", "sent_at", "record_id", "ctid", "xmin", "tableoid"])(
    "refuses a column %s, by rule or said",
    (column) => {
      expect(faultsOfFields({ [column]: integer() })).toHaveLength(1);
      expect(faultsOfFields({ a: integer({ column }) })).toHaveLength(1);
      expect(faultsOfFields({}, { [column]: { type: integer(), from: () => 1 } })).toHaveLength(1);
    },
  );

  it("takes a name of 63 bytes for a column, and no longer one", () => {
    expect(faultsOfFields({ a: integer({ column: "c".repeat(63) }) })).toEqual([]);
    expect(faultsOfFields({ a: integer({ column: "c".repeat(64) }) })).toHaveLength(1);
  });

  it.each(["camelCase", "kebab-case"])("wants a column said for a field %s", (name) => {
    expect(faultsOfFields({ [name]: integer() })).toHaveLength(1);
    expect(faultsOfFields({ [name]: integer({ column: "c" }) })).toEqual([]);
  });

  it.each(["", "a b", "1a", "-a", "a.b", "é", "a".repeat(54)])(
    "refuses a field named %j",
    (name) => {
      expect(faultsOfFields({ [name]: integer({ column: "c" }) })).toHaveLength(1);
    },
  );

  it("refuses a field that no body can hold", () => {
    const fields = Object.fromEntries([["__proto__", integer({ column: "c" })]]);
    expect(faultsOfFields(fields)).toHaveLength(1);
  });

  it("refuses more fields than a body can hold", () => {
    const fields = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`f${at}`, integer()]));
    expect(faultsOfFields(fields)).toHaveLength(1);
  });

  it.each([
    [
      "two views of one name",
      {
        a: masked("ip/1", { views: { v: "ip-net/1" } }),
        b: masked("ip/1", { views: { v: "ip-net/1" } }),
      },
    ],
    [
      "a view with a field's name",
      { a: masked("ip/1", { views: { b: "ip-net/1" } }), b: integer() },
    ],
    [
      "a view that goes to a field's column",
      { a: masked("ip/1", { views: { v: "ip-net/1" } }), b: integer({ column: "masked_v" }) },
    ],
  ])("refuses %s", (_, fields) => {
    expect(faultsOfFields(fields)).not.toEqual([]);
  });

  it.each([
    ["no subject", { a: integer() }],
    ["two", { a: person, b: person }],
    ["one that is optional", { a: { ...person, isOptional: true } }],
    ["one whose text differs from PostgreSQL's", { a: { ...timestamp(), isSubject: true } }],
  ])("refuses a contract with %s for its subject", (_, fields) => {
    expect(faultsOf({ table: "rows", fields })).toHaveLength(1);
  });

  it.each([
    ["no bound", text({} as { max: number })],
    ["a bound that is empty", text({ max: 0 })],
    ["a bound beyond any body", text({ max: 65_537 })],
    ["an option of another kind", text({ max: 1, precision: 1 } as { max: number })],
    ["an unknown norm", masked("exact/2" as "exact/1")],
    ["an unknown norm of a view", masked("ip/1", { views: { v: "ip-nat/1" as "ip-net/1" } })],
    ["a usual form with a memory", text({ max: 9, usual: /a/g })],
    ["a usual form that is none", text({ max: 9, usual: "a" as unknown as RegExp })],
    ["an example that it refuses", text({ max: 2, example: "abc" })],
    ["an example that its norm refuses", masked("ip/1", { example: ["1.2.3.4", "1.2.3"] })],
    ["no example in a list of them", text({ max: 2, example: [] })],
    ["a scale without a precision", numeric({ scale: 2 })],
    ["a scale beyond its precision", numeric({ precision: 2, scale: 3 })],
    ["a precision beyond PostgreSQL's", numeric({ precision: 1_001 })],
  ])("refuses a field with %s", (_, field) => {
    expect(faultsOfFields({ field })).toHaveLength(1);
  });

  it.each([
    ["of no type", { type: "integer", from: one }],
    ["that is masked", { type: masked("ip/1"), from: one }],
    ["that is optional", { type: optional(integer()), from: one }],
    ["with a column of its own", { type: integer({ column: "d" }), from: one }],
    ["from nothing", { type: integer() }],
    ["that is null", null],
  ])("refuses a computed column %s", (_, computed) => {
    expect(faultsOfFields({}, { c: computed })).not.toEqual([]);
  });

  it("takes fields as their message nests them", () => {
    const nested = defineContract({ table: "rows", fields: { person, to: { name: integer() } } });
    const flat = defineContract({ table: "rows", fields: { person, to_name: integer() } });
    expect(nested.columns).toEqual(flat.columns);
    expect(nested.fields.map(({ path }) => path.join("."))).toEqual(["person", "to.name"]);
  });

  it("refuses a field that is said twice, nested and flat", () => {
    const to_name = integer({ column: "c" });
    expect(faultsOfFields({ to: { name: integer() }, to_name })).toContainEqual(
      '"to_name" is said twice: give each field and each view a name of its own.',
    );
  });

  it.each([{}, [], null, undefined, 7, { name: "text" }])(
    "refuses %j where a field should be",
    (spec) => {
      expect(faultsOfFields({ to: spec })).toEqual([expect.stringContaining("no policy")]);
    },
  );

  it("refuses two fields of which one code would speak", () => {
    expect(
      faultsOf({ name: "missing", table: "rows", fields: { person, not_a: integer() } }),
    ).toEqual([expect.stringContaining("not_a_missing")]);
  });
});
