/** Nested objects and lists as one set of names. */

/**
 * Flattens an object: `{"device": {"id": …}}` becomes `device_id`, `{"tags": ["a"]}` becomes
 * `tags_0`. Returns null if two paths lead to one name.
 *
 * An empty object or list is a value of its own. What stands at a name in `fields` is a value
 * too, whatever it is: a field that holds an object is a field of the wrong type, not a parent.
 *
 * Only own properties are read. Recursion is as deep as the value: bound it first.
 *
 * @example
 * flatten({ device: { id: "593-47-5928" } }, new Set()); // Map { "device_id" => "593-47-5928" }
 */
export function flatten(root: object, fields: ReadonlySet<string>): Map<string, unknown> | null {
  const flat = new Map<string, unknown>();
  return gather(root as Parent, "", { flat, fields }) ? flat : null;
}

/** An object or a list: read only at keys that `Object.keys` has named. */
type Parent = Readonly<Record<string, unknown>>;

interface Gathering {
  readonly flat: Map<string, unknown>;
  readonly fields: ReadonlySet<string>;
}

/** False if a name was there already. Object.keys, because Object.entries costs twice as much. */
function gather(parent: Parent, prefix: string, into: Gathering): boolean {
  for (const key of Object.keys(parent)) {
    const name = prefix + key;
    const value = parent[key];
    if (isParent(value) && !into.fields.has(name)) {
      if (!gather(value, `${name}_`, into)) return false;
    } else {
      if (into.flat.has(name)) return false;
      into.flat.set(name, value);
    }
  }
  return true;
}

function isParent(value: unknown): value is Parent {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}
