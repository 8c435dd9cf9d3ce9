/**
 * A person's own dossier: what is held about them, and every access to it, as a signed document that they
 * can verify without us (docs/recovery-formats.md).
 */

import type { AccessRow, Claims, Dossier, HeldRecord } from "@org/db";
import { lengthPrefixed } from "@org/masking";
import type { AnyContract } from "@org/schema";
import { hashOf } from "../audit/chain.ts";
import { readCheckpoint } from "../audit/checkpoint.ts";
import type { StoredCheckpoint } from "../audit/sink.ts";
import { parse as parseDetail } from "../audit/trace.ts";
import { exit, RecoverError } from "../exit.ts";
import { canonicalJson } from "../grants/canonical-grant.ts";
import type { SignedGrant } from "../grants/show-verified.ts";
import { isNamedIn } from "../grants/subject-commitment.ts";
import type { Operator } from "../operator.ts";
import { refusal } from "../refusals.ts";
import { type ClaimPorts, makeClaim, reportingFailure } from "./claim.ts";

export interface DossierPorts extends ClaimPorts {
  readonly operator: Operator;
  readonly claims: Pick<Claims, "claim" | "reportResult">;
  readonly dossier: Dossier;
  readonly readCheckpoints: () => Promise<readonly StoredCheckpoint[]>;
}

export interface DossierOrder {
  readonly contract: AnyContract;
  readonly signed: SignedGrant;
  /** Whose dossier: the grant commits to it. */
  readonly subject: string;
}

/** As it is written to a file. */
export interface DossierJson {
  readonly format: "maskline/dossier";
  readonly deployment: string;
  readonly contract: string;
  readonly subject: string;
  /** Of the grant's commitment to the subject, hexadecimal. */
  readonly salt: string;
  readonly grant: string;
  readonly made_at: string;
  readonly made_by: string;
  readonly records: readonly RecordJson[];
  readonly accesses: readonly AccessJson[];
  readonly audit: readonly AuditJson[];
  /** Signed notes over intents among the rows. */
  readonly checkpoints: readonly string[];
  /** Of whoever signed the dossier, or one of its checkpoints. */
  readonly keys: readonly {
    readonly kid: string;
    readonly login: string;
    readonly public_key: string;
  }[];
  readonly signature: { readonly kid: string; readonly value: string };
}

interface RecordJson {
  readonly id: string;
  readonly source: HeldRecord["source"];
  readonly sent_at: string | null;
  readonly held: readonly string[];
  readonly original_kept: boolean;
  readonly erased_on: string | null;
}

/** An intent, in words; `intent` is its row. */
interface AccessJson {
  readonly intent: number;
  readonly at: string;
  readonly by: string;
  readonly through: string | null;
  readonly capability: string;
  readonly fields: readonly string[];
  readonly purpose: string;
  readonly approved_by: readonly string[];
  readonly records: readonly string[];
}

interface AuditJson {
  readonly seq: number;
  readonly at_micros: string;
  readonly actor: string;
  readonly action: string;
  readonly grant: string | null;
  readonly claim: string | null;
  readonly detail: string;
  readonly previous_hash: string;
  readonly hash: string;
}

const nil = "00000000-0000-0000-0000-000000000000";

/**
 * Nothing sealed is fetched, and no token but in rows of the audit. That nothing is left out is the
 * database's word: an auditor's `verifyAudit` finds what was hidden in the chain, not who it was about.
 *
 * @throws {@link RecoverError} (exit 3) if the grant is for another subject; (exit 30) if a row of the audit
 *   is not what was hashed.
 */
export async function compileDossier(
  ports: DossierPorts,
  { contract, signed, subject }: DossierOrder,
): Promise<DossierJson> {
  const { claims } = ports;
  const { grant, recordIds } = signed;
  const { subjectSalt: salt } = grant;
  if (salt === null || !isNamedIn(grant, contract, { value: subject, salt })) {
    throw refusal("wrong_subject");
  }
  const capability = "dossier";
  const use = { contract: contract.name, capability, fields: [], recordIds } as const;
  const claim = await makeClaim(
    ports,
    { signed, use },
    {
      claim: (id) =>
        claims.claim({ grant: grant.id, capability, claim: id, fields: [], records: recordIds }),
    },
  );
  return reportingFailure(claims, claim, async () => {
    const held = await readHeld(ports.dossier, claim.claim);
    const rows = await readAccesses(ports.dossier, claim.claim);
    await claims.reportResult(claim.claim, { outcome: "listed", records: held.length });
    const terms = { contract: contract.name, subject, salt, grant: grant.id };
    return signDossier(ports, { ...terms, ...(await toJson(ports, held, rows)) });
  });
}

