/** The fields of a contract as its message nests them, and as one set of names. */
import type { FieldSpec } from "./fields.ts";

/**
 * `shipping: { name: text({ max: 64 }) }` says the same as `shipping_name: text({ max: 64 })`.
 * What is nested deeper is named by its path from there.
 */
export type FieldTree = Readonly<Record<string, FieldSpec | Readonly<Record<string, FieldSpec>>>>;

/** The fields of a tree by the names that flattening gives them. */
export type FlatFields<Tree extends FieldTree> = {
  readonly [E in Entries<Tree> as E[0]]: E[1];
};

type Entries<Tree extends FieldTree> = {
  [K in keyof Tree & string]: Tree[K] extends FieldSpec
    ? readonly [K, Tree[K]]
    : EntriesUnder<K, Tree[K]>;
}[keyof Tree & string];

type EntriesUnder<K extends string, Group> = {
  [N in keyof Group & string]: Group[N] extends FieldSpec
    ? readonly [`${K}_${N}`, Group[N]]
    : never;
}[keyof Group & string];

/** What stands at a name, and where the message has it. It may be anything: no compiler need have seen it. */
export interface Leaf {
  readonly name: string;
  readonly spec: unknown;
  readonly path: readonly string[];
}

export function leavesOf(tree: object): Leaf[] {
  return Object.entries(tree).flatMap(([key, spec]: [string, unknown]): Leaf[] => {
    if (!isGroup(spec)) return [{ name: key, spec, path: [key] }];
    const members: [string, unknown][] = Object.entries(spec);
    return members.map(([name, each]) => ({
      name: `${key}_${name}`,
      spec: each,
      path: [key, name],
    }));
  });
}

/** A field says its kind as a text; a group may have a field of that name. */
function isGroup(spec: unknown): spec is object {
  if (typeof spec !== "object" || spec === null || Object.keys(spec).length === 0) return false;
  return !("kind" in spec && typeof spec.kind === "string");
}
