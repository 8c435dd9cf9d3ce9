/** A passkey's entry for the recover keyring: made here, reviewed elsewhere. It enrols nobody. */

import { generateRegistrationOptions, verifyRegistrationResponse } from "@simplewebauthn/server";
import type { RegistrationResponseJSON } from "@simplewebauthn/server";
import { jsonText, passkeyEntry } from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import { readForm } from "../form.ts";
import { newChallenge, passkeysOf, takeChallenge } from "../passkeys.ts";
import type { App, ConsolePorts } from "../ports.ts";
import { Problem } from "../problem.ts";
import { postForm } from "./forms.ts";

/** COSE: ECDSA with P-256 and SHA-256, which every authenticator has. */
const es256 = -7;

/** Whatever it is, the library holds each part of it to its form. */
const form = z.object({ assertion: z.string().max(20_000).pipe(jsonText) });

export function serveEnrolment(app: App, ports: ConsolePorts): void {
  const { hostname, origin } = ports.origin;

  app.get("/passkey", async (c) => {
    const { person, session } = c.get("signedIn");
    const nonce = newChallenge(session, "enrol", { now: ports.now() });
    const options = await generateRegistrationOptions({
      rpName: "Maskline",
      rpID: hostname,
      userName: person.login,
      challenge: new Uint8Array(Buffer.from(nonce, "base64url")),
      attestationType: "none",
      supportedAlgorithmIDs: [es256],
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      excludeCredentials: passkeysOf(person, ports.origin).map(({ credentialId: id }) => ({ id })),
    });
    return answer(c, {
      title: "Your passkey",
      body: html`<p>
          This makes an entry for the recover keyring, the file that says who may do what. It lets
          nobody do anything until whoever keeps it has reviewed it, and put it under your login.
        </p>
        ${postForm(
          { action: "/passkey", session, passkey: { create: options } },
          html`<button class="main">Make a passkey</button>`,
        )}`,
    });
  });

  app.post("/passkey", async (c) => {
    const { person, session } = c.get("signedIn");
    const { assertion } = readForm(c.get("form"), form);
    const { nonce: expectedChallenge } = takeChallenge(session, "enrol", ports.now());
    const verified = await verifyRegistrationResponse({
      response: assertion as RegistrationResponseJSON,
      expectedChallenge,
      expectedOrigin: origin,
      expectedRPID: hostname,
      supportedAlgorithmIDs: [es256],
    }).catch(() => null);
    if (verified?.verified !== true) throw unheld;
    const { id, publicKey } = verified.registrationInfo.credential;
    const entry = passkeyEntry({ rpId: hostname, origin, credentialId: id, publicKey });
    return answer(c, {
      title: "An entry for review",
      body: html`<p role="status">The passkey works. Nobody is enrolled yet.</p>
        <p>
          Give this to whoever keeps the recover keyring: it goes into <code>keys</code> of the
          entry of <code>${person.login}</code>. Tell them its <code>kid</code> by another way, so
          that they know it is yours.
        </p>
        <pre tabindex="0">${JSON.stringify(entry, null, 2)}</pre>
        <button type="button" class="copy">Copy the entry</button>`,
    });
  });
}

const unheld = new Problem(
  400,
  "The passkey could not be made.",
  "Nothing was done. Open the page again, and let the browser finish within two minutes.",
);
