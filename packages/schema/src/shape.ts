/** Objects of one fixed shape. */

/**
 * Compiles `(values) => ({ [names[0]]: values[0], … })`: an object literal costs a tenth of setting
 * properties by name, and every object has the same keys in the same order. Uses `new Function`;
 * the names are those of a checked contract.
 */
export function createShape<Values>(
  names: readonly string[],
): (values: readonly unknown[]) => Values {
  const members = names.map((name, at) => `${JSON.stringify(name)}: values[${at}]`);
  // oxlint-disable-next-line no-new-func
  return new Function("values", `return { ${members.join(", ")} };`) as (
    values: readonly unknown[],
  ) => Values;
}
