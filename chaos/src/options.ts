/** The arguments of `pnpm chaos`. */
import { parseArgs } from "node:util";
import type { ParseArgsOptionsConfig } from "node:util";

import { faults, faultsFor } from "./faults.ts";
import type { QueueServerName } from "./queue-servers.ts";

export type QueueKind = "standard" | "fifo";

export interface ChaosOptions {
  readonly server: QueueServerName;
  readonly seed: number;
  readonly minutes: number;
  readonly kind: QueueKind;
  readonly vault: boolean;
  /** Names of faults; each round goes through all of them. */
  readonly faults: readonly string[];
  /** Messages a second. */
  readonly rate: number;
  /** How far away the queue is, in milliseconds. */
  readonly rttMs: number;
  /** A shipped contract's name, or a path. */
  readonly contract: string;
  /** Of each consumer. */
  readonly workers: number;
  readonly json: boolean;
  readonly help: boolean;
}

/** `pnpm chaos --soak`: one deep queue, and consumers that are killed while they drain it. */
export interface SoakOptions {
  readonly messages: number;
  readonly killEverySeconds: number;
  readonly consumers: number;
  readonly workers: number;
  /** How far away the queue is, in milliseconds. */
  readonly rttMs: number;
  readonly seed: number;
  readonly contract: string;
  readonly json: boolean;
}

/** A fault in the arguments, as a sentence for the person who typed them. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage: string = `Usage: pnpm chaos [--minutes N] [--seed N] [--kind standard|fifo] [--vault on|off]
                  [--server hostile|fauxqs] [--contract PATH] [--faults a,b] [--rate N]
                  [--rtt MS] [--workers N] [--json]
       pnpm chaos --soak MESSAGES [--kill-every SECONDS] [--consumers N] [--workers N] [--rtt MS]
                  [--contract PATH] [--seed N] [--json]

Runs consumers on a PostgreSQL and an SQS server of its own, breaks something every few
seconds, and counts what became of every message. One round goes through every chosen
fault; another round begins while less than --minutes have passed. The first is finished
in any case.

  --minutes N   how long to go on (default 3)
  --seed N      which choices: order of faults, moments, messages (default 1)
  --kind K      standard or fifo (default standard)
  --vault V     on or off (default on)
  --server S    the SQS server: hostile, which can misbehave, or fauxqs (default hostile)
  --contract C  which messages: a contract's path, or the name of a shipped one (default login)
  --faults a,b  only these (default: all that fit the choices above)
  --rate N      messages sent a second (default 150)
  --rtt MS      round trip to the queue, with jitter and a tail (default 0)
  --workers N   of each consumer (default 1); a kill meets all of one
  --json        print one line of JSON instead of the table
  --help        show this

With --soak a queue that holds so many messages from the start is drained by consumers of
which one is killed (SIGKILL) every few seconds, and another started in its place. Every
message is then looked up in the database.

  --kill-every S   seconds from when all consume to the next kill, on average (default 4)
  --consumers N    how many at once (default 2)
  --rtt MS         as above

Faults:
${faults.map(({ name, what }) => `  ${name.padEnd(22)}${what}`).join("\n")}

Exit codes: 0 nothing lost, doubled or leaked, every fault hit often enough, all drained;
1 an invariant broke, or the run is inconclusive; 2 usage; 130 interrupted.
`;

const mostSeed = 2 ** 31 - 1;
const mostMinutes = 24 * 60;
const mostRate = 10_000;
const mostWorkers = 8;

/** @throws {@link UsageError} */
export function parseOptions(args: readonly string[]): ChaosOptions {
  const given = parse(args, {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "3" },
    kind: { type: "string", default: "standard" },
    vault: { type: "string", default: "on" },
    server: { type: "string", default: "hostile" },
    faults: { type: "string" },
    rate: { type: "string", default: "150" },
    rtt: { type: "string", default: "0" },
    contract: { type: "string", default: "login" },
    workers: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  });
  const kind = oneOf<QueueKind>("--kind", given.kind, ["standard", "fifo"]);
  const vault = oneOf("--vault", given.vault, ["on", "off"] as const) === "on";
  const server = oneOf<QueueServerName>("--server", given.server, ["hostile", "fauxqs"]);
  const fitting = faultsFor({ server, kind, vault }).map(({ name }) => name);
  return {
    seed: number("--seed", given.seed, { from: 0, to: mostSeed }),
    minutes: number("--minutes", given.minutes, { from: 0, to: mostMinutes }),
    server,
    kind,
    vault,
    faults: given.faults === undefined ? fitting : chosen(given.faults, fitting),
    rate: number("--rate", given.rate, { from: 1, to: mostRate }),
    rttMs: number("--rtt", given.rtt, { from: 0, to: mostRttMs }),
    contract: given.contract,
    workers: integer("--workers", given.workers, { from: 1, to: mostWorkers }),
    json: given.json,
    help: given.help,
  };
}

const mostMessages = 100_000_000;
const mostConsumers = 64;
const mostKillSeconds = 3_600;
const mostRttMs = 1_000;

export function isSoak(args: readonly string[]): boolean {
  return args.some((argument) => /^--soak(=|$)/.test(argument));
}

/** @throws {@link UsageError} */
export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const given = parse(args, {
    soak: { type: "string", default: "" },
    "kill-every": { type: "string", default: "4" },
    consumers: { type: "string", default: "2" },
    workers: { type: "string", default: "1" },
    rtt: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    contract: { type: "string", default: "login" },
    json: { type: "boolean", default: false },
  });
  return {
    messages: integer("--soak", given.soak, { from: 1, to: mostMessages }),
    killEverySeconds: number("--kill-every", given["kill-every"], {
      from: 0.1,
      to: mostKillSeconds,
    }),
    consumers: integer("--consumers", given.consumers, { from: 1, to: mostConsumers }),
    workers: integer("--workers", given.workers, { from: 1, to: mostWorkers }),
    rttMs: number("--rtt", given.rtt, { from: 0, to: mostRttMs }),
    seed: number("--seed", given.seed, { from: 0, to: mostSeed }),
    contract: given.contract,
    json: given.json,
  };
}

type Values<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T }>
>["values"];

function parse<T extends ParseArgsOptionsConfig>(args: readonly string[], options: T): Values<T> {
  try {
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "The arguments are not usable.");
  }
}

function number(name: string, text: string, { from, to }: { from: number; to: number }): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value >= from && value <= to) return value;
  throw new UsageError(`${name} takes a number from ${from} to ${to}.`);
}

function integer(name: string, text: string, bounds: { from: number; to: number }): number {
  const value = number(name, text, bounds);
  if (Number.isInteger(value)) return value;
  throw new UsageError(`${name} takes a whole number.`);
}

function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const value = values.find((known) => known === text);
  if (value === undefined) throw new UsageError(`${name} takes ${values.join(" or ")}.`);
  return value;
}

function chosen(list: string, fitting: readonly string[]): readonly string[] {
  const names = list.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !fitting.includes(name));
  if (unknown.length === 0) return names;
  throw new UsageError(
    `--faults: ${unknown.join(", ")} is not among those that fit: ${fitting.join(", ")}.`,
  );
}
