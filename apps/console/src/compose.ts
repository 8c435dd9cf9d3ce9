/** The composition root: opens what the console needs from its settings. */

import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connectRecovery, DatabaseError, trustOf } from "@org/db";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { openSealer } from "@org/masking/seal";
import { createUnsealer } from "@org/masking/unseal";
import {
  countValues,
  createClaimCounts,
  createWitness,
  exit,
  exposuresOfRecoverKeyring,
  findSigner,
  identify,
  loadRecoverKeyring,
  loadSigningKey,
  openContract,
  openSinks,
  parserOf,
  printable,
  RecoverError,
  type RecoverKeyring,
  requireDuty,
  type SigningKey,
  tokenizerOf,
} from "@org/recovery";
import { contractPath, createToRow } from "@org/schema";
import {
  type Exposure,
  exposuresOfConsole,
  exposuresOfContract,
  exposuresOfKeyFiles,
  exposuresOfProcess,
  exposuresOfServer,
  judgeExposures,
  type Profile,
  type ProfileFinding,
  profileOf,
} from "@org/settings";
import { createPipeline, scrapeMs } from "@org/scrape";
import type { Logger } from "pino";
import { connectionsAtMost, createApp, usualLimits } from "./app.ts";
import type { Config } from "./config.ts";
import { passkeysAt } from "./passkeys.ts";
import type { ConsolePorts, Limits } from "./ports.ts";
import { createReadiness } from "./readiness.ts";
import { servePages } from "./serve.ts";
import { openIdentityProvider } from "./sign-in/identity-provider.ts";
import { signInAt } from "./sign-in/routes.ts";
import { createSessions } from "./sign-in/sessions.ts";
import { createWebhook } from "./webhook.ts";

export interface Console extends AsyncDisposable {
  /** Of what production refuses, or lets pass. */
  readonly findings: readonly ProfileFinding[];
  /** Resolves with the address that it listens on. */
  readonly listen: () => Promise<AddressInfo>;
}

