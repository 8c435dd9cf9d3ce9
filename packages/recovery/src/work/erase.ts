/** Erases what a grant names: seeds, sealed records, tokens. */

import type { Grant, Recovery } from "@org/db";
import type { AnyContract } from "@org/schema";
import { isNamedIn, namesSubject, plainSubject } from "../grants/subject-commitment.ts";
import { refusal } from "../refusals.ts";
import { describePlaces, type PlaceReport, reportPlaces } from "./erasure-places.ts";
import { describeArrived, openWork, type WorkPorts } from "./open-work.ts";

const batchRecords = 1_000;

export interface EraseOrder {
  readonly grantId: string;
  readonly contract: AnyContract;
  /** The subject, as somebody names it again: the grant has a hash of it. */
  readonly subject?: string | undefined;
  /** What earlier steps of the same run erased; default nothing. */
  readonly before?: EraseCounts | undefined;
}

export interface ErasePorts extends WorkPorts {
  readonly recovery: WorkPorts["recovery"] & Pick<Recovery, "erasure">;
}

export interface EraseCounts {
  readonly records: number;
  /** Of them, those that had a seed: the others could not have been opened anyway. */
  readonly seeds: number;
}

export interface Erased extends EraseCounts {
  /** Of so many in the grant. */
  readonly listed: number;
  /** False of a run that was not let go on: the next one resumes its claim. */
  readonly isDone: boolean;
  /** What came after the request, and stays: nobody approved it. */
  readonly arrived: number;
  /** Where copies may stand. */
  readonly places: readonly PlaceReport[];
}

/**
 * In batches, each a transaction; killed and run again, it resumes where it was.
 *
 * @param goOn - Asked after each batch, and each page that is counted, but the last; told how many records are erased.
 * @throws {@link RecoverError} (exit 3) if the subject is not the grant's, or only one of both names one.
 */
export async function erase(
  ports: ErasePorts,
  { grantId, contract, subject: value, before }: EraseOrder,
  goOn: (records: number) => boolean,
): Promise<Erased> {
  const { work, claims, erasure } = ports.recovery;
  const order = { grantId, contract: contract.name, capability: "erase" } as const;
  const { grant, claim, subject } = await openWork(ports, {
    ...order,
    subjectOf: (signed) => subjectToErase(signed, contract, value),
  });
  const paused = { listed: grant.records, isDone: false, arrived: 0, places: [] };
  let { records, seeds } = before ?? { records: 0, seeds: 0 };
  for (let isDone = false; !isDone;) {
    const batch = await work.eraseNext({ claim: claim.claim, subject, limit: batchRecords });
    records += batch.erased;
    seeds += batch.seeds;
    isDone = batch.isDone;
    if (!isDone && !goOn(records)) return { ...paused, records, seeds };
  }
  let arrived = 0;
  for (let isDone = false; !isDone;) {
    ({ arrived, isDone } = await work.countArrived({ claim: claim.claim, subject }));
    if (!isDone && !goOn(records)) return { ...paused, records, seeds };
  }
  await claims.reportResult(claim.claim, { outcome: "erased", records, seeds, arrived });
  const places = await reportPlaces(erasure, await erasure.ofClaim(claim.claim));
  return { records, seeds, listed: grant.records, isDone: true, arrived, places };
}

/** What the work is given of the subject. One that is masked stands in the grant by its tokens. */
function subjectToErase(
  grant: Grant,
  contract: AnyContract,
  value: string | undefined,
): string | undefined {
  const isAsked =
    value === undefined
      ? !namesSubject(grant)
      : isNamedIn(grant, contract, { value, salt: grant.subjectSalt });
  if (!isAsked) throw refusal("wrong_records");
  const isPlain = value !== undefined && "subject" in grant.selector;
  return isPlain ? plainSubject(contract, value) : undefined;
}

export function describeErased(erased: Erased, { fields }: Pick<AnyContract, "fields">): string[] {
  const { records, seeds, listed, isDone, arrived, places } = erased;
  if (!isDone) return [`Erased ${records} of ${listed} record(s) so far.`];
  const plain = fields.filter(({ isMasked }) => !isMasked).map(({ name }) => name);
  return [
    `Erased ${records} record(s), ${seeds} of them with a seed.`,
    ...describeArrived(arrived, "record(s)"),
    ...describePlaces(places),
    `The rows stay, with ${plain.join(", ")}.`,
  ];
}
