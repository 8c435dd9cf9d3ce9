/** Sends messages past every fault, with canaries in what must be masked. */
import { setTimeout as sleep } from "node:timers/promises";

import { type Canaries, spelledValues } from "@org/faults/canaries";
import type { OutgoingMessage, QueueAdmin } from "@org/local";
import { type AnyContract, createParser, sampleMessages } from "@org/schema";
import type { MessageOf, Random } from "@org/schema";

import { refusalOf } from "./refusal.ts";

export interface SentMessage {
  readonly messageId: string;
  /** `row` for a message of the contract; `quarantine` for what cannot become a row. */
  readonly due: "row" | "quarantine";
  /** Its values; null for what is none of the contract's. */
  readonly message: MessageOf<AnyContract> | null;
  readonly body: string;
  readonly groupId: string | null;
  /** Between these two SQS dated it. */
  readonly sentAfterMs: number;
  readonly sentBeforeMs: number;
}

type Draft = Omit<SentMessage, "messageId" | "sentAfterMs" | "sentBeforeMs">;

export interface Producer {
  /** Everything sent since the last {@link begin}, in order. */
  readonly sent: readonly SentMessage[];
  /** Starts sending, counting from nothing. */
  readonly begin: () => void;
  /** Resolves when nothing is under way any more; {@link resume} goes on. */
  readonly pause: () => Promise<void>;
  readonly resume: () => void;
  /** Sends bodies that must end in quarantine. */
  readonly sendBombs: (bodies: readonly string[]) => Promise<void>;
}

export interface ProducerOptions {
  readonly contract: AnyContract;
  readonly admin: QueueAdmin;
  readonly queueUrl: string;
  readonly fifo: boolean;
  /** Messages a second. */
  readonly rate: number;
  readonly random: Random;
  readonly canaries: Canaries;
}

const batchSize = 10;
const groups = 5;
/** Samples are made so many at a time, each time from another seed. */
const samplesAtOnce = 1_000;
const mostSeed = 2 ** 31 - 1;

export function createProducer(options: ProducerOptions): Producer {
  const { contract, admin, queueUrl, fifo, rate, random } = options;
  const values = spelledValues(options.canaries);
  const refusal = refusalOf(contract);
  const parse = createParser(contract);
  const good = bodies(contract, { random, values });
  const refused = refusal
    ? bodies(contract, { random, values: { ...values, [refusal.field]: [refusal.text] } })
    : good;
  let sent: SentMessage[] = [];
  let sending: Promise<void> | null = null;
  let paused = new AbortController();

  function draft(): Draft {
    const groupId = fifo ? `group-${random.integer(1, groups)}` : null;
    if (random.chance(1, 100)) {
      return { due: "quarantine", message: null, body: wrongShape(values, random), groupId };
    }
    const isRefused = refusal !== null && random.chance(1, 200);
    const { value: body } = (isRefused ? refused : good).next();
    const parsed = parse(body);
    const message = parsed.kind === "message" ? parsed.message : null;
    return { due: isRefused ? "quarantine" : "row", message, body, groupId };
  }

  async function send(drafts: readonly Draft[]): Promise<void> {
    const sentAfterMs = Date.now();
    const ids = await admin.send(
      queueUrl,
      drafts.map(({ body, groupId }): OutgoingMessage => ({
        body,
        ...(groupId !== null && { groupId }),
      })),
    );
    const sentBeforeMs = Date.now();
    for (const [at, drafted] of drafts.entries()) {
      sent.push({ ...drafted, messageId: ids[at] ?? "", sentAfterMs, sentBeforeMs });
    }
  }

  async function sendUntil(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await send(Array.from({ length: batchSize }, draft));
      await sleep((batchSize / rate) * 1000, undefined, { signal: stop }).catch(() => {
        // Paused.
      });
    }
  }

  function resume(): void {
    if (sending) return;
    paused = new AbortController();
    sending = sendUntil(paused.signal);
  }

  return {
    get sent() {
      return sent;
    },
    begin() {
      sent = [];
      resume();
    },
    async pause() {
      paused.abort();
      await sending;
      sending = null;
    },
    resume,
    async sendBombs(bodies) {
      for (const body of bodies) {
        await send([{ ...draft(), due: "quarantine", message: null, body }]);
      }
    },
  };
}

type Values = Readonly<Record<string, readonly string[]>>;

/** Bodies of the contract's messages, without end. */
function* bodies(
  contract: AnyContract,
  { random, values }: { readonly random: Random; readonly values: Values },
): Generator<string, never> {
  for (;;) {
    const seed = random.integer(0, mostSeed);
    for (const { kind, body } of sampleMessages(contract, { count: samplesAtOnce, seed, values })) {
      if (kind === "message") yield body;
    }
  }
}

/** What must be masked, under names that the contract does not know. */
function wrongShape(values: Values, random: Random): string {
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(values).map(([name, texts]) => [`not_${name}`, random.pick(texts)]),
    ),
  );
}
