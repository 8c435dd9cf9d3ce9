/** `recover audit list` and `export`: the audit's rows, for people and for other systems. */

import type { AuditRow } from "@org/db";
import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { naturalNumber, positive } from "../option-values.ts";
import { formatRows } from "../result-file.ts";
import { newestRows, printableJson, readAudit } from "@org/recovery";

interface Options {
  readonly after: number;
  readonly limit: number;
  readonly grant?: string;
  readonly json: boolean;
}

export function auditList(edge: Edge): Command {
  return new Command("list")
    .description("show the newest rows of the audit, or those of one grant")
    .option("--grant <id>", "only rows of this grant")
    .option("--limit <n>", "how many, newest first", positive, 50)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", "\nExample:\n  pnpm recover audit list --grant 7b0e…")
    .action(async (options: Options) => {
      await using recovery = openRecovery(edge);
      const { grant: id, limit } = options;
      const isMeant = (row: AuditRow): boolean => id === undefined || row.grantId === id;
      const shown = (await newestRows(recovery.audit, isMeant, limit)).map(toJson);
      const cells = shown.map(({ seq, at, actor, action, grant, detail }) => ({
        seq: String(seq),
        at,
        actor,
        action,
        grant: grant ?? "",
        detail: JSON.stringify(detail),
      }));
      const none = options.grant === undefined ? "The audit is empty." : "No row names this grant.";
      const text = cells.length === 0 ? none : formatRows(cells, "table").trimEnd();
      report(edge, options, { json: shown, text: [text] });
    });
}

export function auditExport(edge: Edge): Command {
  return new Command("export")
    .description("print every row as JSON lines, with its hashes")
    .option("--after <seq>", "only rows after this one", naturalNumber, 0)
    .addHelpText("after", "\nExample:\n  pnpm -s recover audit export --after 1200 >> audit.jsonl")
    .action(async (options: Options) => {
      await using recovery = openRecovery(edge);
      for await (const row of readAudit(recovery.audit, options.after)) {
        edge.stdout.write(`${printableJson(toJson(row))}\n`);
      }
    });
}

function toJson(row: AuditRow) {
  return {
    seq: row.seq,
    at: new Date(Number(row.atMicros) / 1000).toISOString(),
    at_micros: row.atMicros,
    actor: row.actor,
    action: row.action,
    grant: row.grantId,
    claim: row.claimId,
    detail: parse(row.detail),
    detail_text: row.detail,
    previous_hash: Buffer.from(row.previousHash).toString("hex"),
    hash: Buffer.from(row.hash).toString("hex"),
  };
}

/** Null of what somebody made no JSON: it must not end the list of the others. */
function parse(detail: string): unknown {
  try {
    return JSON.parse(detail) as unknown;
  } catch {
    return null;
  }
}
