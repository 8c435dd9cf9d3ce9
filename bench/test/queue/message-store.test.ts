import { expect, test } from "vitest";
import { messageIds } from "../../src/queue/message-ids.ts";
import { createMessageStore, type MessageStore } from "../../src/queue/message-store.ts";

interface Received {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly Attributes: { readonly ApproximateReceiveCount: string };
}

function open(): MessageStore {
  return createMessageStore("logins", { visibilityTimeoutSeconds: 30, maxReceiveCount: 2 });
}

function receive(store: MessageStore, nowMs: number): Received[] {
  return store.receive(10, nowMs).map((text) => JSON.parse(text) as Received);
}

test("a message is hidden while it is in flight, and comes again when its time is up", () => {
  const store = open();
  store.send(["é"], 1);
  const [first] = receive(store, 0);
  expect(receive(store, 1)).toEqual([]);
  store.expire(30_000);
  const [second] = receive(store, 30_000);
  expect(second?.MessageId).toBe(first?.MessageId);
  expect(second?.Attributes.ApproximateReceiveCount).toBe("2");
  expect(second?.Body).toBe("é");
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 1, redelivered: 1 });
});

test("only the newest handle deletes a message", () => {
  const store = open();
  store.send(["a"], 1);
  const [first] = receive(store, 0);
  store.expire(30_000);
  const [second] = receive(store, 30_000);
  store.delete(first?.ReceiptHandle ?? "");
  expect(store.counts()).toMatchObject({ inFlight: 1, deleted: 0 });
  store.delete(second?.ReceiptHandle ?? "");
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 0, deleted: 1 });
});

test("a renewal hides a message longer, and zero shows it at once", () => {
  const store = open();
  store.send(["a"], 1);
  const [first] = receive(store, 0);
  store.changeVisibility(first?.ReceiptHandle ?? "", 30, 20_000);
  store.expire(30_000);
  expect(store.counts().inFlight).toBe(1);
  store.changeVisibility(first?.ReceiptHandle ?? "", 0, 31_000);
  expect(store.counts()).toMatchObject({ visible: 1, inFlight: 0 });
});

test("a message that was received as often as allowed goes to the dead-letter queue", () => {
  const store = open();
  store.send(["a"], 1);
  for (let time = 0; time < 2; time += 1) {
    expect(receive(store, time)).toHaveLength(1);
    store.expire(60_000);
  }
  expect(receive(store, 60_000)).toEqual([]);
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 0, deleted: 0, deadLettered: 1 });
});

test("the n-th message is body n, going round, and has the n-th id, over several sends", () => {
  const store = open();
  store.send(["a", "b"], 3);
  store.send(["c"], 1);
  const messageIdAt = messageIds("logins");
  expect(receive(store, 0)).toMatchObject(
    ["a", "b", "a", "c"].map((Body, at) => ({ Body, MessageId: messageIdAt(at) })),
  );
});

test("no two messages have one id, whichever queues they are in", () => {
  const ids = ["one", "two"].flatMap((name) =>
    Array.from({ length: 50_000 }, (_, at) => messageIds(name)(at)),
  );
  expect(new Set(ids).size).toBe(100_000);
  expect(ids.every((id) => /^[0-9a-f]{8}-0000-8000-8000-[0-9a-f]{12}$/.test(id))).toBe(true);
});

test("a million messages are sent at once, each with an id of its own once received", () => {
  const store = open();
  store.send(["a", "b"], 1_000_000);
  const ids = new Set(receive(store, 0).map(({ MessageId }) => MessageId));
  expect(ids.size).toBe(10);
  expect(store.counts()).toMatchObject({ sent: 1_000_000, visible: 999_990, inFlight: 10 });
});
