/** The one way to a grant that something is to be done under. */

import type { Grant, Grants } from "@org/db";
import { refusal } from "../refusals.ts";
import type { RecoverKeyring } from "../signing.ts";
import { findForgery } from "./verify-grant.ts";

/** The grant, if its approvals hold; a forged one is audited. */
export async function showVerified(
  {
    grants,
    keyring,
  }: {
    readonly grants: Pick<Grants, "show" | "records" | "reportRefusal">;
    readonly keyring: RecoverKeyring;
  },
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
