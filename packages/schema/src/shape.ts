/** Objects of one fixed shape. */

/** Reads an array by position, or an object by name. */
export type Shape = (from: object) => object;

/**
 * Compiles `(from) => ({ [names[0]]: from[keys[0]], … })`: an object literal costs a tenth of setting
 * properties by name, and every object has the same keys in the same order. Uses `new Function`;
 * the names are those of a checked contract.
 */
export function createShape(names: readonly string[], keys: readonly (string | number)[]): Shape {
  const members = names.map(
    (name, at) => `${JSON.stringify(name)}: from[${JSON.stringify(keys[at])}]`,
  );
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function("from", `return { ${members.join(", ")} };`) as Shape;
}

export function fromPositions(names: readonly string[]): Shape {
  return createShape(names, [...names.keys()]);
}
