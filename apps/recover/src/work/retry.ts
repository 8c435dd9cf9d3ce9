/** Gives quarantined messages another try: opened, parsed and masked as the consumer does. */

import type { ClaimedRecord, FreshBatchKey, Recovery, RetriedLogin } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Sealer } from "@org/masking/seal";
import type { Unsealer } from "@org/masking/unseal";
import { type createLoginParser, type Login, majorVersion } from "@org/schema";
import { onlyClaimed, openRecords, requireOpenable } from "../open/open-records.ts";
import { chooseRecords, showUsable } from "../grants/show-verified.ts";
import { makeClaim } from "../open/claim.ts";
import type { WorkTools } from "./open-work.ts";

export interface RetryTools extends WorkTools {
  readonly recovery: Pick<Recovery, "grants" | "claims" | "work">;
  readonly unsealer: Unsealer;
  readonly parse: ReturnType<typeof createLoginParser>;
  readonly tokenizer: Tokenizer<"ip" | "device_id">;
  /** Null where originals are not kept. */
  readonly sealer: Sealer | null;
}

export interface Retried {
  readonly written: number;
  readonly failed: number;
  /** Still no login, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Record ids of logins that the database refuses as rows, by SQLSTATE. */
  readonly refused: Readonly<Record<string, readonly string[]>>;
}

/**
 * No body leaves this function: what is no login stays in quarantine as it was. The claim stays open
 * until every message was tried: a run that was cut short is gone on with.
 */
export async function retry(
  tools: RetryTools,
  what: { readonly grantId: string; readonly recordIds: readonly string[] | undefined },
): Promise<Retried> {
  const { grants, claims } = tools.recovery;
  const { operator, witness, sealer } = tools;
  using probe = sealer?.openBatch();
  if (probe) await requireOpenable(probe, tools.unsealer);
  const signed = await showUsable({ grants, operator }, what.grantId);
  const recordIds = chooseRecords(signed, what.recordIds);
  const use = { capability: "retry", fields: [], recordIds } as const;
  const claim = await makeClaim(
    { claims, operator },
    { signed, use },
    {
      claim: (id) =>
        claims.claim(what.grantId, "retry", { claim: id, fields: [], records: recordIds }),
      mayResume: true,
    },
  );
  await witness.cover(claim);
  return await retryClaimed(tools, claim.claim, recordIds);
}

async function retryClaimed(
  tools: RetryTools,
  claim: string,
  recordIds: readonly string[],
): Promise<Retried> {
  const { claims } = tools.recovery;
  const opened = await openRecords(
    onlyClaimed(await claims.fetch(claim), recordIds),
    await claims.fetchBatchKeys(claim),
    tools.unsealer,
  );
  const rejected: Record<string, number> = {};
  const refused: Record<string, string[]> = {};
  let written = 0;
  let failed = 0;
  for (const { record, content } of opened) {
    const parsed = content === null ? null : tools.parse(content["body"] ?? "");
    if (parsed === null) failed += 1;
    else if (parsed.kind === "login") {
      const sqlState = await write(tools, claim, record, parsed.login);
      if (sqlState === null) written += 1;
      else (refused[sqlState] ??= []).push(record.recordId);
    } else rejected[parsed.reason] = (rejected[parsed.reason] ?? 0) + 1;
  }
  await claims.reportResult(claim, { outcome: "retried", written, failed });
  return { written, failed, rejected, refused };
}

/** Null once it is a row; the SQLSTATE with which the database refuses it as one. */
async function write(
  { recovery, tokenizer, sealer }: RetryTools,
  claim: string,
  { recordId }: ClaimedRecord,
  login: Login,
): Promise<string | null> {
  const { ip, device_id, app_version, user_id, device_type, locale } = login;
  const row: RetriedLogin = {
    user_id,
    device_type,
    locale,
    masked_ip: tokenizer.tokenize("ip", ip),
    masked_device_id: tokenizer.tokenize("device_id", device_id),
    app_version: majorVersion(app_version),
    app_version_text: app_version,
  };
  using batch = sealer?.openBatch() ?? null;
  const at = { table: "user_logins", recordId };
  const key: FreshBatchKey | null = batch;
  const vault = batch && key && { key, ...batch.seal(at, { ip, device_id }) };
  return await recovery.work.retryStore(claim, recordId, row, vault);
}
