/** Opens values under a grant: claim, checkpoint, fetch, open, check, write, report. */

import type { Claim, Claims, Grant, Grants } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Unsealer } from "@org/masking/unseal";
import type { Witness } from "../audit/witness.ts";
import { exit, RecoverError } from "../exit.ts";
import { findForgery } from "../grants/verify-grant.ts";
import { granted, refusal } from "../refusals.ts";
import { type Reveal, revealed } from "../reveal.ts";
import type { RecoverKeyring } from "../signing.ts";
import { type OpenedRecord, openRecords } from "./open-records.ts";
import type { ResultFile, ResultRow } from "./result-file.ts";

export interface Unmasking {
  readonly grants: Pick<Grants, "show" | "records" | "reportRefusal">;
  readonly claims: Pick<Claims, "claim" | "fetch" | "fetchBatchKeys" | "reportResult">;
  readonly witness: Witness;
  readonly keyring: RecoverKeyring;
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

/** The grant, if its approvals hold; a forged one is audited. */
export async function showVerified(
  { grants, keyring }: Pick<Unmasking, "grants" | "keyring">,
  id: string,
): Promise<{ grant: Grant; recordIds: string[] }> {
  const grant = await grants.show(id);
  if (grant === null) throw refusal("no_such_grant");
  const recordIds = await grants.records(id);
  const forgery = findForgery(grant, recordIds, keyring);
  if (forgery === null) return { grant, recordIds };
  await grants.reportRefusal(id, forgery);
  throw refusal("forged_approval");
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
    readonly grant: Grant;
    readonly fields: readonly string[];
    readonly recordIds: readonly string[];
    readonly reveal: Reveal;
  },
  result: ResultFile,
): Promise<Unmasked> {
  const { claims } = tools;
  const claim = granted(
    await claims.claim(what.grant.id, "unmask", { fields: what.fields, records: what.recordIds }),
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
  const records = await claims.fetch(claim);
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

/** Without a checkpoint nothing is fetched, and the claim says so. */
export async function coverOrReport(
  { claims, witness }: { claims: Pick<Claims, "reportResult">; witness: Witness },
  claim: Claim,
): Promise<void> {
  try {
    await witness.cover(claim);
  } catch (error) {
    await claims.reportResult(claim.claim, { outcome: "not_opened", reason: "no_checkpoint" });
    throw error;
  }
}

/** What goes wrong after the checkpoint is in the audit too, unless the process died of it. */
export async function reportingFailure<T>(
  claims: Pick<Claims, "reportResult">,
  { claim }: Claim,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    await claims.reportResult(claim, { outcome: "failed" }).catch(() => {});
    throw error;
  }
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
  const holds =
    tokenizer.candidates("ip", ip).some((token) => token === maskedIp) &&
    tokenizer.candidates("device_id", device_id).some((token) => token === maskedDeviceId);
  return holds ? "match" : "mismatch";
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
