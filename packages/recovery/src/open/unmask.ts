/** Opens values under a grant: claim, checkpoint, fetch, open, check, write, report. */

import type { Claims } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Unsealer } from "@org/masking/unseal";
import type { AnyContract } from "@org/schema";
import { exit, RecoverError } from "../exit.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import { type Reveal, revealed } from "../reveal.ts";
import { type ClaimPorts, makeClaim, reportingFailure } from "./claim.ts";
import { areSameSubject, isNamedIn, namesSubject } from "../grants/subject-commitment.ts";
import {
  fitTokens,
  isOfSubject,
  type Originals,
  type TokenSource,
  tokenSourcesOf,
} from "./compare.ts";
import { onlyClaimed, type OpenedRecord, openRecords } from "./open-records.ts";

/** A record as it is shown: by column, its fields and what is said of it. */
export type ResultRow = Readonly<Record<string, string>>;

/** Where opened values go. */
export interface ResultSink {
  readonly write: (rows: readonly ResultRow[]) => Promise<void>;
}

export interface UnmaskPorts extends ClaimPorts {
  readonly claims: Pick<Claims, "claim" | "fetch" | "fetchBatchKeys" | "reportResult">;
  readonly unsealer: Unsealer;
  /** Null where the token key is not at hand: then tokens cannot be compared. */
  readonly tokenizer: Tokenizer<string> | null;
  readonly result: ResultSink;
}

/** What is to be opened. */
export interface UnmaskOrder {
  readonly contract: AnyContract;
  readonly signed: SignedGrant;
  readonly fields: readonly string[];
  /** Of those that the grant covers. */
  readonly recordIds: readonly string[];
  /** Whose records they are, as whoever opens them says. */
  readonly subject?: string | undefined;
  readonly reveal: Reveal;
}

export interface Unmasked {
  readonly claim: string;
  readonly opened: number;
  /** Claimed, but written without a seal or erased since. */
  readonly missing: number;
  readonly failed: number;
  readonly mismatched: number;
  /** Sealed for another subject than the row, the grant, or whoever opens them says. */
  readonly misplaced: number;
}

/**
 * Values leave this function only into `ports.result`, and only after the intent is committed and a
 * checkpoint of it is outside the database.
 */
export async function unmask(ports: UnmaskPorts, order: UnmaskOrder): Promise<Unmasked> {
  const { claims } = ports;
  const { signed, fields, recordIds } = order;
  const { id: grant } = signed.grant;
  const contract = order.contract.name;
  const use = { contract, capability: "unmask", fields, recordIds } as const;
  const claim = await makeClaim(
    ports,
    { signed, use },
    {
      claim: (id) =>
        claims.claim({ grant, capability: "unmask", claim: id, fields, records: recordIds }),
    },
  );
  return reportingFailure(claims, claim, () => openClaimed(ports, order, claim.claim));
}

async function openClaimed(
  ports: UnmaskPorts,
  order: UnmaskOrder,
  claim: string,
): Promise<Unmasked> {
  const { claims, unsealer, tokenizer } = ports;
  const records = onlyClaimed(await claims.fetch(claim), order.recordIds);
  const batchKeys = await claims.fetchBatchKeys(claim);
  const { table } = order.contract;
  const opened = await openRecords(records, batchKeys, { unsealer, table });
  const readable = opened.filter(({ content }) => content !== null);
  const sources = tokenSourcesOf(order.contract);
  const checked = readable.map((record) => ({
    record,
    check: checkRecord(record, { ...order, sources, tokenizer }),
  }));
  if (checked.length > 0) {
    await ports.result.write(checked.map(({ record, check }) => toRow(record, check, order)));
  }

  const count = (wanted: Check): number => checked.filter(({ check }) => check === wanted).length;
  const counts = {
    opened: readable.length,
    missing: order.recordIds.length - records.length,
    failed: records.length - readable.length,
    mismatched: count("mismatch"),
    misplaced: count("another subject"),
  };
  await claims.reportResult(claim, { outcome: "opened", ...counts });
  return { claim, ...counts };
}

/** Of a record's originals beside its row's tokens and subject; null of a body, which has no row. */
type Check = "match" | "mismatch" | "another subject" | "unchecked" | null;

interface CheckRules extends Pick<UnmaskOrder, "contract" | "signed" | "subject"> {
  readonly sources: readonly TokenSource[];
  readonly tokenizer: Tokenizer<string> | null;
}

function checkRecord({ record, content }: OpenedRecord, rules: CheckRules): Check {
  const { contract, sources, tokenizer } = rules;
  if (record.source === "quarantine") return null;
  // A row has tokens, if none in them: a database that keeps them back is held to that.
  const { tokens, subject } = { ...record, tokens: record.tokens ?? {} };
  const originals = content ?? {};
  const fits = (some: readonly TokenSource[], by: Tokenizer<string>): boolean =>
    fitTokens(originals, tokens, { sources: some, tokenizer: by });
  if (!isOfSubject(originals, subject, contract) || !isAsNamed(originals, rules)) {
    return "another subject";
  }
  if (tokenizer === null) return "unchecked";
  const ofSubject = sources.filter(({ field }) => field === contract.subject);
  if (!fits(ofSubject, tokenizer)) return "another subject";
  return fits(sources, tokenizer) ? "match" : "mismatch";
}

/** Whose row it is can be changed until the request was resolved, and back; whom it names cannot. */
function isAsNamed(
  originals: Originals,
  { contract, signed: { grant }, subject }: CheckRules,
): boolean {
  const value = originals[contract.subject] ?? "";
  const { subjectSalt: salt } = grant;
  if (namesSubject(grant) && !isNamedIn(grant, contract, { value, salt })) return false;
  return subject === undefined || areSameSubject(contract, value, subject);
}

function toRow(
  { record, content }: OpenedRecord,
  check: Check,
  { contract, fields, reveal }: UnmaskOrder,
): ResultRow {
  const shown = fields.flatMap((field): [string, string][] => {
    const value = content?.[field];
    // The grant is for this subject: nothing is shown of anybody else.
    if (value === undefined || check === "another subject") return [];
    const norm = contract.fields.find(({ name }) => name === field)?.norm;
    return [[field, revealed(norm ?? null, value, reveal)]];
  });
  return {
    record_id: record.recordId,
    sent_at: record.sentAt.toISOString(),
    ...Object.fromEntries(shown),
    ...(check !== null && { tokens: check }),
  };
}

/** How an unmasking ends that did not open everything as it should be. */
export function endOf({ failed, mismatched, misplaced }: Unmasked): RecoverError | null {
  if (misplaced > 0) {
    return new RecoverError(
      exit.tampering,
      `${misplaced} record(s) were sealed for another subject than their row's, or than was asked for.`,
      { advice: "Somebody moved a row to another person, or a sealed record to another row." },
    );
  }
  if (mismatched > 0) {
    return new RecoverError(exit.tampering, `${mismatched} record(s) do not fit their tokens.`, {
      advice:
        "The row, or its sealed record, was changed after it was written; or the keyring is another.",
    });
  }
  if (failed > 0) {
    return new RecoverError(exit.unsealFailed, `${failed} record(s) could not be opened.`, {
      advice: "They were sealed to a recipient that the private keyring lacks, or were changed.",
    });
  }
  return null;
}
