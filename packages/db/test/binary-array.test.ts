import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  type ArrayType,
  booleanArray,
  byteaArray,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  utcDateArray,
  uuidArray,
} from "../src/binary-array.ts";

const client = new Client({ connectionString: inject("postgresAdminUrl") });
beforeAll(() => client.connect());
afterAll(() => client.end());

/** What PostgreSQL makes of the values: as text, in order. */
async function receive<T>(
  { element, encode }: ArrayType<T>,
  values: readonly (T | null)[],
): Promise<(string | null)[]> {
  const { rows } = await client.query<{ element: string | null }>(
    `SELECT element::text FROM unnest($1::${element}[]) WITH ORDINALITY AS e (element, place) ORDER BY place`,
    [encode(values)],
  );
  return rows.map((row) => row.element);
}

describe("PostgreSQL receives", () => {
  it("uuid", async () => {
    const ids = ["5fea7756-0ea4-451a-a703-a558b933e274", "00000000-0000-0000-0000-000000000000"];
    expect(await receive(uuidArray, [...ids, null])).toEqual([...ids, null]);
    const capitals = ids.map((id) => id.toUpperCase());
    expect(await receive(uuidArray, capitals)).toEqual(ids);
  });

  it("text, with quotes, braces, emoji, the empty text and NULL apart", async () => {
    const texts = [`a'"{},\\ NULL`, "", null, "NULL", "é😀\n", "€".repeat(300)];
    expect(await receive(textArray, texts)).toEqual(texts);
  });

  it("bytea, of any length, and NULL apart from no bytes", async () => {
    const bytes = [
      new Uint8Array(),
      null,
      new Uint8Array([0, 255, 92, 39]),
      new Uint8Array(70_000),
    ];
    expect(await receive(byteaArray, bytes)).toEqual(
      bytes.map((value) => value && `\\x${Buffer.from(value).toString("hex")}`),
    );
  });

  it("integer, from the least to the greatest", async () => {
    expect(await receive(int4Array, [-2_147_483_648, null, 2_147_483_647])).toEqual([
      "-2147483648",
      null,
      "2147483647",
    ]);
  });

  it("bigint, from the least to the greatest", async () => {
    const ends = [-9_223_372_036_854_775_808n, null, 9_223_372_036_854_775_807n];
    expect(await receive(int8Array, ends)).toEqual(ends.map((value) => value?.toString() ?? null));
  });

  it("boolean", async () => {
    expect(await receive(booleanArray, [true, false, null])).toEqual(["true", "false", null]);
  });

  it("the UTC date of an instant, on both sides of midnight and of the year 2000", async () => {
    const midnight = Date.UTC(2026, 2, 1);
    const instants = [midnight - 1, midnight, Date.UTC(1999, 11, 31, 23), 0];
    expect(await receive(utcDateArray, instants)).toEqual([
      "2026-02-28",
      "2026-03-01",
      "1999-12-31",
      "1970-01-01",
    ]);
  });

  it("instants, to the millisecond", async () => {
    await client.query("SET TIME ZONE 'UTC'");
    const instants = [Date.UTC(2026, 2, 1) - 1, 1, Date.UTC(2999, 0)];
    expect(await receive(timestamptzArray, instants)).toEqual([
      "2026-02-28 23:59:59.999+00",
      "1970-01-01 00:00:00.001+00",
      "2999-01-01 00:00:00+00",
    ]);
  });

  it("no elements", async () => {
    expect(await receive(textArray, [])).toEqual([]);
  });
});

describe("an element that the type cannot hold is refused before it is sent", () => {
  it.each([
    "",
    "5fea7756",
    "5fea7756-0ea4-451a-a703-a558b933e27g",
    "5fea77560ea4451aa703a558b933e274",
    "5fea7756-0ea4-451a-a703-a558b933e2740",
    "5fea7756-0ea44-51a-a703-a558b933e274",
    "5fea7756-0ea4-451a-a703-a558b933e2Ā4",
    "5fea7756-0ea4-451a-a703-a558b933e2\u01354",
  ])("uuid %j", (id) => {
    expect(() => uuidArray.encode([id])).toThrow(TypeError);
  });

  it.each([2_147_483_648, -2_147_483_649])("integer %d", (number) => {
    expect(() => int4Array.encode([number])).toThrow(RangeError);
  });

  it.each([2n ** 63n, -(2n ** 63n) - 1n])("bigint %d", (number) => {
    expect(() => int8Array.encode([number])).toThrow(RangeError);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 0.5])("instant %d", (instant) => {
    expect(() => timestamptzArray.encode([instant])).toThrow(RangeError);
  });
});
