/** Uses a grant as `recover` does; the private keyring and the witness's key are the console's. */

import type { Grant, MaskedRecord } from "@org/db";
import {
  chooseRecords,
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
export const openedAtMost = ({ fields }: Grant): number => (fields.includes("body") ? 20 : 200);

interface Chosen {
  readonly grant: string;
  /** None: all of the grant. */
  readonly records: readonly string[];
}

async function begin(
  { contract, openWitness, claimCounts }: ConsolePorts,
  { person: operator, recovery }: SignedIn,
  grant: string,
) {
  const { grants } = recovery;
  const signed = await showUsable({ grants, operator }, grant, contract.name);
  const claims = claimCounts.counted(recovery.claims, signed);
  return { signed, claims, operator, witness: await openWitness(recovery, operator.keyring) };
}

export async function openOriginals(
  ports: ConsolePorts,
  signedIn: SignedIn,
  chosen: Chosen,
): Promise<Opened<ResultRow>> {
  const { signed, ...begun } = await begin(ports, signedIn, chosen.grant);
  const recordIds = recordsOf(signed, chosen);
  const unsealer = await ports.openUnsealer(signedIn.recovery);
  const { tokenizer } = ports;
  const rows: ResultRow[] = [];
  const result = { write: async (some: readonly ResultRow[]) => void rows.push(...some) };
  const { fields, reveal } = signed.grant;
  const unmasked = await unmask(
    { ...begun, unsealer, tokenizer, result },
    { contract: ports.contract, signed, fields, recordIds, reveal },
  );
  const { opened, missing } = unmasked;
  const failure = await failureOf(endCovered(begun.witness, endOf(unmasked)));
  return { rows, failure, said: `Opened ${opened} record(s); ${missing} had no sealed value.` };
}

function recordsOf(signed: SignedGrant, { records }: Chosen): readonly string[] {
  const chosen = chooseRecords(signed, records.length > 0 ? records : undefined);
  const most = openedAtMost(signed.grant);
  if (chosen.length <= most) return chosen;
  throw new Problem(
    400,
    `The console takes ${most} of these records at a time.`,
    "Name some of the grant's records, or use `recover`.",
  );
}

export async function findRecords(
  ports: ConsolePorts,
  signedIn: SignedIn,
  { grant, value }: { readonly grant: string; readonly value: string },
): Promise<Opened<MaskedRecord>> {
  const { signed, ...begun } = await begin(ports, signedIn, grant);
  const tokenizer = await ports.tokenizerFor(signedIn.person.login);
  const [field = ""] = signed.grant.fields;
  const rows = await lookup(
    { ...begun, tokenizer },
    { contract: ports.contract, signed, field, value, limit: openedAtMost(signed.grant) },
  );
  const failure = await failureOf(endCovered(begun.witness, null));
  return { rows, failure, said: `${rows.length} record(s) have it.` };
}

/** For the subject, signed by the console's key. */
export async function makeDossier(
  ports: ConsolePorts,
  signedIn: SignedIn,
  { grant, subject }: { readonly grant: string; readonly subject: string },
): Promise<DossierJson> {
  const { contract, key } = ports;
  const { signed, operator, ...begun } = await begin(ports, signedIn, grant);
  const sinks = await ports.openSinks(operator.keyring);
  const { dossier } = signedIn.recovery;
  const made = await compileDossier(
    {
      ...begun,
      dossier,
      operator: { ...operator, key },
      readCheckpoints: () => readCheckpoints(sinks),
    },
    { contract, signed, subject },
  );
  await endCovered(begun.witness, null);
  return made;
}

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

/** No body is shown: what is a message of the contract by now becomes a row. */
export async function retryMessages(
  ports: ConsolePorts,
  signedIn: SignedIn,
  chosen: Chosen,
): Promise<Pick<Opened<string>, "rows" | "failure">> {
  const { contract, openRemaking } = ports;
  const { recovery } = signedIn;
  const { signed, witness, operator } = await begin(ports, signedIn, chosen.grant);
  if (openRemaking === null) throw keyless;
  const tools = {
    contract,
    unsealer: await ports.openUnsealer(recovery),
    ...(await openRemaking()),
  };
  const retried = await retry(
    { recovery, witness, operator, ...tools },
    { grantId: chosen.grant, recordIds: recordsOf(signed, chosen) },
  );
  const failure = await failureOf(endCovered(witness, null));
  return { rows: describeRetried(retried, contract.name), failure };
}

const keyless = new Problem(
  400,
  "The console has not the consumer's keyring.",
  "Use `recover quarantine retry`, or have MASKLINE_KEYRING set for the console.",
);

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
