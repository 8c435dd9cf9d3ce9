/** `recover erasure verify`: where copies of an erased record may stand. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { checkErasure, describePlaces } from "@org/recovery";
import { uuid } from "../option-values.ts";

interface Options {
  readonly record: string;
  readonly json: boolean;
}

export function erasureVerify(edge: Edge): Command {
  return new Command("verify")
    .description("say of each place that may hold a copy: gone, or until when and why")
    .requiredOption("--record <id>", "the erased record", uuid)
    .option("--json", "print one JSON document", false)
    .addHelpText(
      "after",
      `
For custodians and auditors. Exit 0: it was erased, and copies are where the list says; 4: it was not
erased; 30: it was erased, and something of it can be read again.

Example:
  pnpm recover erasure verify --record 0190a0b0-7e1c-7c1e-8f6a-3f1d9a2b4c5d`,
    )
    .action((options: Options) => verify(edge, options));
}

async function verify(edge: Edge, options: Options): Promise<void> {
  await using recovery = openRecovery(edge);
  const { erasedOn, places, failure } = await checkErasure(recovery.erasure, options.record);
  const answer = { record: options.record, erasedOn, isBack: failure !== null, places };
  if (failure === null || options.json) {
    report(edge, options, {
      json: answer,
      text: [`Erased on ${erasedOn}.`, ...describePlaces(places)],
    });
  }
  if (failure !== null) throw failure;
}
