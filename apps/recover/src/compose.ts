/** The composition root: opens what a command needs from its settings. */

import {
  connectRecovery,
  DatabaseError,
  type DatabaseFault,
  type Recovery,
  type RecoveryConnection,
  trustOf,
} from "@org/db";
import type { Keyring, Tokenizer } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { openSealer as openSealerOf, type Sealer } from "@org/masking/seal";
import { createUnsealer, type Unsealer } from "@org/masking/unseal";
import type { AnyContract, MessageOf, Parse } from "@org/schema";
import {
  exposuresOfKeyFiles,
  exposuresOfProcess,
  exposuresOfServer,
  type Profile,
  type ServerTrust,
} from "@org/settings";
import {
  type CheckpointSink,
  createWitness,
  exit,
  exposuresOfRecoverKeyring,
  identify,
  isUrl,
  loadRecoverKeyring,
  loadSigningKey,
  openContract as openContractOf,
  openSinks as openSinksOf,
  type Operator,
  parserOf,
  printable,
  RecoverError,
  type RecoverKeyring,
  requireDuty,
  tokenizerOf,
  type Witness,
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

/** The contract that is served here: of the option, else of MASKLINE_CONTRACT. */
export function openContract(edge: Edge, named: string | undefined): Promise<AnyContract> {
  return openContractOf({
    name: named ?? readSettings(edge.env, ["MASKLINE_CONTRACT"]).MASKLINE_CONTRACT,
    directory: edge.env["INIT_CWD"],
    refuse: (exposed) => refuseExposures(edge, readProfile(edge).profile, exposed),
  });
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
  refuseExposures(edge, readProfile(edge).profile, exposuresOfRecoverKeyring(keyring));
  const witness = createWitness({
    audit: recovery.audit,
    sinks: await openSinks(edge, keyring),
    key,
    keyring,
    onIgnored: (name, reason) => warnOfIgnored(edge, name, reason),
  });
  return { witness, operator };
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
  keyring: RecoverKeyring,
): Promise<readonly CheckpointSink[]> {
  const named = readOptional(env, "RECOVER_CHECKPOINT");
  const place = named === null || isUrl(named) ? named : resolvePath(env, named);
  const { sinks } = keyring;
  if (place === null || sinks.length === 0 || sinks.includes(place)) return openSinksOf(keyring);
  throw new RecoverError(
    exit.configuration,
    "RECOVER_CHECKPOINT is none of the recover keyring's places for checkpoints.",
    { advice: "Unset it; where checkpoints go changes in the keyring, under review." },
  );
}

/** Opens nothing where the server's log would have what is opened, or a file has the key. */
export async function openUnsealer(edge: Edge, recovery: Recovery): Promise<Unsealer> {
  const logged = await recovery.erasure.loggedByRoles();
  const settings = readSettings(edge.env, ["RECOVER_PRIVATE_KEYRING", "MASKLINE_TENANT"]);
  const path = settings.RECOVER_PRIVATE_KEYRING;
  const privateKeyring = await loadPrivateKeyring(path, { env: edge.env });
  refuseExposures(edge, readProfile(edge).profile, [
    ...(logged.length > 0 ? (["logged_parameters"] as const) : []),
    ...(await exposuresOfKeyFiles([path])),
  ]);
  return createUnsealer(privateKeyring, { tenant: settings.MASKLINE_TENANT });
}

/** The consumer's keyring: public halves, and the token key. */
export async function openKeyring(edge: Edge): Promise<Keyring> {
  const { MASKLINE_KEYRING: path } = readSettings(edge.env, ["MASKLINE_KEYRING"]);
  const keyring = await loadKeyring(path, { env: edge.env });
  const exposed = await exposuresOfKeyFiles([path]);
  if (exposed.length > 0) refuseExposures(edge, readProfile(edge).profile, exposed);
  return keyring;
}

export async function openTokenizer(edge: Edge, contract: AnyContract): Promise<Tokenizer<string>> {
  const { MASKLINE_TENANT: tenant } = readSettings(edge.env, ["MASKLINE_TENANT"]);
  return tokenizerOf(contract, await openKeyring(edge), tenant);
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

export function openParser(edge: Edge, contract: AnyContract): Parse<MessageOf<AnyContract>> {
  return parserOf(contract, readSettings(edge.env, ["MASKLINE_UNWRAP"]).MASKLINE_UNWRAP);
}

/** What the database said, if it was the database. */
export function databaseFault(error: unknown): DatabaseFault | null {
  return error instanceof DatabaseError ? error : null;
}