/** @throws {@link RecoverError} (exit 2) if a file or the contract cannot be used. */
export async function compose(
  config: Config,
  { log, limits = usualLimits }: { readonly log: Logger; readonly limits?: Limits },
): Promise<Console> {
  await using opening = new AsyncDisposableStack();
  const { env, MASKLINE_TENANT: tenant, CONSOLE_DATABASE_URL: connectionString } = config;
  const server = trustOf({ connectionString });
  const profile = profileOf(config, [server.host, config.CONSOLE_ORIGIN.hostname]);
  const readKeyring = (): Promise<RecoverKeyring> => loadRecoverKeyring(config.RECOVER_KEYRING);
  const keyring = await readKeyring();
  const key = await loadSigningKey(config.RECOVER_SIGNING_KEY);
  requireDuty(identify({ tenant, keyring, key }), "witness");
  const contract = await openContract({
    name: config.MASKLINE_CONTRACT,
    directory: env["INIT_CWD"],
    refuse: (exposed) => refuse(profile, exposed),
  });
  const keyFiles = [config.RECOVER_PRIVATE_KEYRING, config.MASKLINE_KEYRING ?? []].flat();
  const tokenKeys =
    config.MASKLINE_KEYRING === null ? null : await loadKeyring(config.MASKLINE_KEYRING, { env });
  const tokenizer = tokenKeys && tokenizerOf(contract, tokenKeys, tenant);
  const privateKeyring = await loadPrivateKeyring(config.RECOVER_PRIVATE_KEYRING, { env });
  const unsealer = createUnsealer(privateKeyring, { tenant });
  const sendsWeakPassword = profile.allowed.includes("weak_password");
  const recovery = opening.use(
    connectRecovery(
      { connectionString, sendsWeakPassword },
      { applicationName: "maskline-console", connectionsAtMost },
    ),
  );

  const { CONSOLE_CONSUMERS: consumers, CONSOLE_WEBHOOK_URL: webhook } = config;
  const ports: ConsolePorts = {
    origin: config.CONSOLE_ORIGIN,
    tenant,
    contract,
    signIn: signInAt(
      openIdentityProvider({
        issuer: config.CONSOLE_ISSUER,
        clientId: config.CONSOLE_CLIENT_ID,
        clientSecret: config.CONSOLE_CLIENT_SECRET,
        redirectUri: `${config.CONSOLE_ORIGIN.origin}/signed-in`,
      }),
    ),
    signing: passkeysAt(config.CONSOLE_ORIGIN),
    sessions: createSessions(),
    readKeyring,
    actAs: (login) => recovery.as(login),
    async openUnsealer(person) {
      const logged = await person.erasure.loggedByRoles();
      if (logged.length > 0) refuse(profile, ["logged_parameters"]);
      return unsealer;
    },
    tokenizer,
    openRemaking:
      tokenKeys &&
      tokenizer &&
      (async () => ({
        parse: parserOf(contract, config.MASKLINE_UNWRAP),
        toRow: createToRow(contract, tokenizer),
        sealer: openSealer(tokenKeys, { tenant, vault: config.MASKLINE_VAULT }),
      })),
    tokenizerFor: countValues(tokenizer),
    claimCounts: createClaimCounts(),
    key,
    openSinks,
    async openWitness(person, current) {
      // What was judged at the start was the keyring of then.
      requireWitness(current, key);
      refuse(profile, exposuresOfRecoverKeyring(current));
      return createWitness({
        audit: person.audit,
        sinks: await openSinks(current),
        key,
        keyring: current,
        onIgnored: (name, reason) =>
          log.warn({ checkpoint: printable(name), reason }, "ignored among the checkpoints"),
      });
    },
    isReady: createReadiness(async () => {
      requireWitness(await readKeyring(), key);
      return recovery.knows(contract.name);
    }),
    pipeline: consumers && createPipeline(consumers, contract),
    databaseFault: (error) => (error instanceof DatabaseError ? error : null),
    log,
    limits,
    now: Date.now,
  };
  const tell = webhook && createWebhook(webhook, recovery.listOpen, ports);
  const exposures: Exposure[] = [
    ...exposuresOfServer(server, env, profile.allowed),
    ...exposuresOfProcess(env),
    ...exposuresOfContract(contractPath(config.MASKLINE_CONTRACT, env["INIT_CWD"])),
    ...exposuresOfRecoverKeyring(keyring),
    ...(await exposuresOfKeyFiles(keyFiles)),
    ...exposuresOfConsole([config.CONSOLE_ORIGIN, new URL(config.CONSOLE_ISSUER), webhook], env),
  ];
  const held = opening.move();
  return {
    findings: judgeExposures(profile, exposures),
    async listen() {
      const served = held.use(await servePages(config, () => createApp(ports)));
      const stop = new AbortController();
      held.defer(() => stop.abort());
      const { signal } = stop;
      void repeat(async () => ports.pipeline?.scrape(), { of: "the consumers", log, signal });
      void repeat(async () => tell?.(), { of: "what waits for the webhook", log, signal });
      return served.address;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** What cannot be done is done in the next turn. */
async function repeat(
  turn: () => Promise<void>,
  { of, log, signal }: { readonly of: string; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    await turn().catch(() => log.warn(`${of} could not be read`));
    await sleep(scrapeMs, null, { signal }).catch(() => {});
  }
}

/** What another key signs counts for no checkpoint: nothing would be left outside the database. */
function requireWitness(keyring: RecoverKeyring, { kid }: SigningKey): void {
  if (findSigner(keyring, kid, "witness")?.state === "active") return;
  throw new RecoverError(
    exit.auditUnavailable,
    "The recover keyring has no key of the console's that signs checkpoints.",
    { advice: "Nothing was opened. Tell who runs the console." },
  );
}

function refuse(profile: Profile, found: readonly Exposure[]): void {
  const refused = judgeExposures(profile, found).find(({ severity }) => severity === "error");
  if (refused === undefined) return;
  throw new RecoverError(exit.configuration, `Production refuses this: ${refused.finding}.`, {
    advice: "Tell who runs the console.",
  });
}
