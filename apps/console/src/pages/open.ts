/** Opening under one's grant: a passkey anew, then values, once, hidden until pressed. */

import { createHash } from "node:crypto";
import type { Grant, MaskedRecord } from "@org/db";
import { printable, requireDuty, type ResultRow } from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import { findRecords, makeDossier, openedAtMost, type Opened, openOriginals } from "../broker.ts";
import { grantId, readForm, textUpTo, uuidList } from "../form.ts";
import {
  assertionOptions,
  newChallenge,
  passkeysOf,
  requireStepUp,
  stepUpBytes,
} from "../passkeys.ts";
import type { App, ConsolePorts, SignedIn } from "../ports.ts";
import { formToken, type Html, table } from "./layout.ts";

const assertion = z.string().max(8_000);
const openForm = z.object({ assertion, records: uuidList(openedAtMost) });
const dossierForm = z.object({ assertion, subject: textUpTo(4_000) });
const lookupForm = z.object({ assertion, value: textUpTo(4_000) });

export function serveOpening(app: App, ports: ConsolePorts): void {
  app.post("/grants/:id/open", async (c) => {
    const grant = grantId(c.req.param("id"));
    const signedIn = c.get("signedIn");
    const form = readForm(c.get("form"), openForm);
    requireDuty(signedIn.person, "request");
    requireStepUp(signedIn, { grant, text: form.assertion }, ports);
    const opened = await openOriginals(ports, signedIn, { grant, records: form.records });
    return answer(c, { title: "Opened", body: openedBody(opened, originals(opened.rows)) });
  });

  app.post("/grants/:id/lookup", async (c) => {
    const grant = grantId(c.req.param("id"));
    const signedIn = c.get("signedIn");
    const form = readForm(c.get("form"), lookupForm);
    requireDuty(signedIn.person, "request");
    requireStepUp(signedIn, { grant, text: form.assertion }, ports);
    const found = await findRecords(ports, signedIn, { grant, value: form.value });
    return answer(c, { title: "Looked up", body: openedBody(found, matches(found.rows)) });
  });

  app.post("/grants/:id/dossier", async (c) => {
    const grant = grantId(c.req.param("id"));
    const signedIn = c.get("signedIn");
    const form = readForm(c.get("form"), dossierForm);
    requireDuty(signedIn.person, "request");
    requireStepUp(signedIn, { grant, text: form.assertion }, ports);
    const dossier = await makeDossier(ports, signedIn, { grant, subject: form.subject });
    c.header("Content-Disposition", `attachment; filename="dossier-${grant.slice(0, 8)}.json"`);
    return c.body(JSON.stringify(dossier, null, 2), 200, { "Content-Type": "application/json" });
  });
}

/** What each capability that the console has takes beside a passkey, and what its button says. */
const kinds = {
  unmask: { action: "open", verb: "Open", input: recordsInput },
  lookup: { action: "lookup", verb: "Look up", input: valueInput },
  dossier: { action: "dossier", verb: "Make the file", input: subjectInput },
} as const;

/** Of a live grant of one's own. */
export function openingForm(ports: ConsolePorts, signedIn: SignedIn, grant: Grant): Html {
  const { person, session } = signedIn;
  const passkeys = passkeysOf(person, ports.origin);
  const { capability } = grant;
  if (capability !== "unmask" && capability !== "lookup" && capability !== "dossier") {
    return html`<p>
      The console does not do this. Use <code>recover ${capability} --grant ${grant.id}</code>.
    </p>`;
  }
  const { action, verb, input } = kinds[capability];
  if (passkeys.length === 0) {
    return html`<p>
      Opening takes a passkey, and the recover keyring has none of yours for this console.
      <a href="/passkey">Make an entry for it</a>.
    </p>`;
  }
  const nonce = newChallenge(session, `open ${grant.id}`, ports.now());
  const challenge = createHash("sha256")
    .update(stepUpBytes(grant.id, nonce, person))
    .digest();
  const options = assertionOptions(challenge, passkeys, ports.origin);
  return html`<form
    method="post"
    action="/grants/${grant.id}/${action}"
    data-passkey="${JSON.stringify(options)}"
  >
    ${formToken(session)}<input type="hidden" name="assertion" />
    ${input(grant)}
    <p>
      This is audited under your name, with purpose ${printable(grant.purpose)} and ticket
      ${printable(grant.ticket)}. It is shown once.
    </p>
    <button>${verb} with a passkey</button>
    <p role="alert" hidden></p>
  </form>`;
}

function valueInput(): Html {
  return html`<label for="value">The value that was approved</label>
    <input
      id="value"
      name="value"
      required
      maxlength="4000"
      autocomplete="off"
      spellcheck="false"
    />`;
}

function subjectInput(): Html {
  return html`<p>
      A signed file of what is held about the subject, and of every access to it, to be given to
      that person. It holds no original. <code>examples/verify-dossier.mjs</code> verifies it.
    </p>
    <label for="subject">The subject that was approved</label>
    <input
      id="subject"
      name="subject"
      required
      maxlength="4000"
      autocomplete="off"
      spellcheck="false"
    />`;
}

function recordsInput({ records }: Grant): Html {
  const isNeeded = records > openedAtMost;
  return html`<details ${isNeeded ? "open" : ""}>
    <summary>Only some of its records</summary>
    <label for="records"
      >Record ids, one a line${isNeeded ? `, at most ${openedAtMost}` : "; empty for all"}</label
    >
    <textarea
      id="records"
      name="records"
      rows="3"
      autocomplete="off"
      spellcheck="false"
      ${isNeeded ? "required" : ""}
    ></textarea>
  </details>`;
}

function openedBody({ said, failure }: Opened<unknown>, rows: Html): Html {
  return html`<p role="status">${said}</p>
    ${
      failure === null
        ? ""
        : html`<p role="alert">${failure.message}</p>
            <p>${failure.advice}</p>`
    }
    <div data-gone-after="60">${rows}</div>
    <p data-gone hidden role="status">The values are gone. Opening again is another access.</p>
    <p>Values are hidden until you press them, and gone after a minute.</p>
    <p><a href="/">Home</a></p>`;
}

/** What the tool says of a record, beside its values. */
const said = new Set(["record_id", "sent_at", "tokens"]);

function originals(rows: readonly ResultRow[]): Html {
  if (rows.length === 0) return html`<p>No record had a sealed value.</p>`;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => cell(row, column)));
  return table("Opened values", columns, cells);
}

function cell(row: ResultRow, column: string): Html | string {
  const value = row[column];
  if (value === undefined) return "";
  return said.has(column) ? value : hidden(column, value);
}

function hidden(column: string, value: string): Html {
  return html`<button type="button" class="reveal" aria-expanded="false">Show ${column}</button>
    <span class="original" hidden>${printable(value)}</span>`;
}

function matches(rows: readonly MaskedRecord[]): Html {
  if (rows.length === 0) return html`<p>No record has it.</p>`;
  const columns = Object.keys(rows[0]?.columns ?? {});
  const cells = rows.map((row) => [
    row.recordId,
    row.sentAt.toISOString(),
    ...columns.map((column) => printable(row.columns[column] ?? "")),
  ]);
  return table("Records that have it; masked", ["record_id", "sent_at", ...columns], cells);
}
