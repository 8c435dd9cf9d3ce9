/** Keeps every message in hand invisible to other consumers until it is acknowledged. */
import type { BatchFailure, Envelope, Receipt } from "@org/sqs";

import type { Held } from "./model.ts";

/**
 * SQS refuses to extend a message's invisibility past 12 hours from its receipt (SQS quotas), and a
 * renewal may wait before it is sent: a minute less.
 */
const longestLeaseMs = (12 * 60 - 1) * 60 * 1000;

/** With these codes the handle, or the time left on it, is spent: asking again cannot help. */
const finalCodes: ReadonlySet<string> = new Set([
  "ReceiptHandleIsInvalid",
  "InvalidParameterValue",
]);

export interface LeasePort {
  readonly changeVisibility: (
    receipts: readonly Receipt[],
    seconds: number,
  ) => Promise<readonly BatchFailure[]>;
}

export interface LeaseEvents {
  readonly renewed: (count: number) => void;
  /** Renewals that failed, of messages still in hand; they are tried again unless their code is final. */
  readonly failed: (codes: readonly string[]) => void;
  readonly lost: (count: number) => void;
}

export interface Leases {
  readonly size: number;
  /** Takes a message in hand. A redelivery of one already in hand only brings its newer handle: null. */
  readonly hold: (envelope: Envelope) => Held | null;
  /** Lets messages go, whatever became of them. */
  readonly drop: (messages: Iterable<Pick<Receipt, "messageId">>) => void;
  /** Everything still in hand. */
  readonly inHand: () => Held[];
  readonly stop: () => Promise<void>;
}

export function createLeases(
  queue: LeasePort,
  { visibilityTimeoutSeconds, events }: { visibilityTimeoutSeconds: number; events: LeaseEvents },
): Leases {
  const leaseMs = visibilityTimeoutSeconds * 1000;
  const held = new Map<string, Held>();
  let renewal: Promise<void> = Promise.resolve();
  let renewing = false;

  async function renew(): Promise<void> {
    const nowMs = performance.now();
    const due = [...held.values()].filter(
      (message) => !message.leaseLost && message.leaseUntilMs - nowMs <= leaseMs / 2,
    );
    const bySeconds = Map.groupBy(due, (message) => renewalSeconds(message, nowMs));
    bySeconds.delete(0);
    await Promise.all(
      [...bySeconds].map(async ([seconds, messages]) => extend(messages, { seconds, nowMs })),
    );
    lose(due.filter((message) => message.leaseUntilMs <= performance.now()));
  }

  /** A whole lease, or what is left of the 12 hours; 0 where that ends no later than the lease does. */
  function renewalSeconds({ receivedAtMs, leaseUntilMs }: Held, nowMs: number): number {
    const mostMs = Math.min(leaseMs, receivedAtMs + longestLeaseMs - nowMs);
    const seconds = Math.floor(mostMs / 1000);
    return nowMs + seconds * 1000 > leaseUntilMs ? seconds : 0;
  }

  async function extend(
    messages: readonly Held[],
    { seconds, nowMs }: { seconds: number; nowMs: number },
  ): Promise<void> {
    const renewed = new Map(messages.map((message) => [message.messageId, message]));
    const failures = await queue.changeVisibility(messages, seconds);
    const codes: string[] = [];
    for (const { receipt, code } of failures) {
      const message = renewed.get(receipt.messageId);
      renewed.delete(receipt.messageId);
      // Acknowledged or received anew meanwhile: then the old handle's failure says nothing.
      if (!message || !isInHand(message) || message.receiptHandle !== receipt.receiptHandle)
        continue;
      codes.push(code);
      if (finalCodes.has(code)) lose([message]);
    }
    if (codes.length > 0) events.failed(codes);
    for (const message of renewed.values()) {
      message.leaseUntilMs = Math.max(message.leaseUntilMs, nowMs + seconds * 1000);
    }
    events.renewed(renewed.size);
  }

  function lose(messages: readonly Held[]): void {
    const fresh = messages.filter((message) => !message.leaseLost && isInHand(message));
    for (const message of fresh) message.leaseLost = true;
    if (fresh.length > 0) events.lost(fresh.length);
  }

  /** Not let go meanwhile, nor let go and received anew. */
  function isInHand(message: Held): boolean {
    return held.get(message.messageId) === message;
  }

  // Looks four times a lease: a message is renewed between half and three quarters of its time.
  const timer = setInterval(() => {
    if (renewing) return;
    renewing = true;
    renewal = renew().finally(() => {
      renewing = false;
    });
  }, leaseMs / 4);

  return {
    get size() {
      return held.size;
    },
    hold(envelope) {
      const known = held.get(envelope.messageId);
      if (known) {
        known.receiptHandle = envelope.receiptHandle;
        known.receivedAtMs = envelope.receivedAtMs;
        known.leaseUntilMs = envelope.receivedAtMs + leaseMs;
        known.leaseLost = false;
        return null;
      }
      const message: Held = {
        envelope,
        messageId: envelope.messageId,
        receiptHandle: envelope.receiptHandle,
        receivedAtMs: envelope.receivedAtMs,
        leaseUntilMs: envelope.receivedAtMs + leaseMs,
        leaseLost: false,
      };
      held.set(envelope.messageId, message);
      return message;
    },
    drop(messages) {
      for (const message of messages) held.delete(message.messageId);
    },
    inHand: () => [...held.values()],
    async stop() {
      clearInterval(timer);
      await renewal;
    },
  };
}
