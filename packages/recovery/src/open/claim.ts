/** What every claim goes through between its intent and its result. */

import { randomUUID } from "node:crypto";
import type { Answer, Claim, Claims, Grant, Result } from "@org/db";
import { z } from "zod";
import { hashOf } from "../audit/chain.ts";
import type { Witness } from "../audit/witness.ts";
import { exit, RecoverError } from "../exit.ts";
import { canonicalJson, digestOf } from "../grants/canonical-grant.ts";
import { findExcess, isWork, type Use } from "../grants/find-excess.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import { jsonText } from "../json-text.ts";
import type { Person } from "../operator.ts";
import { granted, refusal } from "../refusals.ts";

export interface ClaimPorts {
  readonly claims: Pick<Claims, "reportResult">;
  readonly witness: Witness;
  /** Whose claim it is; the witness may be somebody else. */
  readonly operator: Person;
}

/** What is to be done, under which grant. */
export interface Intended {
  readonly signed: SignedGrant;
  readonly use: Use;
}

export interface ClaimAsk {
  /** Asks the database for the claim with this id. */
  readonly claim: (id: string) => Promise<Answer<Claim>>;
  /** The database may answer with one that was cut short; and one without a checkpoint stays open. */
  readonly mayResume?: true;
}

/**
 * Makes a claim under an id generated here, holds it against what was signed and against the audit,
 * and has a checkpoint of its intent outside the database. Nothing may be fetched before.
 *
 * The place for checkpoints is proved first: one that fails must not cost the grant a claim.
 *
 * @throws {@link RecoverError} (exit 3) if the database or the signed terms refuse; (exit 20) without
 *   a checkpoint; (exit 30) if the claim's audit row is another than this intent, or the chain was
 *   changed.
 */
export async function makeClaim(
  ports: ClaimPorts,
  intended: Intended,
  ask: ClaimAsk,
): Promise<Claim> {
  await ports.witness.coverEnd();
  const id = randomUUID();
  const claim = granted(await ask.claim(id));
  await requireSigned(ports, intended, claim);
  const isResumed = ask.mayResume === true && claim.resumed === true;
  if (!isIntentOf(claim, intended, ports.operator) || !(isResumed || claim.claim === id)) {
    throw new RecoverError(
      exit.tampering,
      "The database's audit row is not the intent of this use.",
      {
        advice:
          "Nothing was opened. Somebody changed the functions of the schema recovery: tell the security team.",
      },
    );
  }
  // Work whose claim stays open is resumed by the next run, and costs nothing more.
  await (ask.mayResume ? ports.witness.cover(claim) : coverOrReport(ports, intended, claim));
  return claim;
}

/** The database granted the claim; here it is held against what was signed. */
async function requireSigned(
  { claims, operator }: ClaimPorts,
  { signed, use }: Intended,
  { claim, resumed }: Claim,
): Promise<void> {
  const reason = findExcess(signed, use, { operator, nowMs: Date.now() });
  if (reason === null) return;
  // A resumed claim may have opened or changed records already: it is not "not opened".
  if (!resumed) await claims.reportResult(claim, { outcome: "not_opened", reason });
  throw refusal(reason);
}

/**
 * Whether the row that the database says it wrote is this person's intent for just this use. No row
 * of before holds an id that was generated since.
 */
function isIntentOf(
  claim: Claim,
  { signed: { grant }, use }: Intended,
  { login }: Person,
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

/** What the audit says of a use: its records by digest, of work with its selector, or a look-up's tokens. */
function intentOf(grant: Grant, { recordIds, tokens, ...use }: Use): object {
  if (tokens !== undefined) return { ...use, records: 1, tokens };
  if (isWork(use.capability)) {
    const { records, digest, selector } = grant;
    return { ...use, records, digest, selector };
  }
  return { ...use, records: recordIds.length, digest: digestOf(recordIds) };
}

/** The detail's members are these, its deadline, and through what it was made. */
function says(detail: string, expected: object): boolean {
  const { success, data } = intentDetail.safeParse(detail);
  if (!success) return false;
  const { deadline: _, through: __, ...members } = data;
  return canonicalJson(members) === canonicalJson(expected);
}

const intentDetail = jsonText.pipe(
  z.looseObject({ deadline: z.string(), through: z.string().optional() }),
);

/** Without a checkpoint nothing is fetched; the audit says so, and the operator what was spent. */
async function coverOrReport(
  { claims, witness }: ClaimPorts,
  { signed: { grant }, use }: Intended,
  claim: Claim,
): Promise<void> {
  try {
    await witness.cover(claim);
  } catch (error) {
    await claims.reportResult(claim.claim, { outcome: "not_opened", reason: "no_checkpoint" });
    if (!(error instanceof RecoverError)) throw error;
    const spent = use.tokens ? "1 look-up" : `${use.recordIds.length} record(s)`;
    throw new RecoverError(error.exitCode, error.message, {
      advice: `${error.advice} The claim counts all the same: ${spent} of grant ${grant.id} are spent.`,
      faults: error.faults,
    });
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
    const failed: Result = { outcome: "failed" };
    await claims.reportResult(claim, failed).catch(() => {});
    throw error;
  }
}

/**
 * Has the end of a claim outside the database as well, once its outcome was told: a place for
 * checkpoints that fails now must not hide it.
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
  { advice: "Fix the place for checkpoints, then run `recover audit checkpoint`." },
);
