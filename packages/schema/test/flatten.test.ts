import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { flatten } from "../src/flatten.ts";

const NO_FIELDS: ReadonlySet<string> = new Set();

function flattenToObject(root: object, fields = NO_FIELDS): unknown {
  const flat = flatten(root, fields);
  return flat && Object.fromEntries(flat);
}

/** Flattens one step at a time, by rewriting a list of paths until no value has children. */
function flattenNaively(root: object): Map<string, unknown> | null {
  let paths: [string[], unknown][] = Object.entries(root).map(([key, value]) => [[key], value]);
  while (paths.some(([, value]) => isOpen(value))) {
    paths = paths.flatMap(([path, value]): [string[], unknown][] =>
      isOpen(value)
        ? Object.entries(value).map(([key, child]) => [[...path, key], child])
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
    const nested = { device: { id: "x", sizes: [1, { cm: 2 }] }, locale: null };
    expect(flattenToObject(nested)).toEqual({
      device_id: "x",
      device_sizes_0: 1,
      device_sizes_1_cm: 2,
      locale: null,
    });
  });

  it("keeps an empty object or list as a value", () => {
    expect(flattenToObject({ a: {}, b: { c: [] } })).toEqual({ a: {}, b_c: [] });
  });

  it("does not open what stands at a field's own name", () => {
    const fields = new Set(["device_id"]);
    expect(flattenToObject({ device_id: { a: 1 } }, fields)).toEqual({ device_id: { a: 1 } });
    expect(flattenToObject({ device: { id: ["x"] } }, fields)).toEqual({ device_id: ["x"] });
  });

  it.each([
    { device_id: "x", device: { id: "x" } },
    { device: { id: null }, device_id: "x" },
    { a: { b_c: 1 }, a_b: { c: 1 } },
    { tags: ["x"], tags_0: "x" },
  ])("refuses two paths to one name: %j", (root) => {
    expect(flatten(root, NO_FIELDS)).toBeNull();
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
        expect(flatten(root, NO_FIELDS)).toEqual(flattenNaively(root));
      }),
      { numRuns: 1_000 },
    );
  });
});
