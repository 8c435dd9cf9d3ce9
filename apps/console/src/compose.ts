/** The composition root: opens what the console needs from its settings. */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { connectRecovery, DatabaseError, trustOf } from "@org/db";
import { createTokenizer } from "@org/masking";
import { loadKeyring, loadPrivateKeyring } from "@org/masking/keyring";
import { createUnsealer } from "@org/masking/unseal";
import {
  approvalsFor,
  createWitness,
  exit,
  findSigner,
  identify,
  isUrl,
  loadRecoverKeyring,
  loadSigningKey,
  openSink,
  printable,
  RecoverError,
  type RecoverKeyring,
  requireDuty,
  type SigningKey,
} from "@org/recovery";
import { ContractError, type AnyContract, loadContract, tagFields } from "@org/schema";
import {
  type Exposure,
  exposuresOfProcess,
  exposuresOfServer,
  holdsInlineKeys,
  isLoopback,
  judgeExposures,
  type Profile,
  type ProfileFinding,
  profileOf,
} from "@org/settings";
import type { Logger } from "pino";
import { connectionsAtMost, createApp } from "./app.ts";
import type { Config } from "./config.ts";
import type { ConsolePorts, Limits } from "./ports.ts";
import { openIdentityProvider } from "./sign-in/identity-provider.ts";
import { createSessions } from "./sign-in/sessions.ts";

export interface Console extends AsyncDisposable {
  /** Of what production refuses, or lets pass. */
  readonly findings: readonly ProfileFinding[];
  /** Resolves with the address that it listens on. */
  readonly listen: () => Promise<AddressInfo>;
}

/** Left for what is being answered, once the console is to stop. */
const shutdownMs = 10_000;

/** Whoever takes what is sent slowly, or not at all, holds one each. */
const mostConnections = 500;

const usualLimits: Limits = { perSession: 300, perAddress: 300 };

