/** The console's pages for one person alone: on loopback, as the login and the key of this terminal. */

import type { AddressInfo } from "node:net";
import type { Recovery } from "@org/db";
import type { Tokenizer } from "@org/masking";
import { createClaimCounts, loadRecoverKeyring, type Operator } from "@org/recovery";
import { type AnyContract, createToRow } from "@org/schema";
import {
  type ConsolePorts,
  createApp,
  createSessions,
  servePages,
  usualLimits,
} from "console/pages";
import {
  databaseFault,
  openContract,
  openOperator,
  openRecovery,
  openParser,
  openSealer,
  openSinks,
  openTokenizer,
  openTokenizerIfAny,
  openUnsealer,
  openWitness,
} from "../compose.ts";
import { readSettings } from "../config.ts";
import type { Edge } from "../edge.ts";
import { signByKey, signInByAddress } from "./own-key.ts";

export interface ConsoleOptions {
  readonly contract?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Is told each address that opens a session: the first, and the next once one was used. */
  readonly offer: (login: string, address: string) => void;
}

/** Nobody else reaches it, whatever the machine is named. */
const loopback = "127.0.0.1";

export async function openConsole(edge: Edge, options: ConsoleOptions): Promise<AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const operator = await openOperator(edge);
  const contract = await openContract(edge, options.contract);
  const tokenizer = await openTokenizerIfAny(edge, contract);
  const recovery = opening.use(openRecovery(edge));
  const opened = { operator, contract, tokenizer, recovery };
  const serveAt = async ({ port }: AddressInfo) => {
    const origin = new URL(`http://${loopback}:${port}`);
    const signIn = signInByAddress(operator, (path) =>
      options.offer(operator.login, `${origin.origin}${path}`),
    );
    return createApp(portsOf(edge, { ...opened, origin, signIn }));
  };
  opening.use(await servePages({ HOST: loopback, PORT: options.port }, serveAt));
  return opening.move();
}

interface Opened extends Pick<ConsolePorts, "origin" | "signIn"> {
  readonly operator: Operator;
  readonly contract: AnyContract;
  readonly tokenizer: Tokenizer<string> | null;
  readonly recovery: Recovery;
}

function portsOf(edge: Edge, { operator, recovery, ...opened }: Opened): ConsolePorts {
  const { contract, tokenizer } = opened;
  const say = (fields: object, message: string): void =>
    void edge.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
  return {
    ...opened,
    tenant: operator.tenant,
    key: operator.key,
    claimCounts: createClaimCounts(),
    signing: signByKey(operator),
    sessions: createSessions(),
    readKeyring: () =>
      loadRecoverKeyring(readSettings(edge.env, ["RECOVER_KEYRING"]).RECOVER_KEYRING),
    actAs: () => recovery,
    openUnsealer: (person) => openUnsealer(edge, person),
    tokenizerFor: async () => tokenizer ?? openTokenizer(edge, contract),
    openWitness: async (person) => (await openWitness(edge, person)).witness,
    openSinks: (keyring) => openSinks(edge, keyring),
    openRemaking:
      tokenizer &&
      (async () => ({
        parse: openParser(edge, contract),
        toRow: createToRow(contract, tokenizer),
        sealer: await openSealer(edge),
      })),
    isReady: async () => true,
    pipeline: null,
    databaseFault,
    log: { info() {}, warn: say, error: say },
    limits: usualLimits,
    now: Date.now,
  };
}
