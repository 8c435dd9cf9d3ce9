/** The audit: its newest rows, searched; and whether the whole of it holds. */

import type { AuditRow } from "@org/db";
import {
  auditActions,
  explainFault,
  newestRows,
  printable,
  readCheckpoints,
  verifyAudit,
} from "@org/recovery";
import { html } from "hono/html";
import { z } from "zod";
import { answer } from "../answer.ts";
import { readForm, uuid } from "../form.ts";
import type { App, ConsolePorts, SignedIn } from "../ports.ts";
import { alert, field, type Html, postForm, select } from "./forms.ts";
import { table } from "./layout.ts";

const shownRows = 100;
const maxAgeSeconds = 24 * 3600;

/** What a search may name: then nothing else comes back from an address into a page. */
const searchBy = ({ person }: SignedIn) =>
  z.object({
    grant: uuid.or(z.literal("")),
    actor: z.enum(["", ...person.keyring.members.map(({ login }) => login)]),
    action: z.enum(["", ...auditActions]),
  });

type Search = z.output<ReturnType<typeof searchBy>>;

export function serveAudit(app: App, ports: ConsolePorts): void {
  app.get("/audit", async (c) => {
    const signedIn = c.get("signedIn");
    const search = readForm(new URLSearchParams(c.req.query()), searchBy(signedIn));
    const { grant, actor, action } = search;
    const isMeant = (row: AuditRow): boolean =>
      (grant === "" || row.grantId === grant) &&
      (actor === "" || row.actor === actor) &&
      (action === "" || row.action === action);
    const rows = await newestRows(signedIn.recovery.audit, isMeant, shownRows);
    return answer(c, { title: "Audit", body: list(rows, search, signedIn) });
  });

  app.post("/audit/verify", async (c) => {
    const { person, recovery } = c.get("signedIn");
    const { keyring } = person;
    const sinks = await ports.openSinks(keyring);
    const verified = await verifyAudit(
      recovery,
      { readCheckpoints: () => readCheckpoints(sinks), keyring },
      { maxAgeSeconds, nowMs: ports.now() },
    );
    const { fault, rows, checkpoints, open, ignored } = verified;
    const said = fault === null ? null : explainFault(fault);
    return answer(c, {
      title: said === null ? "The audit is whole" : "The audit is not whole",
      body: html`${alert(said)}
        <p role="status">${rows} row(s), ${checkpoints} checkpoint(s), ${open} open claim(s).</p>
        ${ignored.length === 0 ? "" : ignoredList(ignored)}
        <p><a href="/audit">The rows</a></p>`,
    });
  });
}

function ignoredList(ignored: readonly { readonly name: string; readonly reason: string }[]): Html {
  return html`<h2>Ignored among the checkpoints</h2>
    <ul>
      ${ignored.map(({ name, reason }) => html`<li>${printable(name)} ${reason}.</li>`)}
    </ul>`;
}

function list(rows: readonly AuditRow[], search: Search, { person, session }: SignedIn): Html {
  const cells = rows.map((row) => [
    String(row.seq),
    new Date(Number(row.atMicros) / 1000).toISOString(),
    printable(row.actor),
    row.action,
    row.grantId === null
      ? ""
      : html`<a href="/grants/${row.grantId}">${row.grantId.slice(0, 8)}</a>`,
    html`<code>${printable(row.detail)}</code>`,
  ]);
  const columns = ["Row", "When", "Who", "What", "Grant", "Detail"];
  const logins = ["", ...person.keyring.members.map(({ login }) => login)];
  const actions = ["", ...auditActions];
  return html`${postForm(
      { action: "/audit/verify", session },
      html`<p>
          Verifying reads every row, holds it against the checkpoints outside the database, and each
          access against its request, its signed approvals and its end.
        </p>
        <button class="main">Verify the audit</button>`,
    )}
    <form method="get" action="/audit">
      ${field("grant", "Grant", { value: search.grant })}
      <div class="pair">
        <div>${select("actor", "Who", { options: logins, chosen: search.actor })}</div>
        <div>${select("action", "What", { options: actions, chosen: search.action })}</div>
      </div>
      <button>Search</button>
    </form>
    ${
      rows.length === 0
        ? html`<p role="status">No row.</p>`
        : table(`The newest ${rows.length} row(s)`, columns, cells)
    }`;
}
