/** Uses a grant as `recover` does; the private keyring and the witness's key are the console's. */

import type { Claims, Grant, MaskedRecord, Recovery } from "@org/db";
import {
  chooseRecords,
  type ClaimPorts,
  compileDossier,
  describeErased,
  describeRetried,
  type DossierJson,
  endCovered,
  endOf,
  erase,
  type Erased,
  type EraseOrder,
  lookup,
  readCheckpoints,
  RecoverError,
  type ResultRow,
  retry,
  showUsable,
  type SignedGrant,
  unmask,
} from "@org/recovery";
import type { ConsolePorts, SignedIn } from "./ports.ts";
import { Problem } from "./problem.ts";

export interface Opened<Row> {
  readonly rows: readonly Row[];
  readonly said: string;
  /** What is wrong with what was opened, or with its trace. */
  readonly failure: RecoverError | null;
}

/** One answer holds no more: a body may be as long as a message. */
export const openedAtMost = ({ fields, capability }: Grant): number =>
  fields.includes("body") || capability === "retry" ? 20 : 200;

/** What is done under a grant begins with this: its signatures verified, a witness at hand. */
export interface Under extends ClaimPorts {
  readonly ports: ConsolePorts;
  readonly recovery: Recovery;
  readonly claims: Claims;
  readonly signed: SignedGrant;
}

export async function begin(
  ports: ConsolePorts,
  { person: operator, recovery }: SignedIn,
  grant: string,
): Promise<Under> {
  const { grants } = recovery;
  const signed = await showUsable({ grants, operator }, grant, ports.contract.name);
  const claims = ports.claimCounts.counted(recovery.claims, signed);
  const witness = await ports.openWitness(recovery, operator.keyring);
  return { ports, recovery, claims, signed, operator, witness };
}

/** @param records - None: all of the grant. */
export async function openOriginals(
  under: Under,
  records: readonly string[],
): Promise<Opened<ResultRow>> {
  const { ports, signed, recovery } = under;
  const { contract, tokenizer } = ports;
  const recordIds = recordsOf(signed, records);
  const unsealer = await ports.openUnsealer(recovery);
  const rows: ResultRow[] = [];
  const result = { write: async (some: readonly ResultRow[]) => void rows.push(...some) };
  const { fields, reveal } = signed.grant;
  const order = { contract, signed, fields, recordIds, reveal };
  const unmasked = await unmask({ ...under, unsealer, tokenizer, result }, order);
  const { opened, missing } = unmasked;
  const failure = await failureOf(endCovered(under.witness, endOf(unmasked)));
  return { rows, failure, said: `Opened ${opened} of ${opened + missing} record(s).` };
}

function recordsOf(signed: SignedGrant, records: readonly string[]): readonly string[] {
  const chosen = chooseRecords(signed, records.length > 0 ? records : undefined);
  const most = openedAtMost(signed.grant);
  if (chosen.length <= most) return chosen;
  throw new Problem(
    400,
    `The console takes ${most} of these records at a time.`,
    "Name some of the grant's records, or use `recover`.",
  );
}

export async function findRecords(under: Under, value: string): Promise<Opened<MaskedRecord>> {
  const { ports, signed, operator } = under;
  const tokenizer = await ports.tokenizerFor(operator.login);
  const [field = ""] = signed.grant.fields;
  const limit = openedAtMost(signed.grant);
  const order = { contract: ports.contract, signed, field, value, limit };
  const rows = await lookup({ ...under, tokenizer }, order);
  const failure = await failureOf(endCovered(under.witness, null));
  return { rows, failure, said: `${rows.length} record(s) have it.` };
}

/** For the subject, signed by the console's key. */
export async function makeDossier(under: Under, subject: string): Promise<DossierJson> {
  const { ports, signed, recovery, witness } = under;
  const { contract, key } = ports;
  const sinks = await ports.openSinks(under.operator.keyring);
  const operator = { ...under.operator, key };
  const readAll = () => readCheckpoints(sinks);
  const made = await compileDossier(
    { ...under, dossier: recovery.dossier, operator, readCheckpoints: readAll },
    { contract, signed, subject },
  );
  await endCovered(witness, null);
  return made;
}

/**
 * No body is shown: what is a message of the contract by now becomes a row.
 *
 * @param records - None: all of the grant.
 */
export async function retryMessages(
  under: Under,
  records: readonly string[],
): Promise<Pick<Opened<string>, "rows" | "failure">> {
  const { ports, signed, recovery, witness } = under;
  const { contract, openRemaking } = ports;
  if (openRemaking === null) throw keyless;
  const unsealer = await ports.openUnsealer(recovery);
  const order = { grantId: signed.grant.id, recordIds: recordsOf(signed, records) };
  const retried = await retry({ ...under, contract, unsealer, ...(await openRemaking()) }, order);
  const failure = await failureOf(endCovered(witness, null));
  return { rows: describeRetried(retried, contract.name), failure };
}

const keyless = new Problem(
  400,
  "The console has not the consumer's keyring.",
  "Use `recover quarantine retry`, or have MASKLINE_KEYRING set for the console.",
);

/** As many batches as one answer takes; a page of counting is one too. */
export async function eraseSome(
  { contract, limits, openWitness }: ConsolePorts,
  { person: operator, recovery }: SignedIn,
  order: Omit<EraseOrder, "contract">,
): Promise<Erased & { readonly said: readonly string[]; readonly failure: RecoverError | null }> {
  const witness = await openWitness(recovery, operator.keyring);
  let batches = 0;
  const goOn = (): boolean => (batches += 1) < limits.eraseBatches;
  const erased = await erase({ recovery, witness, operator }, { ...order, contract }, goOn);
  const failure = erased.isDone ? await failureOf(endCovered(witness, null)) : null;
  return { ...erased, said: describeErased(erased, contract), failure };
}

/** What was opened is shown all the same: the audit says that it was. */
async function failureOf(end: Promise<void>): Promise<RecoverError | null> {
  try {
    await end;
    return null;
  } catch (error) {
    if (error instanceof RecoverError) return error;
    throw error;
  }
}
