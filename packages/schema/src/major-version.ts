/** The number that stands in the `app_version` column of a login. */

const VERSION = /^(\d+)(?:\.\d+){0,2}$/;

/**
 * The major version as a number, null where the text has none, undefined where there is no text.
 *
 * One to three parts of ASCII digits count as a version; anything else (`v1.2`, `5.0.0-beta`,
 * `1.2.3.4`) has no number, and the text beside it stays as it was sent.
 *
 * @example
 * majorVersion("3.0.1"); // 3
 * majorVersion("5.0.0-beta"); // null
 */
export function majorVersion(text: string | null): number | null | undefined {
  if (text === null) return undefined;
  const digits = VERSION.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}
