/** `recover revoke`: ends a grant at once. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { granted } from "@org/recovery";

export function revoke(edge: Edge): Command {
  return new Command("revoke")
    .description("end a grant at once: one's own, or as an approver or auditor anybody's")
    .argument("<grant>", "the grant's id")
    .option("--json", "print one JSON document", false)
    .addHelpText("after", "\nExample:\n  pnpm recover revoke 7b0e…")
    .action(async (grant: string, options: { readonly json: boolean }) => {
      await using recovery = openRecovery(edge);
      const { state } = granted(await recovery.grants.revoke(grant));
      report(edge, options, { json: { grant, state }, text: ["The grant is revoked."] });
    });
}
