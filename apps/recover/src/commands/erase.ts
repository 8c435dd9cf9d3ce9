/** `recover erase`: makes originals unreadable, for good. */

import type { WhatRemains } from "@org/db";
import { Command } from "commander";
import { openRecovery, openWitness } from "../compose.ts";
import { confirmOrEnd, type Edge, report } from "../edge.ts";
import { showVerified } from "../grants/show-verified.ts";
import { endCovered } from "../open/claim.ts";
import { withProgress } from "../progress.ts";
import { erase as eraseRecords } from "../work/erase.ts";
import { describeGrant } from "./describe-grant.ts";

interface Options {
  readonly grant: string;
  readonly subject?: string;
  readonly yes: boolean;
  readonly json: boolean;
}

export function erase(edge: Edge): Command {
  return new Command("erase")
    .description("delete seeds and sealed records, and tombstone tokens, under a grant")
    .requiredOption(
      "--grant <id>",
      "the approved grant: it says which records, and whether tokens go",
    )
    .option("--subject <user_id>", "the user, if the grant is for one: grants do not hold user ids")
    .option("--yes", "do not ask on a terminal", false)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Ask first, as \`recover request erase --subject USER_ID\`, \`--record ID\`, \`--before DATE\` or
\`--quarantined ID\`; with --keep-tokens the masked values stay. The rows stay, and so does the
ledger: a message that comes again is not written a second time. Killed, it is run again.

Example:
  pnpm recover erase --grant 7b0e… --subject 424cdd21-063a-43a7-b91b-7ca1a833afae`,
    )
    .action((options: Options) => run(edge, options));
}

async function run(edge: Edge, options: Options): Promise<void> {
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const { grant } = await showVerified({ grants: recovery.grants, operator }, options.grant);
  await confirmOrEnd(edge, options.yes, [
    ...describeGrant(grant),
    "",
    "What is erased cannot be brought back.",
  ]);
  const what = { grantId: options.grant, userId: options.subject };
  const erased = await withProgress(edge, "records erased", (progress) =>
    eraseRecords({ recovery, witness, operator }, what, progress),
  );
  report(edge, options, {
    json: erased,
    text: [
      `Erased ${erased.records} record(s), ${erased.seeds} of them with a seed.`,
      ...describeRemains(erased.remains),
    ],
  });
  await endCovered(witness, null);
}

function describeRemains(remains: WhatRemains): string[] {
  const { backupsUntil, backupDays, quarantined, newestQuarantinedOn } = remains;
  return [
    "What remains:",
    "  - The deleted rows' bytes, in the tables' files until VACUUM has run on maskline.seed and",
    "    maskline.vault, and in the WAL until it is recycled.",
    `  - Backups, replicas and archived WAL of before now: until ${backupsUntil}, if they are kept for ${backupDays} days`,
    "    (recovery.policy.backup_days). Only then is no seed left anywhere.",
    quarantined === 0
      ? "  - No quarantined message: nothing there to look for."
      : `  - ${quarantined} quarantined message(s), the newest of ${newestQuarantinedOn}: their bodies are sealed, so a subject cannot be found in them; they expire by retention (30 days unless configured).`,
    "  - Messages that still stand in the queue or its dead-letter queue (at most 14 days each): one",
    "    that was written before is not written again; a new one is a new record.",
    "  - The rows themselves, with user_id, device_type, locale and version.",
  ];
}
