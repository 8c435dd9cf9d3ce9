/** Nested objects and lists as one set of names. */

/** What stands at the names that were asked for, by their positions, and how many names were others. */
export interface Flat {
  /** Undefined where nothing stands. */
  readonly values: readonly unknown[];
  readonly known: number;
  readonly others: number;
}

/**
 * Flattens an object: `{"shipping": {"name": …}}` becomes `shipping_name`, `{"tags": ["a"]}` becomes
 * `tags_0`. Returns null if two paths lead to one name.
 *
 * An empty object or list is a value of its own. What stands at a name in `positions` is a value
 * too, whatever it is: a field that holds an object is a field of the wrong type, not a parent.
 *
 * Only own properties are read. Recursion is as deep as the value: bound it first.
 *
 * @example
 * flatten({ shipping: { name: "Ada Byron" } }, new Map([["shipping_name", 0]]));
 * // { values: ["Ada Byron"], known: 1, others: 0 }
 */
export function flatten(root: object, positions: ReadonlyMap<string, number>): Flat | null {
  const flat: Gathered = { values: [], known: 0, others: 0, otherNames: null };
  for (let at = 0; at < positions.size; at++) flat.values.push(undefined);
  return gather(root as Parent, "", positions, flat) ? flat : null;
}

/** An object or a list: read only at keys that `Object.keys` has named. */
type Parent = Readonly<Record<string, unknown>>;

interface Gathered {
  readonly values: unknown[];
  known: number;
  others: number;
  /** Made when it is needed: most messages have no other names. */
  otherNames: Set<string> | null;
}

/** False if a name was there already. Object.keys, because Object.entries costs twice as much. */
function gather(
  parent: Parent,
  prefix: string,
  positions: ReadonlyMap<string, number>,
  into: Gathered,
): boolean {
  for (const key of Object.keys(parent)) {
    const name = prefix + key;
    const value = parent[key];
    const position = positions.get(name);
    if (position !== undefined) {
      // JSON has no undefined: what is there already is a value.
      if (into.values[position] !== undefined) return false;
      into.values[position] = value;
      into.known++;
    } else if (isParent(value)) {
      if (!gather(value, `${name}_`, positions, into)) return false;
    } else {
      into.otherNames ??= new Set();
      if (into.otherNames.size === into.otherNames.add(name).size) return false;
      into.others++;
    }
  }
  return true;
}

function isParent(value: unknown): value is Parent {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
