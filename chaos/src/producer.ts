/** Sends logins past every fault: a sequence number in each user_id, canaries in what must be masked. */
import { setTimeout as sleep } from "node:timers/promises";

import type { OutgoingMessage, QueueAdmin, Random } from "@org/local";

import type { Canaries } from "./canaries.ts";
import { refusedDeviceType } from "./stage.ts";

export interface SentMessage {
  readonly messageId: string;
  /** `row` for a login; `quarantine` for what cannot become one. */
  readonly due: "row" | "quarantine";
  readonly userId: string;
  readonly ip: string;
  readonly deviceId: string;
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

export function createProducer(options: ProducerOptions): Producer {
  const { admin, queueUrl, fifo, rate, random } = options;
  let sent: SentMessage[] = [];
  let drafted = 0;
  let sending: Promise<void> | null = null;
  let paused = new AbortController();

  function draft(): Draft {
    drafted += 1;
    const userId = `00000000-0000-4000-8000-${String(drafted).padStart(12, "0")}`;
    const ip = random.pick(random.pick(options.canaries.addresses));
    const deviceId = random.pick(options.canaries.deviceIds);
    const isWrongShape = random.chance(1, 100);
    const isRefused = !isWrongShape && random.chance(1, 200);
    const login = {
      user_id: userId,
      app_version: `${random.integer(0, 9)}.${random.integer(0, 20)}.0`,
      device_type: isRefused ? refusedDeviceType : random.pick(["ios", "android"]),
      ip,
      locale: random.chance(3, 10) ? null : random.pick(["RU", "US", "CN"]),
      device_id: deviceId,
    };
    return {
      due: isWrongShape || isRefused ? "quarantine" : "row",
      userId,
      ip,
      deviceId,
      body: JSON.stringify(isWrongShape ? { foo: ip, bar: deviceId, user_id: userId } : login),
      groupId: fifo ? `group-${random.integer(1, groups)}` : null,
    };
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
    paused = new AbortController();
    sending ??= sendUntil(paused.signal);
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
        await send([{ ...draft(), due: "quarantine", body }]);
      }
    },
  };
}
