/** `recover audit verify`: is the chain whole, and the one that its checkpoints saw? */

import { Command } from "commander";
import { verifySamples } from "../audit/audit-metrics.ts";
import {
  type AuditFault,
  type CheckpointSink,
  exit,
  loadRecoverKeyring,
  printableJson,
  RecoverError,
  type StoredCheckpoint,
  verifyAudit,
} from "@org/recovery";
import { openRecovery, openSinks, warnOfIgnored } from "../compose.ts";
import { readSettings } from "../config.ts";
import { type MeasuredEdge, report } from "../edge.ts";
import { naturalNumber } from "../option-values.ts";

interface Options {
  readonly maxAge: number;
  readonly json: boolean;
}

const sentences: Record<AuditFault["kind"], string> = {
  gap: "A row is missing.",
  reordered: "A row does not follow its predecessor.",
  edited: "A row is not what was hashed.",
  rewritten: "A row differs from the checkpoint that saw it: the chain was rewritten.",
  cut_off: "Rows that a checkpoint saw are gone: the chain was cut off.",
  wrong_head: "The chain does not end where the database says it does.",
  unexplained_intent: "An intent has no result, and its time is over.",
  ungranted_intent: "An intent does not follow its request, resolution and approval.",
  unsigned_intent: "An intent has not the signed approvals that it needs, in this deployment.",
  unwitnessed_intent: "Something was handed out or changed, and no checkpoint covers its intent.",
  no_checkpoint: "There is no checkpoint: nothing outside the database vouches for the chain.",
  stale_checkpoint: "The newest checkpoint is too old.",
};

const advice: Partial<Record<AuditFault["kind"], string>> = {
  unexplained_intent:
    "An access was cut short. `recover audit settle` writes down that its result is not known; ask who made it.",
  no_checkpoint: "Check the recover keyring's sinks; `recover audit checkpoint` makes one.",
  stale_checkpoint: "Run `recover audit checkpoint` by cron, and find out why it did not run.",
};

const preserve =
  "Keep the database, its log and the checkpoints as they are, and tell the security team.";

export function auditVerify(edge: MeasuredEdge): Command {
  return new Command("verify")
    .description("check chain, checkpoints and grants; exit 30 names the first bad row")
    .option("--max-age <hours>", "how old the newest checkpoint may be", naturalNumber, 24)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Each row must follow from the one before, and each checkpoint from a row; each intent needs its
request, its resolution, approvals that were signed for this deployment, a checkpoint of its own,
and a result. Run it as an auditor, away from the database's machine, with a sink that the
database's administrators cannot change.

Example:
  pnpm recover audit verify --max-age 1`,
    )
    .action((options: Options) => verify(edge, options));
}

async function verify(edge: MeasuredEdge, options: Options): Promise<void> {
  const { RECOVER_KEYRING: path } = readSettings(edge.env, ["RECOVER_KEYRING"]);
  const keyring = await loadRecoverKeyring(path);
  const sinks = await openSinks(edge, keyring);
  await using recovery = openRecovery(edge);
  const verified = await verifyAudit(
    recovery,
    { readCheckpoints: () => readAll(sinks), keyring },
    { maxAgeSeconds: options.maxAge * 3600, nowMs: Date.now() },
  );
  await edge.measure(() => verifySamples(verified));
  const { fault, ...counts } = verified;
  for (const { name, reason } of counts.ignored) warnOfIgnored(edge, name, reason);
  if (fault !== null) {
    if (options.json)
      edge.stdout.write(`${printableJson({ sound: false, ...fault, ...counts })}\n`);
    const where = fault.seq === null ? "" : ` First bad row: ${fault.seq}.`;
    throw new RecoverError(exit.tampering, `${sentences[fault.kind]}${where} (${fault.kind})`, {
      advice: advice[fault.kind] ?? preserve,
    });
  }
  report(edge, options, {
    json: { sound: true, ...counts },
    text: [
      `The chain is whole: ${counts.rows} row(s), ${counts.checkpoints} checkpoint(s), ${counts.open} open claim(s).`,
    ],
  });
}

async function readAll(sinks: readonly CheckpointSink[]): Promise<StoredCheckpoint[]> {
  const found: StoredCheckpoint[] = [];
  for (const sink of sinks) {
    for await (const stored of sink.read()) found.push(stored);
  }
  return found;
}
