/** `recover audit settle`: explains claims that were cut short. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";

export function auditSettle(edge: Edge): Command {
  return new Command("settle")
    .description("write down which accesses were cut short: claimed, and no result in time")
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
The row says whether sealed records had been handed out; whether anybody read them is not known.
The next access of the same person does this by itself.

Example:
  pnpm recover audit settle`,
    )
    .action(async (options: { readonly json: boolean }) => {
      await using recovery = openRecovery(edge);
      const settled = await recovery.audit.closeOverdue();
      report(edge, options, { json: { settled }, text: [`${settled} claim(s) were overdue.`] });
    });
}
