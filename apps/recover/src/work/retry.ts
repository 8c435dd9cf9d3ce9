/** Gives quarantined messages another try: opened, parsed and masked as the consumer does. */

import type { ClaimedRecord, FreshBatchKey, Recovery, RetriedLogin } from "@org/db";
import type { Tokenizer } from "@org/masking";
import type { Sealer } from "@org/masking/seal";
import type { Unsealer } from "@org/masking/unseal";
import { type createLoginParser, type Login, majorVersion } from "@org/schema";
import { onlyClaimed, openRecords } from "../open/open-records.ts";
import { chooseRecords, showVerified } from "../grants/show-verified.ts";
import { coverOrReport, reportingFailure, requireSigned } from "../open/claim.ts";
import { granted } from "../refusals.ts";
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
}

/** No body leaves this function: what is no login stays in quarantine as it was. */
export async function retry(
  tools: RetryTools,
  what: { readonly grantId: string; readonly recordIds: readonly string[] | undefined },
): Promise<Retried> {
  const { grants, claims } = tools.recovery;
  const { operator, witness } = tools;
  const signed = await showVerified({ grants, operator }, what.grantId);
  const recordIds = chooseRecords(signed, what.recordIds);
  const claim = granted(
    await claims.claim(what.grantId, "retry", { fields: [], records: recordIds }),
  );
  const use = { capability: "retry", fields: [], recordIds } as const;
  await requireSigned({ claims, operator }, claim, { signed, use });
  await coverOrReport({ claims, witness }, claim);
  return reportingFailure(claims, claim, () => retryClaimed(tools, claim.claim, recordIds));
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
  let written = 0;
  let failed = 0;
  for (const { record, content } of opened) {
    const parsed = content === null ? null : tools.parse(content["body"] ?? "");
    if (parsed === null) failed += 1;
    else if (parsed.kind === "login") {
      await write(tools, claim, record, parsed.login);
      written += 1;
    } else rejected[parsed.reason] = (rejected[parsed.reason] ?? 0) + 1;
  }
  await claims.reportResult(claim, { outcome: "retried", written, failed });
  return { written, failed, rejected };
}

async function write(
  { recovery, tokenizer, sealer }: RetryTools,
  claim: string,
  { recordId }: ClaimedRecord,
  login: Login,
): Promise<void> {
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
  await recovery.work.retryStore(claim, recordId, row, vault);
}
