/** Text that cannot steer the terminal that it is printed on. */

/**
 * Controls, marks that turn or join text, what has no look of its own, and line separators: they steer a
 * terminal, or hide what is shown. And marks beyond four on one letter, which are piled on other lines.
 */
const steering = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?<=\p{M}{4})\p{M}/gu;

/** Text for people: a value must not be able to steer the terminal. Not to be turned back; JSON is. */
export function printable(text: string): string {
  return text.replaceAll(steering, escaped);
}

/** The same of a text that has lines. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** JSON whose every character is safe on a terminal; a reader gets the exact value back. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(steering, escaped);
}

function escaped(character: string): string {
  let units = "";
  // A body may be nothing else.
  for (let at = 0; at < character.length; at += 1)
    units += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return units;
}
