/** Erasing under one's grant, some batches an answer; and what became of what was erased. */

import { checkErasure, describePlaces } from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import { eraseSome } from "../broker.ts";
import { grantId, readForm, uuid } from "../form.ts";
import { newChallenge, requireStepUp, takeChallenge } from "../passkeys.ts";
import type { App, ConsolePorts } from "../ports.ts";
import { alert, field, postForm, textBlock } from "./forms.ts";

const eraseForm = z.object({ subject: z.string().max(4_000), assertion: z.string() });

export function serveErasing(app: App, ports: ConsolePorts): void {
  const { now } = ports;

  // A passkey begins it; the session goes on with it, each step within two minutes of the one before.
  app.post("/grants/:id/erase", async (c) => {
    const grant = grantId(c.req.param("id"));
    const signedIn = c.get("signedIn");
    const { session } = signedIn;
    const { subject, assertion } = readForm(c.get("form"), eraseForm);
    const goesOn = assertion === "";
    if (!goesOn) requireStepUp(signedIn, { grant, text: assertion }, ports);
    const { before } = goesOn ? takeChallenge(session, `go on ${grant}`, now()) : {};
    const order = { grantId: grant, subject: subject || undefined, before };
    const { isDone, said, failure, ...erased } = await eraseSome(ports, signedIn, order);
    if (!isDone) newChallenge(session, `go on ${grant}`, { now: now(), before: erased });
    const rest = postForm(
      { action: `/grants/${grant}/erase`, session, goesOn: true },
      html`<input type="hidden" name="subject" value="${subject}" />
        <p>It goes on by itself. Stopped, it is resumed from the grant's page.</p>
        <button>Go on</button>`,
    );
    const body = html`${alert(failure)} ${textBlock(said)} ${isDone || rest}
      <p><a href="/grants/${grant}">The grant</a></p>`;
    return answer(c, { title: isDone ? "Erased" : "Erasing", body });
  });

  app.get("/erasure", async (c) => {
    const { data: record } = uuid.safeParse(c.req.query("record") ?? "");
    const { erasure } = c.get("signedIn").recovery;
    const checked = record === undefined ? null : await checkErasure(erasure, record);
    const body = html`<p>
        Of each place that may hold a copy of an erased record: whether it is gone, or until when
        and why it is not. For custodians and auditors.
      </p>
      <form method="get" action="/erasure">
        ${field("record", "Record id", { value: record ?? "", required: "" })}
        <button>Check</button>
      </form>
      ${alert(checked && checked.failure)}
      ${checked && textBlock([`Erased on ${checked.erasedOn}.`, ...describePlaces(checked.places)])}`;
    return answer(c, { title: "Erasure", body });
  });
}
