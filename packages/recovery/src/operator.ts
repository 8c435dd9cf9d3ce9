/** Who works here, and whose signatures count: known from files, never from the database. */

import { exit, RecoverError } from "./exit.ts";
import { refusal } from "./refusals.ts";
import type { Duty, RecoverKeyring } from "./signing/recover-keyring.ts";
import type { SigningKey } from "./signing/signing-key.ts";

/** Whoever acts: at a terminal, or through a console. */
export interface Person {
  /** In Postgres, and in the recover keyring. */
  readonly login: string;
  readonly tenant: string;
  readonly keyring: RecoverKeyring;
}

/** Somebody who signs with a key of their own; its login is that of the recover keyring. */
export interface Operator extends Person {
  readonly key: SigningKey;
}

/** @throws {@link RecoverError} (exit 2) if nobody could verify what the key signs. */
export function identify(files: Omit<Operator, "login">): Operator {
  const { key, keyring } = files;
  const signer = keyring.signers.find(({ kid, state }) => kid === key.kid && state === "active");
  if (signer !== undefined) return { ...files, login: signer.login };
  throw new RecoverError(exit.configuration, "Your signing key is not in the recover keyring.", {
    advice: "Have its public half added under your login; `recover keys signer` does both.",
  });
}

/** @throws {@link RecoverError} (exit 3) if the recover keyring does not give the person this duty. */
export function requireDuty({ login, keyring }: Person, duty: Duty): void {
  if (!hasDuty({ login, keyring }, duty)) throw refusal("wrong_duty", [duty]);
}

export function hasDuty({ login, keyring }: Omit<Person, "tenant">, duty: Duty): boolean {
  return keyring.members.some((member) => member.login === login && member.duties.includes(duty));
}
