/** What could not become a row: by reason, without the bodies. */

import type { QuarantineEntry } from "@org/db";
import { printable } from "@org/recovery";
import { html } from "hono/html";
import { answer } from "../answer.ts";
import type { App } from "../ports.ts";
import type { Html } from "./forms.ts";
import { table } from "./layout.ts";

const readAtMost = 10_000;
const shownAtMost = 100;

export function serveQuarantine(app: App): void {
  app.get("/quarantine", async (c) => {
    const entries = await c.get("signedIn").recovery.claims.listQuarantine(readAtMost);
    return answer(c, { title: "Quarantine", body: body(entries) });
  });
}

function body(entries: readonly QuarantineEntry[]): Html {
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
      html`<code>${entry.recordId}</code>`,
      printable(entry.reason),
      entry.sqlState ?? "",
      entry.sentAt.toISOString(),
      entry.quarantinedOn,
    ]);
  return html`<p>
      Of the newest ${entries.length} message(s). Bodies are opened by
      <code>recover request unmask --field body --quarantined ID</code>, and tried again by
      <code>recover request retry</code>.
    </p>
    ${table("By reason", ["Contract and reason", "Messages", "Newest sent"], counts)}
    ${table("Newest", ["Record", "Reason", "SQLSTATE", "Sent", "Quarantined on"], rows)}`;
}
