/** The composition root: opens what a command needs from its settings. */

import { connectRecovery, DatabaseError, type DatabaseFault, type Recovery } from "@org/db";
import { createTokenizer, isCanonicalizable, type Keyring, type Tokenizer } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { createSealer, type Sealer } from "@org/masking/seal";
import { createUnsealer, type Unsealer } from "@org/masking/unseal";
import { createLoginParser, fieldPolicy } from "@org/schema";
import { openFileSink } from "./audit/file-sink.ts";
import type { CheckpointSink } from "./audit/sink.ts";
import { createWitness, type Witness } from "./audit/witness.ts";
import { readOptional, readSettings, resolvePath } from "./config.ts";
import type { Edge } from "./edge.ts";
import { exit, RecoverError } from "./exit.ts";
import { identify, type Operator } from "./operator.ts";
import { loadRecoverKeyring, loadSigningKey } from "./signing.ts";

/** As the login that RECOVER_DATABASE_URL names: the database decides what it may do. */
export function openRecovery(edge: Edge): Recovery {
  const { RECOVER_DATABASE_URL: url } = readSettings(edge.env, ["RECOVER_DATABASE_URL"]);
  return connectRecovery({ connectionString: url });
}

export interface Witnessed {
  readonly witness: Witness;
  readonly operator: Operator;
}

/** Who signs here; refused before anything is signed that nobody could verify. */
export async function openOperator(edge: Edge): Promise<Operator> {
  const settings = readSettings(edge.env, [
    "RECOVER_KEYRING",
    "RECOVER_SIGNING_KEY",
    "MASKLINE_TENANT",
  ]);
  return identify({
    tenant: settings.MASKLINE_TENANT,
    keyring: await loadRecoverKeyring(resolvePath(edge.env, settings.RECOVER_KEYRING)),
    key: await loadSigningKey(resolvePath(edge.env, settings.RECOVER_SIGNING_KEY)),
  });
}

export async function openWitness(edge: Edge, recovery: Recovery): Promise<Witnessed> {
  const settings = readSettings(edge.env, [
    "RECOVER_KEYRING",
    "RECOVER_SIGNING_KEY",
    "RECOVER_CHECKPOINT",
  ]);
  const operator = await openOperator(edge);
  const { key, keyring } = operator;
  const sink = await openSink(edge, settings.RECOVER_CHECKPOINT);
  return {
    witness: createWitness({ audit: recovery.audit, sink, key, signers: keyring.signers }),
    operator,
  };
}

/** A directory, or a bucket with object lock. */
export async function openSink(edge: Edge, location: string): Promise<CheckpointSink> {
  const isPath = !/^[a-z0-9]+:\/\//i.test(location);
  if (isPath) return openFileSink(resolvePath(edge.env, location));
  // Not loaded where nobody needs it: the SDK takes as long to start as all the rest.
  const { openS3Sink, parseS3Location } = await import("./audit/s3-sink.ts");
  const bucket = parseS3Location(location);
  if (bucket !== null) return openS3Sink(bucket);
  throw new RecoverError(exit.configuration, "RECOVER_CHECKPOINT is not usable.", {
    advice: "A directory, or s3://BUCKET/PREFIX, with ?retainDays=N if it is not 400.",
  });
}

export async function openUnsealer(edge: Edge): Promise<Unsealer> {
  const settings = readSettings(edge.env, ["RECOVER_PRIVATE_KEYRING", "MASKLINE_TENANT"]);
  const path = resolvePath(edge.env, settings.RECOVER_PRIVATE_KEYRING);
  const privateKeyring = await loadPrivateKeyring(path, { env: edge.env });
  return createUnsealer(privateKeyring, { tenant: settings.MASKLINE_TENANT });
}

/** The consumer's keyring: public halves, and the token key. */
export async function openKeyring(edge: Edge): Promise<Keyring> {
  const { MASKLINE_KEYRING: path } = readSettings(edge.env, ["MASKLINE_KEYRING"]);
  return loadKeyring(resolvePath(edge.env, path), { env: edge.env });
}

/** Null where the token key is not at hand. */
export async function openTokenizer(edge: Edge): Promise<Tokenizer<"ip" | "device_id"> | null> {
  if (readOptional(edge.env, "MASKLINE_KEYRING") === null) return null;
  const { MASKLINE_TENANT: tenant } = readSettings(edge.env, ["MASKLINE_TENANT"]);
  return createTokenizer(await openKeyring(edge), {
    tenant,
    fields: { ip: fieldPolicy.ip.norm, device_id: fieldPolicy.device_id.norm },
  });
}

/**
 * Null where originals are not kept: no recipient, or the vault is off.
 *
 * @throws MaskingError if a recipient is named and none is primary: what was then written without a
 *   seal could never be opened again.
 */
export async function openSealer(edge: Edge): Promise<Sealer | null> {
  const keyring = await openKeyring(edge);
  const isKept = keyring.recipients.some(({ state }) => state !== "disabled");
  if (!isKept || readOptional(edge.env, "MASKLINE_VAULT") === "off") return null;
  const { MASKLINE_TENANT: tenant } = readSettings(edge.env, ["MASKLINE_TENANT"]);
  return createSealer(keyring, { tenant });
}

const isTopic = (name: string): boolean => name.startsWith("arn:");

/** As the consumer parses: with the same envelopes unwrapped. */
export function openParser(edge: Edge): ReturnType<typeof createLoginParser> {
  const names = (readOptional(edge.env, "MASKLINE_UNWRAP") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return createLoginParser({
    accepts: {
      ip: (value) => isCanonicalizable(fieldPolicy.ip.norm, value),
      device_id: (value) => isCanonicalizable(fieldPolicy.device_id.norm, value),
    },
    unwrap: {
      snsTopicArns: names.filter(isTopic),
      eventBridgeSources: names.filter((name) => !isTopic(name)),
    },
  });
}

/** What the database said, if it was the database. */
export function databaseFault(error: unknown): DatabaseFault | null {
  return error instanceof DatabaseError ? error : null;
}
