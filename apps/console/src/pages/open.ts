/** Using one's grant: a passkey anew, then values, once, hidden until pressed. */

import type { Grant, MaskedRecord } from "@org/db";
import { namesSubject, printable, printableLines, type ResultRow } from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import {
  begin,
  findRecords,
  makeDossier,
  openedAtMost,
  type Opened,
  openOriginals,
  retryMessages,
  type Under,
} from "../broker.ts";
import { grantId, readForm, textUpTo, uuidList } from "../form.ts";
import { newChallenge, requireStepUp, stepUpBytes } from "../passkeys.ts";
import type { App, Asked, ConsolePorts, SignedIn } from "../ports.ts";
import { alert, field, type Html, postForm, textBlock } from "./forms.ts";
import { table } from "./layout.ts";

/** Of each capability that the console has: the end of its address, its button, and what it takes beside a passkey. */
const uses = {
  unmask: { path: "open", verb: "Open", input: recordsInput },
  lookup: { path: "lookup", verb: "Look up", input: valueInput },
  dossier: { path: "dossier", verb: "Make the file", input: dossierInput },
  retry: { path: "retry", verb: "Try again", input: recordsInput },
  erase: { path: "erase", verb: "Erase", input: eraseInput },
} as const;

type Usable = keyof typeof uses;

const isUsable = (capability: string): capability is Usable => Object.hasOwn(uses, capability);

export function serveOpening(app: App, ports: ConsolePorts): void {
  function serve<Shape extends z.ZodRawShape>(
    capability: Usable,
    shape: Shape,
    use: (c: Asked, under: Under, form: z.output<z.ZodObject<Shape>>) => Promise<Response>,
  ): void {
    app.post(`/grants/:id/${uses[capability].path}`, async (c) => {
      const grant = grantId(c.req.param("id"));
      const signedIn = c.get("signedIn");
      const form = readForm(c.get("form"), z.object(shape));
      requireStepUp(signedIn, { grant, text: c.get("form").get("assertion") ?? "" }, ports);
      return use(c, await begin(ports, signedIn, grant), form);
    });
  }

  serve("retry", { records: uuidList(200) }, async (c, under, { records }) => {
    const { rows, failure } = await retryMessages(under, records);
    const body = html`${alert(failure)} ${textBlock(rows)}
      <p><a href="/quarantine">Quarantine</a></p>`;
    return answer(c, { title: "Tried again", body });
  });
  serve("unmask", { records: uuidList(200) }, async (c, under, { records }) => {
    const opened = await openOriginals(under, records);
    const body = openedBody(under.signed.grant.id, opened, originals(opened.rows));
    return answer(c, { title: "Opened", body });
  });
  serve("lookup", { value: textUpTo(4_000) }, async (c, under, { value }) => {
    const found = await findRecords(under, value);
    const body = openedBody(under.signed.grant.id, found, matches(found.rows));
    return answer(c, { title: "Looked up", body });
  });
  serve("dossier", { subject: textUpTo(4_000) }, async (c, under, { subject }) => {
    const dossier = await makeDossier(under, subject);
    const name = `dossier-${under.signed.grant.id.slice(0, 8)}.json`;
    c.header("Content-Disposition", `attachment; filename="${name}"`);
    return c.body(JSON.stringify(dossier, null, 2), 200, { "Content-Type": "application/json" });
  });
}

export const passkeyMissing: Html = html`<p>
  Approving and opening take a passkey, and the recover keyring has no passkey of yours for this
  console. <a href="/passkey">Make one</a>, or use <code>recover</code> in a terminal.
</p>`;

/** Of a live grant of one's own. */
export function openingForm(ports: ConsolePorts, signedIn: SignedIn, grant: Grant): Html {
  const { person, session } = signedIn;
  const { id, capability } = grant;
  const isKeyless = capability === "retry" && ports.openRemaking === null;
  if (!isUsable(capability) || isKeyless) {
    return html`<p>
      The console does not do this. Use <code>recover ${capability} --grant ${id}</code>.
    </p>`;
  }
  const { path, verb, input } = uses[capability];
  const nonce = newChallenge(session, `open ${id}`, { now: ports.now() });
  const asked = ports.signing.ask(person, stepUpBytes(id, nonce, person));
  if (asked === null) return passkeyMissing;
  return postForm(
    { action: `/grants/${id}/${path}`, session, ...asked },
    html`${input(grant)}
      <p>
        This is audited under your name, with purpose ${printable(grant.purpose)} and ticket
        ${printable(grant.ticket)}.
      </p>
      <button class="main">${verb} with ${ports.signing.by}</button>`,
  );
}

const given = { required: "", maxlength: 4_000 };

function valueInput(): Html {
  return field("value", "The value that was approved", given);
}

function dossierInput(): Html {
  return html`<p>
      A signed file of what is held about the subject, and of every access to it, to be given to
      that person. It holds no original. It comes as a download, and this page stays;
      <code>examples/verify-dossier.mjs</code> verifies it.
    </p>
    ${subjectInput()}`;
}

function subjectInput(): Html {
  return field("subject", "The subject that was approved", given);
}

function eraseInput(grant: Grant): Html {
  return html`<p>What is erased cannot be brought back.</p>
    ${namesSubject(grant) && subjectInput()}`;
}

function recordsInput(grant: Grant): Html {
  const most = openedAtMost(grant);
  const isNeeded = grant.records > most;
  const label = `Record ids, one a line${isNeeded ? `, at most ${most}` : "; empty for all"}`;
  return html`<details ${isNeeded ? "open" : ""}>
      <summary>Only some of its records</summary>
      ${field("records", label, { rows: 3, ...(isNeeded && { required: "" }) })}
    </details>
    ${grant.capability === "unmask" && html`<p>Values are shown once.</p>`}`;
}

function openedBody(grant: string, { said, failure }: Opened<unknown>, rows: Html): Html {
  return html`<p role="status">${said}</p>
    ${alert(failure)}
    <div data-gone-after="60">${rows}</div>
    <p data-gone hidden role="status">The values are gone. Opening again is another access.</p>
    <p>Gone after a minute, or with this page. <a href="/grants/${grant}">The grant</a></p>`;
}

/** What the tool says of a record, beside its values. */
const said = new Set(["record_id", "sent_at", "tokens"]);

function originals(rows: readonly ResultRow[]): Html {
  if (rows.length === 0) return html`<p>No record had a sealed value.</p>`;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => cell(row, column)));
  return table("Opened values, hidden until pressed", columns, cells);
}

function cell(row: ResultRow, column: string): Html | string {
  const value = row[column];
  if (value === undefined) return "";
  return said.has(column) ? value : hidden(column, value);
}

/** Of a body: each character may be six on the page, and the page is in memory more than once. */
const shownAtMost = 65_536;

function hidden(column: string, value: string): Html {
  const [all, shown] = [value.length, shownAtMost].map((count) => count.toLocaleString("en"));
  return html`<button type="button" class="reveal" aria-expanded="false">Show ${column}</button>
    <span class="original" hidden>${printableLines(value.slice(0, shownAtMost))}</span>
    ${
      value.length > shownAtMost &&
      html`Of ${all} characters the first ${shown}; <code>recover unmask</code> gives all.`
    }`;
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
