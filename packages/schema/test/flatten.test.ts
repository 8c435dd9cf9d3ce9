import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { flatten } from "../src/flatten.ts";

/** What stands at some names, and how many others there are. */
function flattenTo(root: object, ...names: readonly string[]): unknown {
  const flat = flatten(root, new Map(names.map((name, at) => [name, at])));
  return flat && [...flat.values, flat.others];
}

/** Flattens one step at a time, by rewriting a list of paths until no value has children. */
function flattenNaively(root: object, names: readonly string[] = []): Map<string, unknown> | null {
  const opens = ([path, value]: [string[], unknown]): boolean =>
    isOpen(value) && !names.includes(path.join("_"));
  let paths: [string[], unknown][] = Object.entries(root).map(([key, value]) => [[key], value]);
  while (paths.some(opens)) {
    paths = paths.flatMap(([path, value]): [string[], unknown][] =>
      opens([path, value])
        ? Object.entries(value as object).map(([key, child]) => [[...path, key], child])
        : [[path, value]],
    );
  }
  const flat = new Map(paths.map(([path, value]) => [path.join("_"), value]));
  return flat.size === paths.length ? flat : null;
}

function isOpen(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.entries(value).length > 0;
}

describe("flatten", () => {
  it("joins the keys of nested objects and the indices of lists", () => {
    const nested = { parcel: { id: "x", sizes: [1, { cm: 2 }] }, locale: null };
    const names = ["parcel_id", "parcel_sizes_0", "parcel_sizes_1_cm", "locale"];
    expect(flattenTo(nested, ...names)).toEqual(["x", 1, 2, null, 0]);
  });

  it("keeps an empty object or list as a value", () => {
    expect(flattenTo({ a: {}, b: { c: [] } }, "a", "b_c")).toEqual([{}, [], 0]);
  });

  it("counts what it was not asked for", () => {
    expect(flattenTo({ a: 1, tags: ["x", { y: 2 }], none: null, empty: {} }, "a", "b")).toEqual([
      1,
      undefined,
      4,
    ]);
  });

  it("does not open what stands at a field's own name", () => {
    expect(flattenTo({ parcel_id: { a: 1 } }, "parcel_id")).toEqual([{ a: 1 }, 0]);
    expect(flattenTo({ parcel: { id: ["x"] } }, "parcel_id")).toEqual([["x"], 0]);
    expect(flattenTo({ parcel: { id: ["x"] } }, "parcel")).toEqual([{ id: ["x"] }, 0]);
  });

  it.each([
    { parcel_id: "x", parcel: { id: "x" } },
    { parcel: { id: null }, parcel_id: "x" },
    { a: { b_c: 1 }, a_b: { c: 1 } },
    { tags: ["x"], tags_0: "x" },
  ])("refuses two paths to one name: %j", (root) => {
    const names = Object.keys(root);
    for (const asked of [[], names, ["parcel_id", "a_b_c", "tags_0"]]) {
      expect(
        flattenTo(root, ...asked.filter((name) => !isOpen(Reflect.get(root, name)))),
      ).toBeNull();
    }
  });

  it("agrees with a naive flattening, whatever the object", () => {
    // Few keys, some of which contain the separator, so that names often collide.
    const key = fc.constantFrom("", "_", "a", "b", "a_b", "0", "constructor");
    const { node } = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(key, tie("node"), { maxKeys: 3, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(fc.dictionary(key, node, { noNullPrototype: true }), (root) => {
        const asked = [...(flattenNaively(root)?.keys() ?? [])].filter((_, at) => at % 2 === 0);
        const naive = flattenNaively(root, asked);
        const values = asked.map((name) => naive?.get(name));
        const others = [...(naive?.keys() ?? [])].filter((name) => !asked.includes(name));
        expect(flattenTo(root, ...asked)).toEqual(naive && [...values, others.length]);
      }),
      { numRuns: 1_000 },
    );
  });
});
