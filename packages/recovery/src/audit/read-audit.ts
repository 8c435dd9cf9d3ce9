/** The audit's rows in order, a page at a time. */

import type { Audit, AuditRow } from "@org/db";

const pageRows = 5_000;

export async function* readAudit(
  audit: Pick<Audit, "read">,
  after = 0,
): AsyncGenerator<AuditRow, void> {
  let seq = after;
  for (;;) {
    const page = await audit.read(seq, pageRows);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    seq = last.seq;
  }
}

/** Those that are meant, newest first: the whole chain is read for them. */
export async function newestRows(
  audit: Pick<Audit, "read">,
  isMeant: (row: AuditRow) => boolean,
  atMost: number,
): Promise<AuditRow[]> {
  const kept: AuditRow[] = [];
  for await (const row of readAudit(audit)) {
    if (isMeant(row)) kept.push(row);
    if (kept.length > atMost) kept.shift();
  }
  return kept.toReversed();
}
