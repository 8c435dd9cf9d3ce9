/** The audit: its newest rows, searched; and whether the whole of it holds. */

import type { Audit, AuditRow } from "@org/db";
import { auditActions, explainFault, printable, readCheckpoints, verifyAudit } from "@org/recovery";
import { html } from "hono/html";
import { answer } from "../answer.ts";
import { uuid } from "../form.ts";
import type { App, ConsolePorts, SignedIn } from "../ports.ts";
import { Problem } from "../problem.ts";
import { formToken, type Html, table } from "./layout.ts";

const pageRows = 5_000;
const shownRows = 100;
const maxAgeSeconds = 24 * 3600;

interface Search {
  readonly grant: string;
  readonly actor: string;
  readonly action: string;
}

export function serveAudit(app: App, ports: ConsolePorts): void {
  app.get("/audit", async (c) => {
    const signedIn = c.get("signedIn");
    const query = (name: string): string => c.req.query(name) ?? "";
    const search = { grant: query("grant"), actor: query("actor"), action: query("action") };
    requireKnown(search, signedIn);
    const rows = await newest(signedIn.recovery.audit, search);
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
      body: html`${
          said === null
            ? ""
            : html`<p role="alert">${said.message}</p>
                <p>${said.advice}</p>`
        }
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

function option(value: string, chosen: string): Html {
  return html`<option value="${value}" ${value === chosen ? "selected" : ""}>
    ${value || "any"}
  </option>`;
}

/** What a search may name: then nothing else comes back from an address into a page. */
function requireKnown({ grant, actor, action }: Search, { person }: SignedIn): void {
  const isActor = actor === "" || person.keyring.members.some(({ login }) => login === actor);
  const isAction = action === "" || auditActions.some((each) => each === action);
  if ((grant === "" || uuid.safeParse(grant).success) && isActor && isAction) return;
  throw new Problem(
    400,
    "The search is not in the form that it takes.",
    "Use the form of the page.",
  );
}

/** Reads the whole chain, as `recover audit list` does: newest first. */
async function newest(audit: Audit, { grant, actor, action }: Search): Promise<AuditRow[]> {
  const id = grant.toLowerCase();
  const kept: AuditRow[] = [];
  for (let page = await audit.read(0, pageRows); page.length > 0;) {
    for (const row of page) {
      const isMeant =
        (grant === "" || row.grantId === id) &&
        (actor === "" || row.actor === actor) &&
        (action === "" || row.action === action);
      if (isMeant) kept.push(row);
      if (kept.length > shownRows) kept.shift();
    }
    page = await audit.read(page.at(-1)?.seq ?? 0, pageRows);
  }
  return kept.toReversed();
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
  return html`<form method="post" action="/audit/verify">
      ${formToken(session)}
      <p>
        Verifying reads every row, holds it against the checkpoints outside the database, and each
        access against its request, its signed approvals and its end.
      </p>
      <button>Verify the audit</button>
    </form>
    <form method="get" action="/audit">
      <label for="grant">Grant</label>
      <input
        id="grant"
        name="grant"
        value="${search.grant}"
        autocomplete="off"
        spellcheck="false"
      />
      <div class="pair">
        <div>
          <label for="actor">Who</label>
          <select id="actor" name="actor">
            ${["", ...person.keyring.members.map(({ login }) => login)].map((login) =>
              option(login, search.actor),
            )}
          </select>
        </div>
        <div>
          <label for="action">What</label>
          <select id="action" name="action">
            ${["", ...auditActions].map((each) => option(each, search.action))}
          </select>
        </div>
      </div>
      <button class="quiet">Search</button>
    </form>
    ${
      rows.length === 0
        ? html`<p role="status">No row.</p>`
        : table(`The newest ${rows.length} row(s)`, columns, cells)
    }`;
}
