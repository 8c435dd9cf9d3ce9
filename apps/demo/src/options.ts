/** The demo's arguments. */
import { parseArgs } from "node:util";

export interface DemoOptions {
  readonly messages: number;
  readonly seed: number;
  readonly json: boolean;
  readonly keep: boolean;
  /** A shipped contract's name, or a path. */
  readonly contract: string;
  readonly help: boolean;
}

/** A fault in the arguments, as a sentence for the person who typed them. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const usage = `Usage: pnpm demo [--messages N] [--seed N] [--json] [--keep] [--contract PATH]

Starts PostgreSQL and an SQS server of its own, sends sample messages, runs the
consumer until the queue is empty, and shows what came of them. Leaves nothing behind.

  --messages N  how many messages to send (default 1000, at most 1000000)
  --seed N      which messages: the same seed sends the same ones (default 1)
  --json        print one line of JSON and nothing else; pnpm adds two of its own,
                unless called as pnpm --silent demo --json:
                {"sent":…,"written":…,"duplicates":…,"quarantined":…,"seconds":…}
                sent         messages sent
                written      rows in the contract's table
                duplicates   messages delivered again after their commit, not written again
                quarantined  records in quarantine, and messages in the dead-letter queue
                seconds      from the consumer's start to the last outcome
  --keep        leave the servers up, print how to reach them, wait for Ctrl-C
  --contract C  which messages: a contract of one's own by its path, such as
                examples/orders.contract.ts, or by name one that is shipped (default login)
  --help        show this

Exit codes: 0 done; 1 failed, or written + quarantined is not sent; 2 usage; 130 interrupted.
`;

const mostMessages = 1_000_000;
const mostSeed = 2 ** 31 - 1;

/** @throws {@link UsageError} */
export function parseOptions(args: readonly string[]): DemoOptions {
  const { messages, seed, ...rest } = parse(args);
  return {
    messages: integer("--messages", messages, { from: 1, to: mostMessages }),
    seed: integer("--seed", seed, { from: 0, to: mostSeed }),
    ...rest,
  };
}

interface GivenOptions {
  readonly messages: string;
  readonly seed: string;
  readonly json: boolean;
  readonly keep: boolean;
  readonly contract: string;
  readonly help: boolean;
}

function parse(args: readonly string[]): GivenOptions {
  try {
    return parseArgs({
      args: [...args],
      options: {
        messages: { type: "string", default: "1000" },
        seed: { type: "string", default: "1" },
        json: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        contract: { type: "string", default: "login" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "The arguments are not usable.");
  }
}

function integer(name: string, text: string, range: { from: number; to: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= range.from && value <= range.to) return value;
  throw new UsageError(`${name} takes a whole number from ${range.from} to ${range.to}.`);
}
