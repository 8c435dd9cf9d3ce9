/** Whether a record was erased, and where copies of it may stand. */

import type { Recovery } from "@org/db";
import { exit, RecoverError } from "../exit.ts";
import { type PlaceReport, reportPlaces } from "./erasure-places.ts";

export interface CheckedErasure {
  /** A day, UTC. */
  readonly erasedOn: string | null;
  readonly places: readonly PlaceReport[];
  /** Where something of it can be read again (exit 30). */
  readonly failure: RecoverError | null;
}

/** @throws {@link RecoverError} (exit 4) if it was not erased. */
export async function checkErasure(
  erasure: Recovery["erasure"],
  recordId: string,
): Promise<CheckedErasure> {
  const [record, ...states] = await erasure.ofRecord(recordId);
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
  const places = await reportPlaces(erasure, states);
  const back = places.filter(({ reason }) => reason === "stands");
  return {
    erasedOn: record.since,
    places,
    failure: back.length === 0 ? null : isBack(back),
  };
}

function isBack(places: readonly PlaceReport[]): RecoverError {
  return new RecoverError(
    exit.tampering,
    "The record was erased, and something of it can be read.",
    {
      advice:
        "Nothing sealed is handed out under its id. Find out who put it back, then erase again.",
      faults: places.map(({ place, says }) => `${place}: ${says}`),
    },
  );
}
