/** The composition root of an AWS Lambda function: opens the adapters once a sandbox, and fits the stages to them. */
import { createNoopMeter } from "@opentelemetry/api";
import { DatabaseError, databaseReasons, trustOf } from "@org/db/writer";
import type { Access, Writer } from "@org/db/writer";
import { damageKinds, readLambdaEvent } from "@org/sqs/lambda-event";
import type { Logger } from "pino";

import manifest from "../../package.json" with { type: "json" };
import { backoffMs, pause, unlessAborted } from "../backoff.ts";
import { createBreaker } from "../breaker.ts";
import type { WorkConfig } from "../config.ts";
import { findExposures } from "../exposures.ts";
import { StartFault, toFailure } from "../failure.ts";
import { fitCarry } from "../fit-carry.ts";
import {
  allOrEveryFault,
  connectionOf,
  openContract,
  openDatabase,
  openKeys,
  orExplainDatabase,
} from "../open-work.ts";
import { preflightWork } from "../preflight.ts";
import { writeBackoff } from "../stages/commit.ts";
import { createTelemetry } from "../telemetry.ts";
import { createHandle } from "./handle.ts";
import type { Handle } from "./handle.ts";

/** One that writes, and one that probes. */
const poolSize = 2;

/** A connection that was frozen for longer may have been forgotten on its way, and nobody says so. */
const idleMs = 60_000;

/**
 * Builds what invocations run. Nothing is closed: nobody tells a sandbox that it ends.
 *
 * A database that is away keeps no sandbox from starting: the first invocation judges it then.
 *
 * @throws AggregateError of every {@link StartFault}
 */
export async function compose(config: WorkConfig, log: Logger): Promise<Handle> {
  const contract = await openContract(config);
  const telemetry = createTelemetry(createNoopMeter(), log, {
    labels: {
      reasons: contract.reasons,
      oddities: contract.oddities,
      damages: damageKinds,
      failures: { receive: [], renew: [], depth: [], maintain: [], write: databaseReasons },
    },
    build: { version: manifest.version, contract: contract.name },
  });
  const database = openDatabase({ config, contract, log }, { poolSize, idleMs });
  const [keys, access] = await allOrEveryFault([
    openKeys(config, contract),
    orExplainDatabase(unlessAway(database)),
  ]);
  let isJudged = access !== null && (await judge(config, access, log));
  log.info({ contract: contract.name, vault: keys.sealer === null ? "off" : "on" }, "started");

  /** Waits for a database that was away at the start. */
  async function ready(giveUp: AbortSignal): Promise<boolean> {
    for (let attempt = 0; !isJudged && !giveUp.aborted; attempt += 1) {
      const found = await unlessAborted(orExplainDatabase(unlessAway(database)), giveUp);
      if (found) isJudged = await judge(config, found, log);
      else await pause(backoffMs(writeBackoff, attempt), giveUp);
    }
    return isJudged;
  }

  // What cannot be written is waited for within the invocation; nothing here receives.
  const breaker = createBreaker(() => {});
  return createHandle({
    read: readLambdaEvent,
    ready,
    carry: fitCarry({ database, breaker, telemetry }, keys, () => {}),
    events: { ...telemetry.receive, invoked: telemetry.invoked },
  });

  /** Null where the database cannot be asked at present. */
  async function unlessAway({ check }: Writer): Promise<Access | null> {
    return check().catch((error: unknown) => {
      if (!(error instanceof DatabaseError) || error.kind !== "transient") throw error;
      telemetry.write.failed(toFailure("start", error));
      return null;
    });
  }
}

/** Says what was found; refuses what must not go on. */
async function judge(config: WorkConfig, access: Access, log: Logger): Promise<true> {
  const server = trustOf(connectionOf(config));
  const findings = [
    ...(await findExposures({ config, server, loggedBy: access.loggedBy })),
    ...preflightWork({
      readsMaskedData: access.readsMaskedData,
      additions: access.additions,
      isRestored: access.isRestored,
      preparesTransactions: access.preparesTransactions,
      readingRequesters: access.readingRequesters,
      namesPrivateKeyring: config.RECOVER_PRIVATE_KEYRING !== null,
      unknownSettings: config.unknownSettings,
    }),
  ];
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    throw new AggregateError(errors.map(({ finding, advice }) => new StartFault(finding, advice)));
  }
  for (const { finding, advice } of findings) log.warn({ advice }, finding);
  return true;
}
