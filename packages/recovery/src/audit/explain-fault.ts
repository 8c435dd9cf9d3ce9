/** What is wrong with an audit, as people read it. */

import type { AuditFault } from "./verify.ts";

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

export interface ExplainedFault {
  readonly message: string;
  readonly advice: string;
}

export function explainFault({ kind, seq }: AuditFault): ExplainedFault {
  const where = seq === null ? "" : ` First bad row: ${seq}.`;
  return { message: `${sentences[kind]}${where} (${kind})`, advice: advice[kind] ?? preserve };
}
