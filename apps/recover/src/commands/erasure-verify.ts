/** `recover erasure verify`: where copies of an erased record may stand. */

import { Command } from "commander";
import { openRecovery } from "../compose.ts";
import { type Edge, report } from "../edge.ts";
import { exit, RecoverError } from "@org/recovery";
import { uuid } from "../option-values.ts";
import { describePlaces, reportPlaces } from "../work/erasure-places.ts";

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
  const [record, ...states] = await recovery.erasure.ofRecord(options.record);
  if (record?.reason !== "erased") {
    const isThere = record?.reason === "not_erased";
    throw new RecoverError(
      exit.notFound,
      isThere
        ? `The record was not erased: it stands in ${record.relations.join(", ")}.`
        : "No record of this id was erased here, and none stands here.",
      {
        advice: isThere
          ? "`recover request erase` asks for it."
          : "Check the id. What expired by retention is not remembered.",
      },
    );
  }
  const places = await reportPlaces(recovery.erasure, states);
  const isBack = places.some(({ reason }) => reason === "stands");
  const answer = { record: options.record, erasedOn: record.since, isBack, places };
  if (!isBack || options.json) {
    report(edge, options, {
      json: answer,
      text: [`Erased on ${record.since}.`, ...describePlaces(places)],
    });
  }
  if (!isBack) return;
  throw new RecoverError(
    exit.tampering,
    "The record was erased, and something of it can be read.",
    {
      advice:
        "Nothing sealed is handed out under its id. Find out who put it back, then erase again.",
      faults: places.flatMap(({ place, reason, says }) =>
        reason === "stands" ? [`${place}: ${says}`] : [],
      ),
    },
  );
}
