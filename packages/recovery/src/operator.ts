/** Who works here, and whose signatures count: known from files, never from the database. */

import { exit, RecoverError } from "./exit.ts";
import { refusal } from "./refusals.ts";
import { type Duty, findSigner, type RecoverKeyring } from "./signing/recover-keyring.ts";
import type { SigningKey } from "./signing/signing-key.ts";

export interface Operator {
  /** The login that the recover keyring gives the signing key. */
  readonly login: string;
  readonly tenant: string;
  readonly key: SigningKey;
  readonly keyring: RecoverKeyring;
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

/** @throws {@link RecoverError} (exit 3) if the recover keyring does not give the operator this duty. */
export function requireDuty({ key, keyring }: Operator, duty: Duty): void {
  if (findSigner(keyring, key.kid, duty) === undefined) throw refusal("wrong_duty");
}
