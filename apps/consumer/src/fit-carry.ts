/** Fits the stages of a batch together: parse, mask, sift, commit. */
import type { Writer, WriteResult } from "@org/db/writer";
import type { Sealer } from "@org/masking/seal";

import type { Breaker } from "./breaker.ts";
import { createCarry } from "./carry.ts";
import type { Carry, CarryStages } from "./carry.ts";
import { createOpenCommit } from "./stages/commit.ts";
import { createWrite } from "./stages/write.ts";
import type { Telemetry } from "./telemetry.ts";

/** What is done to a message: the contract's and the keyring's. */
export interface Masking extends Pick<CarryStages, "parse" | "toRow" | "tag"> {
  /** Null: the vault is off. */
  readonly sealer: Sealer | null;
}

export interface CarryParts {
  readonly database: Writer;
  readonly breaker: Pick<Breaker, "createTrip">;
  readonly telemetry: Pick<Telemetry, "carry" | "write">;
}

/** @param onWrote - Told of every transaction. */
export function fitCarry(
  { database, breaker, telemetry }: CarryParts,
  { sealer, ...masking }: Masking,
  onWrote: (result: WriteResult) => void,
): Carry {
  const openCommit = createOpenCommit(
    { database, breaker },
    {
      failed: telemetry.write.failed,
      wrote(result, durationMs) {
        telemetry.write.wrote(result, durationMs);
        onWrote(result);
      },
    },
  );
  const write = createWrite({ openCommit, probe: database.probe, breaker }, telemetry.write);
  const openBatch = sealer && (() => sealer.openBatch());
  return createCarry({ ...masking, write, openBatch }, telemetry.carry);
}
