/** What every claim goes through between its intent and its result. */

import { randomUUID } from "node:crypto";
import type { Answer, Claim, Claims, Grant } from "@org/db";
import { z } from "zod";
import { hashOf } from "../audit/chain.ts";
import type { Witness } from "../audit/witness.ts";
import { exit, RecoverError } from "../exit.ts";
import { canonicalJson, digestOf } from "../grants/canonical-grant.ts";
import { findExcess, type Use } from "../grants/find-excess.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import type { Operator } from "../operator.ts";
import { granted, refusal } from "../refusals.ts";

/**
 * Makes a claim under an id drawn here, and holds it against what was signed and against the audit.
 *
 * @param ask.claim - Asks the database for the claim with this id; `ask.mayResume` if it may answer
 *   with one that was cut short.
 * @throws {@link RecoverError} (exit 3) if the database or the signed terms refuse; (exit 30) if its
 *   audit row is another than this intent.
 */
export async function makeClaim(
  tools: { readonly claims: Pick<Claims, "reportResult">; readonly operator: Operator },
  { signed, use }: { readonly signed: SignedGrant; readonly use: Use },
  ask: { claim(id: string): Promise<Answer<Claim>>; readonly mayResume?: true },
): Promise<Claim> {
  const drawn = randomUUID();
  const claim = granted(await ask.claim(drawn));
  await requireSigned(tools, claim, { signed, use });
  const isResumed = ask.mayResume === true && claim.resumed === true;
  const { login } = tools.operator;
  const isIntent = isIntentOf(claim, { grant: signed.grant, use, login });
  if (isIntent && (isResumed || claim.claim === drawn)) return claim;
  throw new RecoverError(
    exit.tampering,
    "The database's audit row is not the intent of this use.",
    {
      advice:
        "Nothing was opened. Somebody changed the functions of the schema recovery: tell the security team.",
    },
  );
}

/** The database granted the claim; here it is held against what was signed. */
async function requireSigned(
  {
    claims,
    operator,
  }: { readonly claims: Pick<Claims, "reportResult">; readonly operator: Operator },
  { claim, resumed }: Claim,
  { signed, use }: { readonly signed: SignedGrant; readonly use: Use },
): Promise<void> {
  const reason = findExcess(signed, use, { operator, nowMs: Date.now() });
  if (reason === null) return;
  // Something may have been done under one that is gone on with, and will be.
  if (!resumed) await claims.reportResult(claim, { outcome: "not_opened", reason });
  throw refusal(reason);
}

/**
 * Whether the row that the database says it wrote is this person's intent for just this use. No row
 * of before has an id in it that was drawn since.
 */
function isIntentOf(
  claim: Claim,
  { grant, use, login }: { readonly grant: Grant; readonly use: Use; readonly login: string },
): boolean {
  const hash = hashOf({
    seq: claim.seq,
    atMicros: claim.atMicros,
    actor: login,
    action: "intent",
    grantId: grant.id,
    claimId: claim.claim,
    detail: claim.detail,
    previousHash: Buffer.from(claim.previousHash, "hex"),
  });
  return hash === claim.hash && says(claim.detail, intentOf(grant, use));
}

/** What the audit says of a use: its records by digest, a look-up's tokens, or the work's selector. */
function intentOf({ selector }: Grant, { capability, fields, recordIds, tokens }: Use): object {
  if (tokens !== undefined) return { capability, fields, records: 1, tokens };
  const records = recordIds.length;
  const what = records > 0 ? { digest: digestOf(recordIds) } : { selector };
  return { capability, fields, records, ...what };
}

/** The detail's members are these, and its deadline. */
function says(detail: string, expected: object): boolean {
  const { success, data } = intentDetail.safeParse(detail);
  if (!success) return false;
  const { deadline: _, ...members } = data;
  return canonicalJson(members) === canonicalJson(expected);
}

const intentDetail = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("is no JSON");
      return z.NEVER;
    }
  })
  .pipe(z.looseObject({ deadline: z.string() }));

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

/**
 * Has the end of a claim outside the database as well, once its outcome was told: a place for
 * checkpoints that fails now must not swallow it.
 *
 * @param failure - How the work itself ended, if not well. Only tampering is told before it.
 */
export async function endCovered(witness: Witness, failure: RecoverError | null): Promise<void> {
  try {
    await witness.coverEnd();
  } catch (error) {
    const isTampering = error instanceof RecoverError && error.exitCode === exit.tampering;
    if (isTampering) throw error;
    if (failure === null) throw uncovered;
  }
  if (failure !== null) throw failure;
}

const uncovered = new RecoverError(
  exit.auditUnavailable,
  "It was done and is in the audit, but no checkpoint covers the end of it.",
  { advice: "Mend the checkpoints' place, then run `recover audit checkpoint`." },
);
