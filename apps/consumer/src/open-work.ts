/** What a batch needs wherever it is carried: the contract, keys, the database; and why one of them cannot be opened. */
import { randomUUID } from "node:crypto";

import { connectWriter, maintainInTurn, passwordFrom } from "@org/db/writer";
import type { Connection, Turn, Writer, WriterOptions } from "@org/db/writer";
import { MaskingError, createTokenizer } from "@org/masking";
import type { Keyring } from "@org/masking";
import { loadKeyring } from "@org/masking/keyring";
import { openSealer } from "@org/masking/seal";
import type { Sealer } from "@org/masking/seal";
import {
  ContractError,
  createParser,
  createSubjectTag,
  createToRow,
  loadContract,
  tagFields,
} from "@org/schema";
import type { AnyContract } from "@org/schema";
import type { Logger } from "pino";

import { adviceFor } from "./advice.ts";
import type { Config, WorkConfig } from "./config.ts";
import type { Masking } from "./fit-carry.ts";
import { StartFault, toFailure } from "./failure.ts";

/** The contract that a process serves. */
export async function openContract({ MASKLINE_CONTRACT, env }: WorkConfig): Promise<AnyContract> {
  return loadContract(MASKLINE_CONTRACT, env["INIT_CWD"]).catch((error: unknown) => {
    if (!(error instanceof ContractError)) throw error;
    throw new StartFault(
      [error.message, ...error.faults].join("\n"),
      "correct the contract, or set MASKLINE_CONTRACT to the name of one that is shipped or to the path of one",
    );
  });
}

/** What the keyring makes of the contract. */
export async function openKeys(config: WorkConfig, contract: AnyContract): Promise<Masking> {
  return orExplain(
    loadMasking(config, contract),
    "MASKLINE_KEYRING",
    "correct the file that MASKLINE_KEYRING names; `pnpm recover keys init` writes a new one for development",
  );
}

async function loadMasking(config: WorkConfig, contract: AnyContract): Promise<Masking> {
  const tenant = config.MASKLINE_TENANT;
  const keyring = await loadKeyring(config.MASKLINE_KEYRING, { env: config.env });
  const fields = { ...contract.tokenFields, ...tagFields(contract) };
  const tokenizer = createTokenizer<string>(keyring, { tenant, fields });
  return {
    parse: createParser(contract, { unwrap: config.MASKLINE_UNWRAP }),
    toRow: createToRow(contract, tokenizer),
    tag: createSubjectTag(contract, tokenizer, { unwrap: config.MASKLINE_UNWRAP }),
    sealer: openVault(keyring, config),
  };
}

function openVault(keyring: Keyring, config: WorkConfig): Sealer | null {
  const { MASKLINE_TENANT: tenant, MASKLINE_VAULT: vault } = config;
  try {
    return openSealer(keyring, { tenant, vault });
  } catch (error) {
    if (!(error instanceof MaskingError)) throw error;
    throw new StartFault(
      "the vault has nobody to seal to: no recipient in the file that MASKLINE_KEYRING names is primary",
      "`pnpm recover keys promote KID --recipient` makes one primary; MASKLINE_VAULT=off starts without a vault, and keeps no originals",
    );
  }
}

export function connectionOf(config: WorkConfig): Connection {
  const { DATABASE_URL, DATABASE_PASSWORD_FROM, MASKLINE_ALLOW } = config;
  return {
    // pg reads the PG* variables itself.
    ...(DATABASE_URL !== null && { connectionString: DATABASE_URL }),
    ...(DATABASE_PASSWORD_FROM !== null && {
      readPassword: passwordFrom(DATABASE_PASSWORD_FROM),
    }),
    sendsWeakPassword: MASKLINE_ALLOW.includes("weak_password"),
  };
}

export function openDatabase(
  { config, contract, log }: { config: WorkConfig; contract: AnyContract; log: Logger },
  pool: Pick<WriterOptions<AnyContract>, "poolSize" | "idleMs">,
): Writer {
  return connectWriter({
    connection: connectionOf(config),
    contract,
    ...pool,
    onIdleError: (fault) =>
      log.warn(toFailure("write", fault), "an idle connection to the database broke"),
  });
}

/** A turn of the database's daily work; a new holder of its lease with each call. */
export function openMaintenance(config: Config): (signal: AbortSignal) => Promise<Turn> {
  const connection = connectionOf(config);
  const holder = randomUUID();
  const takesPart = config.MASKLINE_MAINTENANCE === "on";
  return (signal) => maintainInTurn({ connection, holder, takesPart, signal });
}

export async function orExplainDatabase<T>(checking: Promise<T>): Promise<T> {
  return orExplain(
    checking,
    "the database is not ready",
    "check DATABASE_URL; its login must be a member of maskline_writer; `pnpm migrate` brings the schema up to date",
  );
}

/** What these say is safe to print. */
const ourErrors: ReadonlySet<string> = new Set(["MaskingError", "DatabaseError", "QueueError"]);

/** @param what - What could not be opened; the fault's own words follow where they are ours, else its reason. */
export async function orExplain<T>(opening: Promise<T>, what: string, advice: string): Promise<T> {
  return opening.catch((error: unknown) => {
    if (error instanceof StartFault) throw error;
    const isOurs = error instanceof Error && ourErrors.has(error.name);
    const { reason } = toFailure("start", error);
    const detail = isOurs ? error.message : reason;
    throw new StartFault(`${what}: ${detail}`, adviceFor(reason, advice));
  });
}

/** Waits for all of them, so that whoever starts the service hears of every fault at once. */
export async function allOrEveryFault<T extends readonly Promise<unknown>[]>(
  openings: readonly [...T],
): Promise<{ -readonly [Index in keyof T]: Awaited<T[Index]> }> {
  const settled = await Promise.allSettled(openings);
  const faults = settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  if (faults.length > 0) throw new AggregateError(faults);
  return Promise.all(openings);
}
