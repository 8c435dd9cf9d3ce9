/** `recover quarantine`: messages that could not become a row. */

import { Command } from "commander";
import { createToRow } from "@org/schema";
import {
  openContract,
  openParser,
  openRecovery,
  openSealer,
  openTokenizer,
  openUnsealer,
  openWitness,
} from "../compose.ts";
import { readSettings } from "../config.ts";
import { contractOption, positive, uuids } from "../option-values.ts";
import { type Edge, report } from "../edge.ts";
import { describeRetried, endCovered, retry as retryMessages } from "@org/recovery";
import { formatRows } from "../result-file.ts";
import { erase } from "./erase.ts";
import { open, type UnmaskOptions, withResultOptions } from "./unmask.ts";

export function quarantineCommands(edge: Edge): Command {
  return new Command("quarantine")
    .description("list, open, retry and purge messages that could not become a row")
    .addCommand(list(edge))
    .addCommand(show(edge))
    .addCommand(retry(edge))
    .addCommand(purge(edge));
}

function list(edge: Edge): Command {
  return new Command("list")
    .description("show what is in quarantine, without the bodies")
    .option("--limit <n>", "how many, newest first", positive, 100)
    .option("--json", "print one JSON document", false)
    .addHelpText("after", "\nExample:\n  pnpm recover quarantine list")
    .action(async (options: { readonly limit: number; readonly json: boolean }) => {
      await using recovery = openRecovery(edge);
      const entries = await recovery.claims.listQuarantine(options.limit);
      const rows = entries.map((entry) => ({
        record_id: entry.recordId,
        message_id: entry.messageId,
        sent_at: entry.sentAt.toISOString(),
        quarantined_on: entry.quarantinedOn,
        contract: entry.contract,
        reason: entry.reason,
        sql_state: entry.sqlState ?? "",
      }));
      const text = rows.length === 0 ? "Nothing is in quarantine." : formatRows(rows, "table");
      report(edge, options, { json: rows, text: [text.trimEnd()] });
    });
}

function show(edge: Edge): Command {
  return withResultOptions(new Command("show"))
    .description("open bodies: that is unmasking, with the same grants and audit")
    .option("--record <id...>", "only these messages of the grant", uuids)
    .addHelpText(
      "after",
      `
Example:
  pnpm recover request unmask --field body --quarantined 0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d \\
    --purpose support --ticket OPS-12 --justification "A producer sends a new shape"
  pnpm recover quarantine show --grant 7b0e… --out bodies.jsonl --format jsonl`,
    )
    .action((options: UnmaskOptions) => open(edge, { ...options, reveal: "full" }));
}

function retry(edge: Edge): Command {
  return new Command("retry")
    .description("parse and mask the messages again; what is one now becomes a row, the rest stays")
    .requiredOption("--grant <id>", "the approved grant")
    .addOption(contractOption())
    .option("--record <id...>", "only these messages of the grant", uuids)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
For when the reason is fixed: a changed contract, a migration. Bodies are not shown. Each message is
written in a transaction of its own; killed, it is run again.

Example:
  pnpm recover request retry --quarantined 0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d \\
    --purpose repair --ticket OPS-12 --justification "The new shape is understood now"
  pnpm recover quarantine retry --grant 7b0e…`,
    )
    .action((options: RetryOptions) => retryAll(edge, options));
}

interface RetryOptions {
  readonly grant: string;
  readonly contract?: string;
  readonly record?: readonly string[];
  readonly json: boolean;
}

async function retryAll(edge: Edge, options: RetryOptions): Promise<void> {
  readSettings(edge.env, ["RECOVER_DATABASE_URL", "MASKLINE_KEYRING"]);
  await using recovery = openRecovery(edge);
  const { witness, operator } = await openWitness(edge, recovery);
  const contract = await openContract(edge, options.contract);
  const tokenizer = await openTokenizer(edge, contract);
  const retried = await retryMessages(
    {
      recovery,
      witness,
      operator,
      contract,
      unsealer: await openUnsealer(edge, recovery),
      sealer: await openSealer(edge),
      parse: openParser(edge, contract),
      toRow: createToRow(contract, tokenizer),
    },
    { grantId: options.grant, recordIds: options.record },
  );
  report(edge, options, { json: retried, text: describeRetried(retried, contract.name) });
  await endCovered(witness, null);
}

function purge(edge: Edge): Command {
  return erase(edge)
    .name("purge")
    .description(
      "delete messages before their retention ends: erase, for a grant with --quarantined",
    );
}