/** @throws {@link RecoverError} (exit 2) if a file or the contract cannot be used. */
export async function compose(
  config: Config,
  { log, limits = usualLimits }: { readonly log: Logger; readonly limits?: Limits },
): Promise<Console> {
  await using opening = new AsyncDisposableStack();
  const { env, MASKLINE_TENANT: tenant } = config;
  const readKeyring = (): Promise<RecoverKeyring> => loadRecoverKeyring(config.RECOVER_KEYRING);
  const keyring = await readKeyring();
  const key = await loadSigningKey(config.RECOVER_SIGNING_KEY);
  requireDuty(identify({ tenant, keyring, key }), "witness");
  const contract = await openContract(config);
  const tokenKeys =
    config.MASKLINE_KEYRING === null ? null : await loadKeyring(config.MASKLINE_KEYRING, { env });
  const fields = { ...contract.tokenFields, ...tagFields(contract) };
  const tokenizer = tokenKeys && createTokenizer<string>(tokenKeys, { tenant, fields });
  const privateKeyring = await loadPrivateKeyring(config.RECOVER_PRIVATE_KEYRING, { env });
  const unsealer = createUnsealer(privateKeyring, { tenant });

  const connectionString = config.CONSOLE_DATABASE_URL;
  const server = trustOf({ connectionString });
  const profile = profileOf(config, [server.host, config.CONSOLE_ORIGIN.hostname]);
  const sendsWeakPassword = profile.allowed.includes("weak_password");
  const recovery = opening.use(
    connectRecovery(
      { connectionString, sendsWeakPassword },
      { applicationName: "maskline-console", connectionsAtMost },
    ),
  );

  const ports: ConsolePorts = {
    origin: config.CONSOLE_ORIGIN,
    tenant,
    contract,
    identityProvider: openIdentityProvider({
      issuer: config.CONSOLE_ISSUER,
      clientId: config.CONSOLE_CLIENT_ID,
      clientSecret: config.CONSOLE_CLIENT_SECRET,
      redirectUri: `${config.CONSOLE_ORIGIN.origin}/signed-in`,
    }),
    sessions: createSessions(),
    readKeyring,
    actAs: (login) => recovery.as(login),
    async openUnsealer(person) {
      const logged = await person.erasure.loggedByRoles();
      if (logged.length > 0) refuse(profile, ["logged_parameters"]);
      return unsealer;
    },
    async openTokenizer() {
      if (tokenizer !== null) return tokenizer;
      throw new RecoverError(exit.configuration, "The console has no token key.", {
        advice: "Use `recover`, or have MASKLINE_KEYRING set for the console.",
      });
    },
    hasTokenizer: tokenizer !== null,
    key,
    openSinks,
    async openWitness(person, current) {
      // What was judged at the start was the keyring of then.
      requireWitness(current, key);
      refuse(profile, exposuresOfKeyring(current));
      return createWitness({
        audit: person.audit,
        sinks: await openSinks(current),
        key,
        keyring: current,
        onIgnored: (name, reason) =>
          log.warn({ checkpoint: printable(name), reason }, "ignored among the checkpoints"),
      });
    },
    databaseFault: (error) => (error instanceof DatabaseError ? error : null),
    log,
    limits,
    now: Date.now,
  };
  const app = await createApp(ports);
  const http = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    serverOptions: { requestTimeout: 30_000, headersTimeout: 10_000 },
  });
  http.maxConnections = mostConnections;
  const exposures: Exposure[] = [
    ...exposuresOfServer(server, env, profile.allowed),
    ...exposuresOfProcess(env),
    ...exposuresOfKeyring(keyring),
    ...exposuresOfOrigins(config),
    ...((await hasInlineKeys(config)) ? (["inline_keys"] as const) : []),
  ];
  const held = opening.move();
  return {
    findings: judgeExposures(profile, exposures),
    async listen() {
      await new Promise<void>((resolve, reject) => {
        http.once("error", reject).listen(config.PORT, config.HOST, resolve);
      });
      held.defer(() => close(http));
      return http.address() as AddressInfo;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

type HttpServer = ReturnType<typeof createAdaptorServer>;

/** What is being answered is answered first: an opening is in the audit already. */
async function close(http: HttpServer): Promise<void> {
  const closed = new Promise<void>((resolve) => http.close(() => resolve()));
  if (!("closeAllConnections" in http)) return closed;
  http.closeIdleConnections();
  const giveUp = setTimeout(() => http.closeAllConnections(), shutdownMs);
  await closed;
  clearTimeout(giveUp);
}

async function openContract({ MASKLINE_CONTRACT: name, env }: Config): Promise<AnyContract> {
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

/** Where the keyring has checkpoints go, all of them. */
async function openSinks({ sinks }: RecoverKeyring): ReturnType<ConsolePorts["openSinks"]> {
  if (sinks.length > 0) return Promise.all(sinks.map(openSink));
  throw new RecoverError(
    exit.configuration,
    "The recover keyring names no place for checkpoints.",
    { advice: 'Put a directory, or s3://BUCKET/PREFIX, among its "sinks", under review.' },
  );
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

/** Where whoever administers one machine, or approves once, is enough. */
function exposuresOfKeyring(keyring: RecoverKeyring): Exposure[] {
  const required = approvalsFor(keyring, { records: 101, atMs: Date.now() });
  return [
    ...(keyring.sinks.every(isUrl) ? [] : (["file_sink"] as const)),
    ...(required < 2 ? (["one_approval"] as const) : []),
  ];
}

/** Whoever gets between reads what is opened, or signs in as somebody else. */
function exposuresOfOrigins({ CONSOLE_ORIGIN, CONSOLE_ISSUER }: Config): Exposure[] {
  return [CONSOLE_ORIGIN, new URL(CONSOLE_ISSUER)].some(isOpen) ? ["http_console"] : [];
}

function isOpen({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && !isLoopback(hostname);
}

async function hasInlineKeys(config: Config): Promise<boolean> {
  const paths = [config.RECOVER_PRIVATE_KEYRING, config.MASKLINE_KEYRING];
  for (const path of paths) {
    if (path !== null && holdsInlineKeys(JSON.parse(await readFile(path, "utf8")))) return true;
  }
  return false;
}

function refuse(profile: Profile, found: readonly Exposure[]): void {
  const refused = judgeExposures(profile, found).find(({ severity }) => severity === "error");
  if (refused === undefined) return;
  throw new RecoverError(exit.configuration, `Production refuses this: ${refused.finding}.`, {
    advice: "Tell who runs the console.",
  });
}
