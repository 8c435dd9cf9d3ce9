/** Opens values under a grant: claim, checkpoint, fetch, open, check, write, report. */

import type { Claim, Claims } from "@org/db";
import { isCanonicalizable, type Tokenizer } from "@org/masking";
import type { Unsealer } from "@org/masking/unseal";
import { fieldPolicy } from "@org/schema";
import type { Witness } from "../audit/witness.ts";
import { exit, RecoverError } from "../exit.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import type { Operator } from "../operator.ts";
import { type Reveal, revealed } from "../reveal.ts";
import { coverOrReport, makeClaim, reportingFailure } from "./claim.ts";
import { onlyClaimed, type OpenedRecord, openRecords } from "./open-records.ts";
import type { ResultFile, ResultRow } from "./result-file.ts";

export interface Unmasking {
  readonly claims: Pick<Claims, "claim" | "fetch" | "fetchBatchKeys" | "reportResult">;
  readonly witness: Witness;
  readonly operator: Operator;
  readonly unsealer: Unsealer;
  /** Null where the token key is not at hand: then tokens cannot be compared. */
  readonly tokenizer: Tokenizer<"ip" | "device_id"> | null;
}

export interface Unmasked {
  readonly claim: string;
  readonly opened: number;
  /** Claimed, but written without a seal or erased since. */
  readonly missing: number;
  readonly failed: number;
  readonly mismatched: number;
}

/**
 * Values leave this function only into `result`, and only after the intent is committed and a
 * checkpoint of it is outside the database.
 *
 * @param what.recordIds - Of those that the grant covers.
 */
export async function unmask(
  tools: Unmasking,
  what: {
    readonly signed: SignedGrant;
    readonly fields: readonly string[];
    readonly recordIds: readonly string[];
    readonly reveal: Reveal;
  },
  result: ResultFile,
): Promise<Unmasked> {
  const { claims } = tools;
  const { signed, fields, recordIds } = what;
  const use = { capability: "unmask", fields, recordIds } as const;
  const claim = await makeClaim(
    tools,
    { signed, use },
    {
      claim: (id) =>
        claims.claim(signed.grant.id, "unmask", { claim: id, fields, records: recordIds }),
    },
  );
  await coverOrReport(tools, claim);
  return reportingFailure(claims, claim, () => openClaimed(tools, { ...what, claim }, result));
}

async function openClaimed(
  tools: Unmasking,
  what: Parameters<typeof unmask>[1] & { readonly claim: Claim },
  result: ResultFile,
): Promise<Unmasked> {
  const { claims } = tools;
  const { claim } = what.claim;
  const records = onlyClaimed(await claims.fetch(claim), what.recordIds);
  const batchKeys = await claims.fetchBatchKeys(claim);
  const opened = await openRecords(records, batchKeys, tools.unsealer);
  const readable = opened.filter(({ content }) => content !== null);
  const rows = readable.map((record) => toRow(record, what, tools.tokenizer));
  if (rows.length > 0) await result.write(rows);

  const counts = {
    opened: readable.length,
    missing: what.recordIds.length - records.length,
    failed: records.length - readable.length,
    mismatched: rows.filter((row) => row["tokens"] === "mismatch").length,
  };
  await claims.reportResult(claim, { outcome: "opened", ...counts });
  return { claim, ...counts };
}

function toRow(
  { record, content }: OpenedRecord,
  { fields, reveal }: { readonly fields: readonly string[]; readonly reveal: Reveal },
  tokenizer: Unmasking["tokenizer"],
): ResultRow {
  const values = fields.flatMap((field) => {
    const value = content?.[field];
    if (value === undefined) return [];
    return [[field, field === "body" ? value : revealed(field, value, reveal)]];
  });
  const shown = Object.fromEntries(values) as Record<string, string>;
  const head = { record_id: record.recordId, sent_at: record.sentAt.toISOString() };
  if (record.source === "quarantine") return { ...head, ...shown };
  return { ...head, ...shown, tokens: compareTokens(content ?? {}, record, tokenizer) };
}

/** The row's tokens are those of the opened values, under whichever usable key they were made. */
function compareTokens(
  content: Readonly<Record<string, string>>,
  { maskedIp, maskedDeviceId }: OpenedRecord["record"],
  tokenizer: Unmasking["tokenizer"],
): "match" | "mismatch" | "unchecked" | "erased" {
  if (tokenizer === null) return "unchecked";
  if (maskedIp === "erased" && maskedDeviceId === "erased") return "erased";
  const { ip = "", device_id = "" } = content;
  const holds = (field: "ip" | "device_id", value: string, stored: string | null): boolean =>
    isCanonicalizable(fieldPolicy[field].norm, value) &&
    tokenizer.candidates(field, value).some((token) => token === stored);
  return holds("ip", ip, maskedIp) && holds("device_id", device_id, maskedDeviceId)
    ? "match"
    : "mismatch";
}

/** How an unmasking ends that did not open everything as it should be. */
export function endOf({ failed, mismatched }: Unmasked): RecoverError | null {
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
