/** Opens under a grant, as `recover` does; the private keyring and the witness's key are the console's. */

import type { MaskedRecord } from "@org/db";
import {
  chooseRecords,
  compileDossier,
  type DossierJson,
  endCovered,
  endOf,
  lookup,
  readCheckpoints,
  RecoverError,
  type ResultRow,
  showUsable,
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

/** One answer holds no more. */
export const openedAtMost = 200;

export async function openOriginals(
  ports: ConsolePorts,
  { person, recovery }: SignedIn,
  chosen: { readonly grant: string; readonly records: readonly string[] },
): Promise<Opened<ResultRow>> {
  const { grants, claims } = recovery;
  const { contract } = ports;
  const signed = await showUsable({ grants, operator: person }, chosen.grant, contract.name);
  const recordIds = chooseRecords(signed, chosen.records.length > 0 ? chosen.records : undefined);
  if (recordIds.length > openedAtMost) throw tooMany;
  const witness = await ports.openWitness(recovery, person.keyring);
  const unsealer = await ports.openUnsealer(recovery);
  const tokenizer = ports.hasTokenizer ? await ports.openTokenizer() : null;
  const rows: ResultRow[] = [];
  const result = { write: async (some: readonly ResultRow[]) => void rows.push(...some) };
  const { grant } = signed;
  const unmasked = await unmask(
    { claims, witness, operator: person, unsealer, tokenizer, result },
    { contract, signed, fields: grant.fields, recordIds, reveal: grant.reveal },
  );
  const { opened, missing } = unmasked;
  const failure = await failureOf(endCovered(witness, endOf(unmasked)));
  return { rows, failure, said: `Opened ${opened} record(s); ${missing} had no sealed value.` };
}

const tooMany = new Problem(
  400,
  `The console opens ${openedAtMost} records at a time.`,
  "Name some of the grant's records, or use `recover unmask`, which writes a file.",
);

export async function findRecords(
  ports: ConsolePorts,
  { person, recovery }: SignedIn,
  { grant, value }: { readonly grant: string; readonly value: string },
): Promise<Opened<MaskedRecord>> {
  const { grants, claims } = recovery;
  const { contract } = ports;
  const signed = await showUsable({ grants, operator: person }, grant, contract.name);
  const tokenizer = await ports.openTokenizer();
  const witness = await ports.openWitness(recovery, person.keyring);
  const [field = ""] = signed.grant.fields;
  const rows = await lookup(
    { claims, witness, operator: person, tokenizer },
    { contract, signed, field, value, limit: openedAtMost },
  );
  const failure = await failureOf(endCovered(witness, null));
  return { rows, failure, said: `${rows.length} record(s) have it.` };
}

/** For the subject, signed by the console's key. */
export async function makeDossier(
  ports: ConsolePorts,
  { person, recovery }: SignedIn,
  { grant, subject }: { readonly grant: string; readonly subject: string },
): Promise<DossierJson> {
  const { grants, claims, dossier } = recovery;
  const { contract, key } = ports;
  const signed = await showUsable({ grants, operator: person }, grant, contract.name);
  const witness = await ports.openWitness(recovery, person.keyring);
  const sinks = await ports.openSinks(person.keyring);
  const readAll = () => readCheckpoints(sinks);
  const made = await compileDossier(
    { claims, dossier, witness, operator: { ...person, key }, readCheckpoints: readAll },
    { contract, signed, subject },
  );
  await endCovered(witness, null);
  return made;
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
