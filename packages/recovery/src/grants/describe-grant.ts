/** A grant as people read it: what its requester wrote cannot pass for a line of its own. */

import type { Grant } from "@org/db";
import { printable } from "../printable.ts";
import { challengeOf, type Signed } from "./canonical-grant.ts";

/** @param required - Approvals that count, where the recover keyring is at hand. */
export function describeGrant(grant: Grant, required: number = grant.approvalsRequired): string[] {
  const { kind, ...selected } = grant.selector;
  const approved = grant.approvals.filter(({ decision }) => decision === "approve");
  const lines = [
    `Grant        ${grant.id} (${grant.state})`,
    `Asked by     ${grant.requester}, ${grant.createdAt}, tenant ${grant.tenant}`,
    `Contract     ${grant.contract}`,
    `To           ${grant.capability}${grant.fields.length > 0 ? ` ${grant.fields.join(", ")}` : ""}${grant.reveal === "partial" ? " (partly revealed)" : ""}`,
    `Chosen by    ${kind}${describeSelected(selected)}`,
    `Covers       ${grant.records} ${grant.capability === "rewrap" ? "batch key(s)" : "record(s)"} at the time of the request; ${describeLimit(grant)}`,
    `Purpose      ${grant.purpose}, ticket ${grant.ticket}`,
    `Because      ${JSON.stringify(grant.justification)}`,
    `Until        ${grant.expiresAt}`,
    `Approvals    ${approved.length} of ${required}${describePeople(grant)}`,
  ];
  return lines.map(printable);
}

/**
 * What a passkey signs, in hexadecimal. Whoever shows other terms than are signed shows another digest
 * than a tool elsewhere does.
 */
export function describeDigest(grant: Grant, signed: Signed): string {
  const digest = Buffer.from(challengeOf(grant, signed)).toString("hex");
  return `Digest       ${digest} (to ${signed.decision})`;
}

function describeSelected(selected: Readonly<Record<string, unknown>>): string {
  const parts = Object.entries(selected).map(([name, value]) =>
    Array.isArray(value) ? `${value.length} ${name}` : `${name} ${String(value)}`,
  );
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function describeLimit({ capability, maxRecords, usedRecords }: Grant): string {
  if (capability === "lookup") return `${usedRecords} of ${maxRecords} look-up(s) used`;
  const isBounded = ["unmask", "dossier", "retry"].includes(capability);
  return isBounded ? `${usedRecords} of ${maxRecords} used` : "nothing that comes later";
}

function describePeople({ approvals }: Grant): string {
  const people = approvals.map(({ approver, decision }) => `${approver}: ${decision}`);
  return people.length === 0 ? "" : ` (${people.join(", ")})`;
}
