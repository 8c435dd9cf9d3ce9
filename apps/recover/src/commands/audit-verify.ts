/** `recover audit verify`: is the chain whole, and the one that its checkpoints saw? */

import { Command } from "commander";
import { verifySamples } from "../audit/audit-metrics.ts";
import {
  exit,
  explainFault,
  loadRecoverKeyring,
  printableJson,
  readCheckpoints,
  RecoverError,
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
    { readCheckpoints: () => readCheckpoints(sinks), keyring },
    { maxAgeSeconds: options.maxAge * 3600, nowMs: Date.now() },
  );
  await edge.measure(() => verifySamples(verified));
  const { fault, ...counts } = verified;
  for (const { name, reason } of counts.ignored) warnOfIgnored(edge, name, reason);
  if (fault !== null) {
    if (options.json)
      edge.stdout.write(`${printableJson({ sound: false, ...fault, ...counts })}\n`);
    const { message, advice } = explainFault(fault);
    throw new RecoverError(exit.tampering, message, { advice });
  }
  report(edge, options, {
    json: { sound: true, ...counts },
    text: [
      `The chain is whole: ${counts.rows} row(s), ${counts.checkpoints} checkpoint(s), ${counts.open} open claim(s).`,
    ],
  });
}
