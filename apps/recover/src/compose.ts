/** The composition root: opens what a command needs from its settings. */

import { readFile } from "node:fs/promises";
import {
  connectRecovery,
  DatabaseError,
  type DatabaseFault,
  type Recovery,
  type RecoveryConnection,
  trustOf,
} from "@org/db";
import { createTokenizer, type Keyring, type Tokenizer } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { openSealer as openSealerOf, type Sealer } from "@org/masking/seal";
import { createUnsealer, type Unsealer } from "@org/masking/unseal";
import {
  type AnyContract,
  ContractError,
  contractPath,
  createParser,
  loadContract,
  type MessageOf,
  type Parse,
  tagFields,
} from "@org/schema";
import {
  type Exposure,
  exposuresOfContract,
  exposuresOfProcess,
  exposuresOfServer,
  holdsInlineKeys,
  type Profile,
  type ServerTrust,
} from "@org/settings";
import {
  approvalsFor,
  type CheckpointSink,
  createWitness,
  exit,
  identify,
  isUrl,
  loadRecoverKeyring,
  loadSigningKey,
  type Operator,
  printable,
  RecoverError,
  type RecoverKeyring,
  requireDuty,
  type Witness,
  openSink,
} from "@org/recovery";
import { readOptional, readSettings, resolvePath } from "./config.ts";
import type { Edge } from "./edge.ts";
import { openProfile, refuseExposures } from "./profile.ts";

/** As the login that RECOVER_DATABASE_URL names: the database decides what it may do. */
export function openRecovery(edge: Edge): RecoveryConnection {
  const { server, profile, connectionString } = readProfile(edge);
  const { allowed } = profile;
  refuseExposures(edge, profile, [
    ...exposuresOfServer(server, edge.env, allowed),
    ...exposuresOfProcess(edge.env),
  ]);
  return connectRecovery({
    connectionString,
    sendsWeakPassword: allowed.includes("weak_password"),
  });
}

interface ReadProfile {
  readonly connectionString: string;
  readonly server: ServerTrust;
  readonly profile: Profile;
}

function readProfile(edge: Edge): ReadProfile {
  const { RECOVER_DATABASE_URL: connectionString } = readSettings(edge.env, [
    "RECOVER_DATABASE_URL",
  ]);
  const server = trustOf({ connectionString });
  return { connectionString, server, profile: openProfile(edge, server.host) };
}

/**
 * The contract that is served here: of the option, else of MASKLINE_CONTRACT.
 *
 * @throws {@link RecoverError} (exit 2) with every fault of the contract.
 */
export async function openContract(edge: Edge, named: string | undefined): Promise<AnyContract> {
  const { env } = edge;
  const name = named ?? readSettings(env, ["MASKLINE_CONTRACT"]).MASKLINE_CONTRACT;
  // Before it runs.
  const exposed = exposuresOfContract(contractPath(name, env["INIT_CWD"]));
  if (exposed.length > 0) refuseExposures(edge, readProfile(edge).profile, exposed);
  try {
    return await loadContract(name, env["INIT_CWD"]);
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    throw new RecoverError(exit.configuration, `The contract cannot be used: ${name}`, {
      advice: "Name one that is shipped, or the path of a contract module.",
      faults: error.faults,
    });
  }
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
    keyring: await loadRecoverKeyring(settings.RECOVER_KEYRING),
    key: await loadSigningKey(settings.RECOVER_SIGNING_KEY),
  });
}

export interface Witnessed {
  readonly witness: Witness;
  readonly operator: Operator;
}

/** @throws {@link RecoverError} (exit 3) if the operator is no witness. */
export async function openWitness(edge: Edge, recovery: Recovery): Promise<Witnessed> {
  const operator = await openOperator(edge);
  requireDuty(operator, "witness");
  const { key, keyring } = operator;
  refuseExposures(edge, readProfile(edge).profile, exposuresOf(keyring));
  const witness = createWitness({
    audit: recovery.audit,
    sinks: await openSinks(edge, keyring),
    key,
    keyring,
    onIgnored: (name, reason) => warnOfIgnored(edge, name, reason),
  });
  return { witness, operator };
}

/** Where whoever administers one machine, or approves once, is enough. */
function exposuresOf(keyring: RecoverKeyring): Exposure[] {
  const required = approvalsFor(keyring, { records: 101, atMs: Date.now() });
  return [
    ...(keyring.sinks.every(isUrl) ? [] : (["file_sink"] as const)),
    ...(required < 2 ? (["one_approval"] as const) : []),
  ];
}

