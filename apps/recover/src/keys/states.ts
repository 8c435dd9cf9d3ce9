/** How keys move through their states; what each state permits is masking's to say. */

import type { KeyringJson, RecipientJson, TokenKeyJson } from "@org/masking/keyring";
import { exit, RecoverError } from "@org/recovery";

export type Kind = "token" | "recipient";

interface Entry {
  readonly kid: string;
  readonly state: TokenKeyJson["state"] | RecipientJson["state"];
}

/** t1, t2, … and r1, r2, …: the first that no key ever had in this keyring. */
export function nextKid(keyring: KeyringJson, kind: Kind): string {
  const letter = kind === "token" ? "t" : "r";
  const kids = new Set([...keyring.token_keys, ...keyring.recipients].map(({ kid }) => kid));
  for (let number = 1; ; number++) {
    if (!kids.has(`${letter}${number}`)) return `${letter}${number}`;
  }
}

/** The key becomes primary; the one that was still matches, or opens, what it made. */
export function promoted<E extends Entry>(entries: readonly E[], kid: string, kind: Kind): E[] {
  const entry = findEntry(entries, kid, kind);
  if (entry.state === "disabled") throw misstep(`The key ${kid} is disabled.`);
  const retired = kind === "token" ? "match_only" : "decrypt_only";
  return entries.map((other) => {
    if (other.kid === kid) return { ...other, state: "primary" };
    return other.state === "primary" ? { ...other, state: retired } : other;
  });
}

export function disabled<E extends Entry>(entries: readonly E[], kid: string, kind: Kind): E[] {
  const entry = findEntry(entries, kid, kind);
  if (entry.state === "primary") {
    throw misstep(`The key ${kid} is primary: promote another first.`);
  }
  return entries.map((other) => (other.kid === kid ? { ...other, state: "disabled" } : other));
}

function findEntry<E extends Entry>(entries: readonly E[], kid: string, kind: Kind): E {
  const entry = entries.find((candidate) => candidate.kid === kid);
  if (entry !== undefined) return entry;
  throw new RecoverError(exit.notFound, `The keyring has no ${kind} key ${kid}.`, {
    advice: "`recover keys list` shows what it has.",
  });
}

function misstep(message: string): RecoverError {
  return new RecoverError(exit.configuration, message, {
    advice:
      "`recover keys list` shows the states; docs/operations/rotate.md, the order of a rotation.",
  });
}
