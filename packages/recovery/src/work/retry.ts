/** Gives quarantined messages another try: opened, parsed and masked as the consumer does. */

import type { Claims, Recovery, RetriedRow } from "@org/db";
import type { Sealer } from "@org/masking/seal";
import type { Unsealer } from "@org/masking/unseal";
import type { AnyContract, MessageOf, Parse, ToRow } from "@org/schema";
import { chooseRecords, showUsable } from "../grants/show-verified.ts";
import { makeClaim } from "../open/claim.ts";
import { onlyClaimed, openRecords, requireOpenable } from "../open/open-records.ts";
import type { WorkPorts } from "./open-work.ts";

export interface RetryPorts extends WorkPorts {
  readonly recovery: Pick<Recovery, "grants" | "claims" | "work">;
  readonly contract: AnyContract;
  readonly unsealer: Unsealer;
  readonly parse: Parse<MessageOf<AnyContract>>;
  readonly toRow: ToRow<AnyContract>;
  /** Null where originals are not kept. */
  readonly sealer: Sealer | null;
}

export interface RetryOrder {
  readonly grantId: string;
  /** Of those that the grant covers; left out, all. */
  readonly recordIds: readonly string[] | undefined;
}

export interface Retried {
  readonly written: number;
  readonly failed: number;
  /** Still no message of the contract, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Record ids of messages that the database refuses as rows, by SQLSTATE. */
  readonly refused: Readonly<Record<string, readonly string[]>>;
}

/**
 * No body leaves this function: what is refused stays in quarantine as it was. The claim stays open
 * until every message was tried: a run that was cut short is resumed.
 */
export async function retry(ports: RetryPorts, order: RetryOrder): Promise<Retried> {
  const { grants, claims } = ports.recovery;
  const { operator, witness, sealer } = ports;
  using probe = sealer?.openBatch();
  if (probe) await requireOpenable(probe, ports.unsealer);
  const contract = ports.contract.name;
  const { grantId: grant } = order;
  const signed = await showUsable({ grants, operator }, grant, contract);
  const records = chooseRecords(signed, order.recordIds);
  const use = { contract, capability: "retry", fields: [], recordIds: records } as const;
  const claim = await makeClaim(
    { claims, witness, operator },
    { signed, use },
    {
      claim: (id) => claims.claim({ grant, capability: "retry", claim: id, fields: [], records }),
      mayResume: true,
    },
  );
  return await retryClaimed(ports, claim.claim, records);
}

async function retryClaimed(
  ports: RetryPorts,
  claim: string,
  recordIds: readonly string[],
): Promise<Retried> {
  const claims: Claims = ports.recovery.claims;
  const opened = await openRecords(
    onlyClaimed(await claims.fetch(claim), recordIds),
    await claims.fetchBatchKeys(claim),
    { unsealer: ports.unsealer, table: ports.contract.table },
  );
  const rejected: Record<string, number> = {};
  const refused: Record<string, string[]> = {};
  let written = 0;
  let failed = 0;
  for (const { record, content } of opened) {
    const parsed = content === null ? null : ports.parse(content["body"] ?? "");
    if (parsed === null) failed += 1;
    else if (parsed.kind === "message") {
      const sqlState = await write(ports, claim, {
        recordId: record.recordId,
        message: parsed.message,
      });
      if (sqlState === null) written += 1;
      else (refused[sqlState] ??= []).push(record.recordId);
    } else rejected[parsed.reason] = (rejected[parsed.reason] ?? 0) + 1;
  }
  await claims.reportResult(claim, { outcome: "retried", written, failed });
  return { written, failed, rejected, refused };
}

interface Retriable {
  readonly recordId: string;
  readonly message: MessageOf<AnyContract>;
}

/** Null once it is a row; the SQLSTATE with which the database refuses it as one. */
async function write(
  { recovery, toRow, sealer }: RetryPorts,
  claim: string,
  { recordId, message }: Retriable,
): Promise<string | null> {
  using batch = sealer?.openBatch() ?? null;
  const { columns, vault } = toRow(message, { recordId, sealer: batch });
  const row: RetriedRow = {
    recordId,
    columns,
    vault: batch && vault && { key: batch, ...vault },
  };
  return await recovery.work.retryStore(claim, row);
}

export function describeRetried(
  { written, failed, rejected, refused }: Retried,
  contract: string,
): string[] {
  const reasons = Object.entries(rejected).map(([reason, count]) => `  ${count} ${reason}`);
  const rows = Object.entries(refused).flatMap(([sqlState, recordIds]) =>
    recordIds.map((recordId) => `  ${recordId}: no row to the database (${sqlState})`),
  );
  const still = [...reasons, ...rows];
  return [
    `${written} became row(s); ${failed} could not be opened; still no ${contract}:`,
    ...(still.length === 0 ? ["  none"] : still),
  ];
}
