/** What a passkey is asked to sign, and whether its answer holds. */

import { createHash } from "node:crypto";
import { lengthPrefixed } from "@org/masking";
import {
  type EraseCounts,
  jsonText,
  type Person,
  passkeySignature,
  refusal,
  type Signer,
  verifiedBy,
} from "@org/recovery";
import type { PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/server";
import { z } from "zod";
import type { ConsolePorts, SignedIn, Signing } from "./ports.ts";
import { Problem } from "./problem.ts";
import { type Challenge, dropOldest, secret, type Session } from "./sign-in/sessions.ts";

const challengeMs = 2 * 60_000;
const challengesAtMost = 20;

/** The person's own that are for this console, and sign. */
export function passkeysOf(
  { login, keyring }: Person,
  { hostname, origin }: URL,
): readonly Passkey[] {
  return keyring.signers.filter(
    (signer): signer is Passkey =>
      signer.login === login &&
      signer.state === "active" &&
      signer.type === "webauthn" &&
      signer.rpId === hostname &&
      signer.origin === origin,
  );
}

type Passkey = Extract<Signer, { readonly type: "webauthn" }>;

const bytes = z.base64url().transform((text): Uint8Array => Buffer.from(text, "base64url"));

/** What `credential.toJSON()` gives, as far as it is used. */
const assertion = z
  .string()
  .max(8_000)
  .pipe(jsonText)
  .pipe(
    z.object({
      id: z.base64url(),
      response: z.object({ authenticatorData: bytes, clientDataJSON: bytes, signature: bytes }),
    }),
  );

export function passkeysAt(origin: URL): Signing {
  return {
    by: "a passkey",
    ask(person, signed) {
      const passkeys = passkeysOf(person, origin);
      if (passkeys.length === 0) return null;
      const get: PublicKeyCredentialRequestOptionsJSON = {
        challenge: createHash("sha256").update(signed).digest("base64url"),
        rpId: origin.hostname,
        allowCredentials: passkeys.map(({ credentialId: id }) => ({ type: "public-key", id })),
        userVerification: "required",
        timeout: challengeMs,
      };
      return { passkey: { get } };
    },
    read(person, signed, answer) {
      const { success, data } = assertion.safeParse(answer);
      if (!success) throw unanswered;
      const { id, response } = data;
      const signer = passkeysOf(person, origin).find(({ credentialId }) => credentialId === id);
      if (signer === undefined) throw refusal("wrong_signer");
      const signature = passkeySignature(response);
      if (!verifiedBy(signer, signed, signature)) throw unheld;
      return { kid: signer.kid, signature };
    },
  };
}

const unanswered = new Problem(
  400,
  "Your passkey has not answered.",
  "It takes a browser with scripts, and your passkey at hand. Nothing was done: go back, and press again.",
);

export const unheld: Problem = new Problem(
  403,
  "You signed something else than what stands here.",
  "Nothing was done. Open the page again and read it: its terms may have changed, or two minutes were over.",
);

/** A nonce that is good once, for two minutes, in this session. */
export function newChallenge(
  { challenges }: Session,
  what: string,
  { now, before }: { readonly now: number; readonly before?: EraseCounts },
): string {
  challenges.delete(what);
  dropOldest(challenges, challengesAtMost);
  const nonce = secret();
  challenges.set(what, { nonce, untilMs: now + challengeMs, before });
  return nonce;
}

/** @throws {@link Problem} if it was used, or its time is over. */
export function takeChallenge({ challenges }: Session, what: string, now: number): Challenge {
  const found: Challenge | undefined = challenges.get(what);
  challenges.delete(what);
  if (found === undefined || found.untilMs <= now) throw unheld;
  return found;
}

/** Opening takes a press anew. No approval begins like this: one never passes for the other. */
export function stepUpBytes(grant: string, nonce: string, { login, keyring }: Person): Uint8Array {
  return lengthPrefixed("mk1/step-up", keyring.deployment, grant, login, nonce);
}

/** @throws {@link Problem} unless the person has just pressed for this grant. */
export function requireStepUp(
  { person, session }: SignedIn,
  { grant, text }: { readonly grant: string; readonly text: string },
  { signing, now }: Pick<ConsolePorts, "signing" | "now">,
): void {
  const { nonce } = takeChallenge(session, `open ${grant}`, now());
  signing.read(person, stepUpBytes(grant, nonce, person), text);
}
