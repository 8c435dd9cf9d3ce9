/** Who may do what by which keys: the recover keyring, which changes under review and not here. */

import { html } from "hono/html";
import { answer } from "../answer.ts";
import type { App } from "../ports.ts";
import type { Html } from "./forms.ts";
import { table } from "./layout.ts";

export function servePeople(app: App): void {
  app.get("/people", (c) => {
    const { keyring } = c.get("signedIn").person;
    const keysOf = (login: string): Html => {
      const keys = keyring.signers.filter((signer) => signer.login === login);
      if (keys.length === 0) return html`none`;
      return html`${keys.map(({ kid, type, state }) => {
        const kind = type === "webauthn" ? "passkey" : "Ed25519";
        return html`<div><code>${kid}</code> ${kind}${state === "active" ? "" : ", retired"}</div>`;
      })}`;
    };
    const people = keyring.members.map(({ login, duties, subject }) => [
      login,
      duties.join(", "),
      keysOf(login),
      subject === null ? "no" : "yes",
    ]);
    const steps = keyring.thresholds.map(({ above, required, sinceMs }) => [
      String(above),
      String(required),
      sinceMs === 0 ? "" : new Date(sinceMs).toISOString(),
    ]);
    return answer(c, {
      title: "People and keys",
      body: html`<p>
          Deployment <code>${keyring.deployment}</code>. All of this stands in the recover keyring,
          and changes there, under review.
        </p>
        ${table("People", ["Login", "Duties", "Keys", "Signs in here"], people)}
        ${table("Approvals", ["For more records than", "Approvals", "Asked for since"], steps)}
        <h2>Checkpoints go to</h2>
        <ul>
          ${keyring.sinks.map((sink) => html`<li><code>${sink}</code></li>`)}
        </ul>`,
    });
  });
}
