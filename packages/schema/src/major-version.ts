/** The number that stands in the `app_version` column. */

const VERSION = /^(\d+)(?:\.\d+){0,2}$/;
const INT4_MAX = 2_147_483_647;

/**
 * The major version as a number, or null where the text has none that fits a Postgres `integer`.
 *
 * One to three parts of ASCII digits count as a version; anything else (`v1.2`, `5.0.0-beta`,
 * `1.2.3.4`) has no number, and the text beside it stays as it was sent.
 *
 * @example
 * majorVersion("3.0.1"); // 3
 * majorVersion("5.0.0-beta"); // null
 */
export function majorVersion(text: string | null): number | null {
  const digits = text === null ? undefined : VERSION.exec(text)?.[1];
  if (digits === undefined) return null;
  const major = Number(digits);
  return major <= INT4_MAX ? major : null;
}
