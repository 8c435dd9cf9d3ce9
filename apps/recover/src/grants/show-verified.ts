/** The one way to a grant that something is to be done under. */

import type { Grant, Grants } from "@org/db";
import type { Operator } from "../operator.ts";
import { refusal } from "../refusals.ts";
import { findForgery } from "./verify-grant.ts";

/** A grant whose approvals hold, with the records that its digest covers. */
export interface SignedGrant {
  readonly grant: Grant;
  readonly recordIds: readonly string[];
}

/** The records that somebody named, as the database writes ids; without a choice, all of the grant. */
export function chooseRecords(
  { recordIds }: SignedGrant,
  named: readonly string[] | undefined,
): readonly string[] {
  return named ? [...new Set(named.map((id) => id.toLowerCase()))] : recordIds;
}

/**
 * The grant, if its approvals hold; a forged one is audited.
 *
 * A grant that is not live yet may have none: whoever acts under it asks `findExcess` as well.
 */
export async function showVerified(
  {
    grants,
    operator,
  }: {
    readonly grants: Pick<Grants, "show" | "records" | "reportRefusal">;
    readonly operator: Operator;
  },
  id: string,
): Promise<SignedGrant> {
  const grant = await grants.show(id);
  if (grant === null) throw refusal("no_such_grant");
  const recordIds = await grants.records(id);
  const forgery = findForgery(grant, recordIds, operator.keyring);
  if (forgery === null) return { grant, recordIds };
  await grants.reportRefusal(id, forgery);
  throw refusal("forged_approval");
}

/** The same, for acting under it: a setting that does not fit must not cost the grant a claim. */
export async function showUsable(
  tools: Parameters<typeof showVerified>[0],
  id: string,
): Promise<SignedGrant> {
  const signed = await showVerified(tools, id);
  if (signed.grant.tenant !== tools.operator.tenant) throw refusal("wrong_tenant");
  return signed;
}
