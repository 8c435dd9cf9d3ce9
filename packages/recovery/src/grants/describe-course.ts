/** What became of a grant, and when: by the audit, as people read it. */

import { createHash } from "node:crypto";
import type { AuditRow, Grant, Grants } from "@org/db";
import { hashOf } from "../audit/chain.ts";
import { parse } from "../audit/trace.ts";
import { printable } from "../printable.ts";
import type { RecoverKeyring } from "../signing/recover-keyring.ts";
import { isSigned } from "./verify-grant.ts";

/**
 * A line for each row, and for each decision that has none. Each row is hashed anew, and a decision held against
 * the grant's signatures; that the rows stand in the chain, and that none is missing, `audit verify` proves alone.
 */
export async function describeCourse(
  grants: Pick<Grants, "audit">,
  grant: Grant,
  keyring: RecoverKeyring,
): Promise<string[]> {
  const rows = await grants.audit(grant.id);
  const lines = rows.map((row) => {
    const at = new Date(Number(row.atMicros) / 1000).toISOString();
    return `${at}  ${row.actor}: ${describeRow(row, grant, keyring)}`;
  });
  const silent = grant.approvals.filter(({ approver, decision }) =>
    rows.every(({ actor, action }) => actor !== approver || action !== decisions[decision]),
  );
  const unknown = silent.map(
    ({ approver, decision }) => `not in the audit         ${approver}: ${decisions[decision]}`,
  );
  return [...lines, ...unknown, `${grant.expiresAt}      it ends`].map(printable);
}

const decisions = { approve: "approved", deny: "denied" } as const;

function describeRow(row: AuditRow, grant: Grant, keyring: RecoverKeyring): string {
  const isWhole = row.grantId === grant.id && hashOf(row) === Buffer.from(row.hash).toString("hex");
  if (!isWhole) return `${row.action}; the row is not what was hashed`;
  const { records, outcome, key } = parse(row.detail);
  if (row.action === "approved" || row.action === "denied") {
    const holds = isOfSignature(row, grant, keyring);
    return `${row.action} with key ${String(key)}; the signature ${holds ? "holds" : "does not hold"}`;
  }
  if (row.action === "intent") return `began: ${String(records)} record(s)`;
  if (row.action === "result") return `ended: ${String(outcome)}`;
  return row.action === "resolved" ? `resolved: ${String(records)} record(s)` : row.action;
}

function isOfSignature(row: AuditRow, grant: Grant, keyring: RecoverKeyring): boolean {
  const { key, signature_sha256: digest } = parse(row.detail);
  return grant.approvals.some(
    (approval) =>
      approval.approver === row.actor &&
      approval.keyId === key &&
      decisions[approval.decision] === row.action &&
      createHash("sha256").update(approval.signature, "hex").digest("hex") === digest &&
      isSigned(grant, approval, keyring),
  );
}
