/**
 * The recover keyring: the root of trust. What deployment this is, who may do what and by which
 * keys, where checkpoints go, how many approvals count. Nothing of it comes from the database, the
 * environment or a working directory.
 */

import { createHash, verify } from "node:crypto";
import { dirname, resolve } from "node:path";
import { isWritableByOthers } from "@org/settings";
import { z } from "zod";
import { exit, RecoverError } from "../exit.ts";
import {
  isAssertedBy,
  type Passkey,
  type PasskeyJson,
  passkeyJson,
  readPasskey,
} from "./passkey.ts";
import { type PublicKey, readPublicKey } from "./public-key.ts";
import { readWithMode } from "./trusted-file.ts";

/** `request`: unmask and look up. `administer`: erase, rewrap, retoken, retry. `witness`: sign checkpoints. */
export const duties = ["request", "approve", "witness", "administer"] as const;
export type Duty = (typeof duties)[number];

/** Whoever holds a key. */
interface Holder {
  readonly kid: string;
  /** The person's login in Postgres; what the key signs counts only for it. */
  readonly login: string;
  readonly duties: readonly Duty[];
  /** A retired key still verifies what it signed; it approves and claims nothing new. */
  readonly state: "active" | "retired";
}

export interface Ed25519Signer extends Holder {
  readonly type: "ed25519";
  readonly publicKey: PublicKey;
}

/** Of its holder's duties it has `approve` alone: all else is signed by a tool, and nobody presses. */
export interface PasskeySigner extends Holder, Passkey {
  readonly type: "webauthn";
}

export type Signer = Ed25519Signer | PasskeySigner;

/** How many approvals a grant needs for more than so many records. */
export interface Threshold {
  readonly above: number;
  readonly required: number;
  /** Of what is done from then on, whenever it was asked for. */
  readonly sinceMs: number;
}

/** How an OpenID provider names somebody: `iss` and `sub` of its ID tokens. */
export interface Subject {
  readonly issuer: string;
  readonly sub: string;
}

/** Somebody who works here, with or without a key. */
export interface Member {
  readonly login: string;
  readonly duties: readonly Duty[];
  /** Who this is for a console; null: nobody. */
  readonly subject: Subject | null;
}

export interface RecoverKeyring {
  /** Names this deployment in everything that is signed: an approval holds in no other. */
  readonly deployment: string;
  /** Where checkpoints go, all of them: absolute paths, or s3://BUCKET/PREFIX. */
  readonly sinks: readonly string[];
  readonly thresholds: readonly Threshold[];
  readonly members: readonly Member[];
  readonly signers: readonly Signer[];
}

/** Ed25519. */
export interface KeyJson {
  readonly kid: string;
  readonly public_key: string;
  readonly state: "active" | "retired";
}

export interface OperatorJson {
  readonly login: string;
  readonly duties: readonly Duty[];
  readonly subject?: Subject | undefined;
  readonly keys: readonly (KeyJson | PasskeyJson)[];
}

export interface ThresholdJson {
  readonly above: number;
  readonly required: number;
  readonly since?: string | undefined;
}

export interface RecoverKeyringJson {
  readonly format: "maskline/recover-keyring";
  readonly deployment: string;
  readonly sinks: readonly string[];
  readonly approvals: readonly ThresholdJson[];
  readonly operators: readonly OperatorJson[];
}

export const deploymentForm: RegExp = /^[A-Za-z0-9][\w.-]{0,63}$/;

const recoverKeyringJson: z.ZodType<RecoverKeyringJson> = z.strictObject({
  format: z.literal("maskline/recover-keyring"),
  deployment: z.string().regex(deploymentForm),
  sinks: z.array(z.string().min(1)),
  approvals: z
    .array(
      z.strictObject({
        above: z.int().min(0),
        required: z.int().min(1).max(10),
        since: z.iso.datetime().optional(),
      }),
    )
    .refine((steps) => steps.some(({ above }) => above === 0)),
  operators: z.array(
    z.strictObject({
      login: z.string().min(1).max(63),
      duties: z.array(z.enum(duties)),
      subject: z.strictObject({ issuer: z.url(), sub: z.string().min(1).max(255) }).optional(),
      keys: z.array(
        z.union([
          z.strictObject({
            kid: z.string(),
            public_key: z.string(),
            state: z.enum(["active", "retired"]),
          }),
          passkeyJson,
        ]),
      ),
    }),
  ),
});

