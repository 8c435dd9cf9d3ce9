/** What could not become a row: by reason, without the bodies. */

import type { QuarantineEntry } from "@org/db";
import { printable } from "@org/recovery";
import { html } from "hono/html";
import { answer } from "../answer.ts";
import type { App } from "../ports.ts";
import type { Session } from "../sign-in/sessions.ts";
import { reasons } from "./ask.ts";
import { choice, type Html, postForm } from "./forms.ts";
import { table } from "./layout.ts";

const readAtMost = 10_000;
const shownAtMost = 100;

export function serveQuarantine(app: App): void {
  app.get("/quarantine", async (c) => {
    const { recovery, session } = c.get("signedIn");
    const entries = await recovery.claims.listQuarantine(readAtMost);
    return answer(c, { title: "Quarantine", body: body(entries, session) });
  });
}

function body(entries: readonly QuarantineEntry[], session: Session): Html {
  if (entries.length === 0) return html`<p role="status">Nothing is in quarantine.</p>`;
  const byReason = [...Map.groupBy(entries, ({ contract, reason }) => `${contract} ${reason}`)];
  const counts = byReason
    .toSorted(([, one], [, other]) => other.length - one.length)
    .map(([name, some]) => [
      printable(name),
      String(some.length),
      some[0]?.sentAt.toISOString() ?? "",
    ]);
  const rows = entries
    .slice(0, shownAtMost)
    .map((entry) => [
      html`<label
        ><input type="checkbox" name="record" value="${entry.recordId}" />
        <code>${entry.recordId}</code></label
      >`,
      printable(entry.reason),
      entry.sqlState ?? "",
      entry.sentAt.toISOString(),
      entry.quarantinedOn,
    ]);
  return html`<p>Of the newest ${entries.length} message(s), without their bodies.</p>
    ${table("By reason", ["Contract and reason", "Messages", "Newest sent"], counts)}
    ${postForm(
      { action: "/ask/quarantined", session },
      html`${table("Newest", ["Record", "Reason", "SQLSTATE", "Sent", "Quarantined on"], rows)}
        ${choice("what", "To those that are ticked", [
          ["unmask", "Open the bodies"],
          ["retry", "Try again, once the reason is fixed"],
          ["erase", "Erase"],
        ])}
        ${reasons("quarantined")}
        <p><button>Ask</button></p>`,
    )}`;
}
