/**
 * Whether a grant allows what is to be done under it. The database decides that first and audits
 * its refusals; where it let something pass, this holds it against what was signed.
 */

import type { Capability, Grant, Result } from "@org/db";
import type { Person } from "../operator.ts";
import type { SignedGrant } from "./show-verified.ts";
import { countApprovers, requiredFor } from "./verify-grant.ts";

/** What is to be done. */
export interface Use {
  /** A contract's name; `*` for work on what the contracts share. */
  readonly contract: string;
  readonly capability: Capability;
  readonly fields: readonly string[];
  /** Empty of a look-up, and of work: that is on all that the grant lists. */
  readonly recordIds: readonly string[];
  /** Of a look-up. */
  readonly tokens?: readonly string[];
}

/** Each is also why a claim ends. */
export type Excess = Exclude<NonNullable<Result["reason"]>, "no_checkpoint">;

export interface Moment {
  readonly operator: Person;
  readonly nowMs: number;
}

/** The first thing that the signed terms do not allow, or null. */
export function findExcess(
  { grant, recordIds }: SignedGrant,
  use: Use,
  { operator, nowMs }: Moment,
): Excess | null {
  if (countApprovers(grant) < requiredFor(grant, operator.keyring)) return "forged_approval";
  if (grant.requester !== operator.login) return "wrong_person";
  if (grant.tenant !== operator.tenant) return "wrong_tenant";
  if (grant.contract !== use.contract) return "wrong_contract";
  if (grant.capability !== use.capability) return "wrong_capability";
  if (!isWithin(use.fields, grant.fields)) return "wrong_fields";
  if (!isWithin(use.recordIds, recordIds)) return "wrong_records";
  if (use.tokens && !isWithin(use.tokens, tokensOf(grant))) return "wrong_value";
  if (use.recordIds.length > grant.maxRecords) return "grant_used_up";
  return Date.parse(grant.expiresAt) > nowMs ? null : "grant_expired";
}

/** It is on all that its grant lists, and resumed where it was cut short. */
export function isWork(capability: string | undefined): boolean {
  return capability === "erase" || capability === "rewrap" || capability === "retoken";
}

/** Those of the value that a look-up was approved for. */
export function tokensOf({ selector }: Grant): readonly string[] {
  const { tokens } = selector;
  return Array.isArray(tokens) ? tokens.map(String) : [];
}

function isWithin(some: readonly string[], all: readonly string[]): boolean {
  const allowed = new Set(all);
  return some.every((one) => allowed.has(one));
}