/** @throws {@link RecoverError} (exit 2) if others may write the file, or it is no recover keyring. */
export async function readRecoverKeyring(path: string): Promise<RecoverKeyringJson> {
  const refuse = (faults: readonly string[], advice: string): never => {
    const message = `The recover keyring cannot be used: ${path}`;
    throw new RecoverError(exit.configuration, message, { advice, faults });
  };
  const inForm = "`recover keys signer` writes one; docs/recovery-formats.md shows its form.";
  const file = await readWithMode(path).catch(() => refuse(["It cannot be read."], inForm));
  if (isWritableByOthers(file)) {
    refuse(
      ["Others may write it, and name whom they like."],
      "Make it root's or your own, mode 0644 or less, once you have reviewed what it says.",
    );
  }
  const parsed = recoverKeyringJson.safeParse(jsonOf(file.text));
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map(({ path: place }) => place.join(".") || "the whole");
  return refuse(
    places.map((place) => `${place}: has another form.`),
    inForm,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @throws {@link RecoverError} (exit 2) with every fault of the keyring. */
export async function loadRecoverKeyring(path: string): Promise<RecoverKeyring> {
  const json = await readRecoverKeyring(path);
  const signers: Signer[] = [];
  const faults: string[] = [];
  const logins = new Set<string>();
  const subjects = new Set<string>();
  const kids = new Set<string>();
  json.operators.forEach(({ login, duties: held, subject, keys }, at) => {
    if (logins.has(login)) faults.push(`operators[${at}].login: stands in the keyring twice.`);
    logins.add(login);
    const named = subject && JSON.stringify([subject.issuer, subject.sub]);
    if (named && subjects.has(named)) {
      faults.push(`operators[${at}].subject: stands in the keyring twice.`);
    }
    if (named) subjects.add(named);
    keys.forEach((key, index) => {
      const place = `operators[${at}].keys[${index}]`;
      const signer = signerOf(key, { login, duties: held });
      if (Array.isArray(signer)) {
        faults.push(...signer.map((fault) => `${place}.${fault}.`));
      } else {
        if (signer.kid !== key.kid) faults.push(`${place}.kid: is not that of its public_key.`);
        if (kids.has(key.kid)) faults.push(`${place}.kid: stands in the keyring twice.`);
        signers.push(signer);
      }
      kids.add(key.kid);
    });
  });
  if (faults.length > 0) {
    throw new RecoverError(exit.configuration, `The recover keyring cannot be used: ${path}`, {
      advice: "Fix these entries, or make them again with `recover keys signer`.",
      faults,
    });
  }
  return {
    deployment: json.deployment,
    sinks: json.sinks.map((sink) => (isUrl(sink) ? sink : resolve(dirname(path), sink))),
    thresholds: json.approvals.map(({ above, required, since }) => ({
      above,
      required,
      sinceMs: since === undefined ? 0 : Date.parse(since),
    })),
    members: json.operators.map(({ login, duties: held, subject = null }) => ({
      login,
      duties: held,
      subject,
    })),
    signers,
  };
}

/** @returns Every fault of the entry, by its member. */
function signerOf(
  entry: KeyJson | PasskeyJson,
  { login, duties: held }: Pick<Signer, "login" | "duties">,
): Signer | string[] {
  const { state } = entry;
  if ("type" in entry) {
    const passkey = readPasskey(entry);
    if (!("kid" in passkey)) return [...passkey];
    const approving = held.filter((duty) => duty === "approve");
    return { type: "webauthn", login, duties: approving, state, ...passkey };
  }
  const publicKey = readPublicKey(entry.public_key);
  if (typeof publicKey === "string") return [`public_key: ${publicKey}`];
  return { type: "ed25519", kid: publicKey.kid, login, duties: held, publicKey, state };
}

export function isUrl(sink: string): boolean {
  return /^[a-z0-9]+:\/\//i.test(sink);
}

/** The key, if its holder has the duty. Whether it is still active is for the caller to ask. */
export function findSigner(
  { signers }: Pick<RecoverKeyring, "signers">,
  kid: string,
  duty: Duty,
): Signer | undefined {
  return signers.find((signer) => signer.kid === kid && signer.duties.includes(duty));
}

/** The fewest approvals that count for so many records, whatever the database says. */
export function approvalsFor(
  { thresholds }: Pick<RecoverKeyring, "thresholds">,
  use: { readonly records: number; readonly atMs: number },
): number {
  const steps = thresholds.filter(
    ({ above, sinceMs }) => sinceMs <= use.atMs && (above === 0 || use.records > above),
  );
  return Math.max(1, ...steps.map(({ required }) => required));
}

/** Of a passkey: the challenge that it signed is SHA-256 of the bytes. */
export function verifiedBy(signer: Signer, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (signer.type === "webauthn") {
    return isAssertedBy(signer, createHash("sha256").update(bytes).digest(), signature);
  }
  return signature.length === 64 && verify(null, bytes, signer.publicKey.key, signature);
}
