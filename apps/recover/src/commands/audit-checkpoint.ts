/** `recover audit checkpoint`: signs where the chain ends now. */

import { Command } from "commander";
import { countSamples } from "../audit/audit-metrics.ts";
import { openRecovery, openWitness } from "../compose.ts";
import { type MeasuredEdge, report } from "../edge.ts";

export function auditCheckpoint(edge: MeasuredEdge): Command {
  return new Command("checkpoint")
    .description("put a signed checkpoint of the chain's end outside the database")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
Every access makes its own. By cron, every few minutes, it also bounds how long anything else can be
taken back, and shows that nobody stopped it. It takes the duty witness. With MASKLINE_METRICS_FILE
it tells Prometheus how many requests, accesses and refusals the chain holds.

Example:
  */5 * * * *  pnpm -s recover audit checkpoint`,
    )
    .action(async (options: { readonly json: boolean }) => {
      await using recovery = openRecovery(edge);
      const { witness } = await openWitness(edge, recovery);
      const position = await witness.coverEnd();
      await edge.measure(async () => countSamples(await recovery.audit.counts()));
      report(edge, options, {
        json: position,
        text: [`The checkpoint covers ${position.seq} row(s); the last has hash ${position.hash}.`],
      });
    });
}