export function warnOfIgnored({ stderr }: Edge, name: string, reason: string): void {
  stderr.write(`Ignored among the checkpoints: ${printable(name)} ${reason}.\n`);
}

/**
 * Where the recover keyring has checkpoints go. RECOVER_CHECKPOINT may say it again, never otherwise:
 * a place of one's own would hide one's accesses.
 *
 * @throws {@link RecoverError} (exit 2) if the keyring names none, or the variable another.
 */
export async function openSinks(
  { env }: Edge,
  { sinks }: RecoverKeyring,
): Promise<readonly CheckpointSink[]> {
  const named = readOptional(env, "RECOVER_CHECKPOINT");
  if (sinks.length === 0) {
    throw new RecoverError(
      exit.configuration,
      "The recover keyring names no place for checkpoints.",
      {
        advice: 'Put a directory, or s3://BUCKET/PREFIX, among its "sinks", under review.',
      },
    );
  }
  if (named !== null && !sinks.includes(isUrl(named) ? named : resolvePath(env, named))) {
    throw new RecoverError(
      exit.configuration,
      "RECOVER_CHECKPOINT is none of the recover keyring's places for checkpoints.",
      { advice: "Unset it; where checkpoints go changes in the keyring, under review." },
    );
  }
  return Promise.all(sinks.map(openSink));
}

/** Opens nothing where the server's log would have what is opened, or a file has the key. */
export async function openUnsealer(edge: Edge, recovery: Recovery): Promise<Unsealer> {
  const logged = await recovery.erasure.loggedByRoles();
  const settings = readSettings(edge.env, ["RECOVER_PRIVATE_KEYRING", "MASKLINE_TENANT"]);
  const path = settings.RECOVER_PRIVATE_KEYRING;
  const privateKeyring = await loadPrivateKeyring(path, { env: edge.env });
  refuseExposures(edge, readProfile(edge).profile, [
    ...(logged.length > 0 ? (["logged_parameters"] as const) : []),
    ...((await isInline(path)) ? (["inline_keys"] as const) : []),
  ]);
  return createUnsealer(privateKeyring, { tenant: settings.MASKLINE_TENANT });
}

/** The consumer's keyring: public halves, and the token key. */
export async function openKeyring(edge: Edge): Promise<Keyring> {
  const { MASKLINE_KEYRING: path } = readSettings(edge.env, ["MASKLINE_KEYRING"]);
  const keyring = await loadKeyring(path, { env: edge.env });
  if (await isInline(path)) refuseExposures(edge, readProfile(edge).profile, ["inline_keys"]);
  return keyring;
}

/** Of a keyring that was loaded. */
async function isInline(path: string): Promise<boolean> {
  return holdsInlineKeys(JSON.parse(await readFile(path, "utf8")));
}

/** Of the contract's masked fields and their views, and of the tags in quarantine. */
export async function openTokenizer(edge: Edge, contract: AnyContract): Promise<Tokenizer<string>> {
  const fields = { ...contract.tokenFields, ...tagFields(contract) };
  const { MASKLINE_TENANT: tenant } = readSettings(edge.env, ["MASKLINE_TENANT"]);
  return createTokenizer<string>(await openKeyring(edge), { tenant, fields });
}

/** Null where the token key is not at hand. */
export async function openTokenizerIfAny(
  edge: Edge,
  contract: AnyContract,
): Promise<Tokenizer<string> | null> {
  const isAtHand = readOptional(edge.env, "MASKLINE_KEYRING") !== null;
  return isAtHand ? openTokenizer(edge, contract) : null;
}

/**
 * Null where originals are not kept: no recipient, or the vault is off.
 *
 * @throws MaskingError if a recipient is named and none is primary: what was then written without a
 *   seal could never be opened again.
 */
export async function openSealer(edge: Edge): Promise<Sealer | null> {
  const settings = readSettings(edge.env, ["MASKLINE_TENANT", "MASKLINE_VAULT"]);
  const keyring = await openKeyring(edge);
  const { MASKLINE_TENANT: tenant, MASKLINE_VAULT: vault } = settings;
  return openSealerOf(keyring, { tenant, vault });
}

const isTopic = (name: string): boolean => name.startsWith("arn:");

/** As the consumer parses: with the same envelopes unwrapped. */
export function openParser(edge: Edge, contract: AnyContract): Parse<MessageOf<AnyContract>> {
  const { MASKLINE_UNWRAP: names } = readSettings(edge.env, ["MASKLINE_UNWRAP"]);
  return createParser(contract, {
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
