/** Values that become tokens before anybody approves, counted in this process: each answers a guess to whoever reads the database. */

import type { Tokenizer } from "@org/masking";
import { exit, RecoverError } from "../exit.ts";

const hourMs = 3_600_000;
/** Of one person, an hour. */
const valuesAtMost = 30;

/**
 * The tokenizer for a value that this person gave.
 *
 * @throws {@link RecoverError} (exit 2) without the token key, (exit 3) once there were too many.
 */
export type TokenizerFor = (login: string) => Promise<Tokenizer<string>>;

export function countValues(
  tokenizer: Tokenizer<string> | null,
  now: () => number = () => performance.now(),
): TokenizerFor {
  const timesOf = new Map<string, readonly number[]>();
  return async (login) => {
    if (tokenizer === null) throw noTokenKey;
    const recent = (timesOf.get(login) ?? []).filter((atMs) => atMs > now() - hourMs);
    if (recent.length >= valuesAtMost) throw tooMany;
    timesOf.set(login, [...recent, now()]);
    return tokenizer;
  };
}

const noTokenKey = new RecoverError(exit.configuration, "The console has no token key.", {
  advice: "Use `recover`, or have MASKLINE_KEYRING set for the console.",
});

const tooMany = new RecoverError(
  exit.denied,
  `You have given ${valuesAtMost} values within an hour: each answers a guess to whoever reads the database.`,
  { advice: "Wait, or choose records by their ids, masked values or times." },
);