async function readHeld(dossier: Dossier, claim: string): Promise<HeldRecord[]> {
  const found: HeldRecord[] = [];
  for (let after = nil, isLast = false; !isLast;) {
    const page = await dossier.held(claim, { after, limit: 1000 });
    found.push(...page);
    after = page.at(-1)?.recordId ?? after;
    isLast = page.length === 0;
  }
  return found;
}

async function readAccesses(dossier: Dossier, claim: string): Promise<AccessRow[]> {
  const found: AccessRow[] = [];
  for (let isLast = false; !isLast;) {
    const page = await dossier.accesses(claim, found.at(-1)?.seq ?? 0, 100);
    found.push(...page);
    isLast = page.length === 0;
  }
  const edited = found.find((row) => hashOf(row) !== hex(row.hash));
  if (edited === undefined) return found;
  throw new RecoverError(
    exit.tampering,
    `A row of the audit is not what was hashed: ${edited.seq}.`,
    {
      advice: "Run `recover audit verify` as an auditor. No dossier was made.",
    },
  );
}

type Listed = Pick<DossierJson, "records" | "accesses" | "audit" | "checkpoints">;

async function toJson(
  { readCheckpoints, operator }: DossierPorts,
  held: readonly HeldRecord[],
  rows: readonly AccessRow[],
): Promise<Listed> {
  const intents = new Map(
    rows.flatMap(({ action, seq, hash }) => (action === "intent" ? [[seq, hex(hash)]] : [])),
  );
  const checkpoints = (await readCheckpoints()).flatMap((stored) => {
    const read = readCheckpoint(stored, operator.keyring);
    const isOfIntent = typeof read !== "string" && intents.get(read.seq) === read.hash;
    return isOfIntent ? [stored.text] : [];
  });
  return {
    records: held.map((record) => ({
      id: record.recordId,
      source: record.source,
      sent_at: record.sentAt?.toISOString() ?? null,
      held: record.held,
      original_kept: record.isSealed,
      erased_on: record.erasedOn,
    })),
    accesses: rows.flatMap((row) => (row.action === "intent" ? [describeAccess(row, rows)] : [])),
    audit: rows.map((row) => ({
      seq: row.seq,
      at_micros: row.atMicros,
      actor: row.actor,
      action: row.action,
      grant: row.grantId,
      claim: row.claimId,
      detail: row.detail,
      previous_hash: hex(row.previousHash),
      hash: hex(row.hash),
    })),
    checkpoints: [...new Set(checkpoints)],
  };
}

function describeAccess(intent: AccessRow, rows: readonly AccessRow[]): AccessJson {
  const before = rows.filter(({ grantId, seq }) => grantId === intent.grantId && seq < intent.seq);
  const requested = before.find(({ action }) => action === "requested");
  const { capability, fields, through } = parseDetail(intent.detail);
  const approvers = before.filter(({ action }) => action === "approved");
  return {
    intent: intent.seq,
    at: new Date(Number(intent.atMicros) / 1000).toISOString(),
    by: intent.actor,
    through: typeof through === "string" ? through : null,
    capability: String(capability),
    fields: Array.isArray(fields) ? fields.map(String) : [],
    purpose: String(parseDetail(requested?.detail ?? "")["purpose"]),
    approved_by: approvers.map(({ actor }) => actor),
    records: intent.records ?? [],
  };
}

/** Ed25519 over LP("mk1/dossier", all else as canonical JSON). */
function signDossier(
  { operator }: DossierPorts,
  listed: Listed & Pick<DossierJson, "contract" | "subject" | "salt" | "grant">,
): DossierJson {
  const { key, keyring, login } = operator;
  const kids = new Set([key.kid, ...listed.checkpoints.map(kidOfNote)]);
  const unsigned = {
    format: "maskline/dossier",
    deployment: keyring.deployment,
    made_at: new Date().toISOString(),
    made_by: login,
    ...listed,
    keys: keyring.signers.flatMap((signer) =>
      signer.type === "ed25519" && kids.has(signer.kid)
        ? [{ kid: signer.kid, login: signer.login, public_key: base64url(signer.publicKey.raw) }]
        : [],
    ),
  } as const;
  const value = key.sign(lengthPrefixed("mk1/dossier", canonicalJson(unsigned)));
  return { ...unsigned, signature: { kid: key.kid, value: base64url(value) } };
}

/** Of one that was read: — kid signature. */
function kidOfNote(text: string): string {
  return /\n— ([0-9a-f]{16}) /.exec(text)?.[1] ?? "";
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
