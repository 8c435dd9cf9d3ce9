/** The one way to a grant that something is to be done under. */

import type { Capability, Grant, Grants } from "@org/db";
import { exit, RecoverError } from "../exit.ts";
import { type Person, requireDuty } from "../operator.ts";
import { refusal } from "../refusals.ts";
import type { Duty } from "../signing/recover-keyring.ts";
import { findForgery, stateOf } from "./verify-grant.ts";

/** A grant whose approvals hold, with the records that its digest covers. */
export interface SignedGrant {
  readonly grant: Grant;
  readonly recordIds: readonly string[];
}

export interface GrantPorts {
  readonly grants: Pick<Grants, "show" | "records" | "reportRefusal">;
  readonly operator: Person;
}

/** The records that somebody named, as the database writes ids; without a choice, all of the grant. */
export function chooseRecords(
  { recordIds }: SignedGrant,
  named: readonly string[] | undefined,
): readonly string[] {
  return named ? [...new Set(named.map((id) => id.toLowerCase()))] : recordIds;
}

/**
 * The grant of this id, or null where the database has none to show.
 *
 * @throws {@link RecoverError} (exit 30) if it shows another: its approvals would hold, for what nobody named here.
 */
export async function showGrant(grants: Pick<Grants, "show">, id: string): Promise<Grant | null> {
  const grant = await grants.show(id);
  if (grant === null || digitsOf(grant.id) === digitsOf(id)) return grant;
  throw new RecoverError(
    exit.tampering,
    "The database answered with another grant than was asked for.",
    { advice: "Nothing was done. Somebody changed the database: tell the security team." },
  );
}

/** PostgreSQL reads an id in several forms, and writes one. */
function digitsOf(id: string): string {
  return id.toLowerCase().replaceAll(/[^0-9a-f]/g, "");
}

/**
 * The grant, if its approvals hold; a forged one is audited.
 *
 * A grant that is not live yet may have none: whoever acts under it asks `findExcess` as well.
 */
export async function showVerified(
  { grants, operator }: GrantPorts,
  id: string,
): Promise<SignedGrant> {
  const grant = await showGrant(grants, id);
  if (grant === null) throw refusal("no_such_grant");
  const recordIds = await grants.records(id);
  const forgery = findForgery(grant, recordIds, operator.keyring);
  if (forgery === null) return { grant, recordIds };
  await grants.reportRefusal(id, forgery);
  throw refusal("forged_approval");
}

/**
 * The same, for acting under it: a setting that does not fit must not cost the grant a claim.
 *
 * @param contract - The name of the one that is served here; `*` for work on what they share.
 */
export async function showUsable(
  ports: GrantPorts,
  id: string,
  contract: string,
): Promise<SignedGrant> {
  const signed = await showVerified(ports, id);
  const { grant } = signed;
  if (grant.tenant !== ports.operator.tenant) throw refusal("wrong_tenant");
  if (grant.contract !== contract) throw refusal("wrong_contract");
  requireDuty(ports.operator, dutyFor(grant.capability));
  // What the database itself finds pending it refuses, and audits.
  const { keyring } = ports.operator;
  if (grant.state === "live" && stateOf(grant, keyring) === "pending") {
    await ports.grants.reportRefusal(id, "approvals_missing");
    throw refusal("approvals_missing");
  }
  return signed;
}

function dutyFor(capability: Capability): Duty {
  return ["unmask", "lookup", "dossier"].includes(capability) ? "request" : "administer";
}
