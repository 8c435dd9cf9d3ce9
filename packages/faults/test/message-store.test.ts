import { expect, test } from "vitest";
import { messageIds } from "../src/message-ids.ts";
import { createMessageStore, type MessageStore, type StoreOptions } from "../src/message-store.ts";

function open(options: Partial<StoreOptions<string>> = {}): MessageStore<string> {
  return createMessageStore<string>({
    name: "logins",
    visibilityTimeoutSeconds: 30,
    maxReceiveCount: 2,
    ...options,
  });
}

test("a message is hidden while it is in flight, and comes again when its time is up", () => {
  const store = open();
  const id = store.send(["a"]);
  const [first] = store.receive(10, 0);
  expect(store.receive(10, 1)).toEqual([]);
  store.expire(30_000);
  const [second] = store.receive(10, 30_000);
  expect([first?.id, second?.id]).toEqual([id, id]);
  expect(second).toMatchObject({ receiveCount: 2, content: "a" });
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 1, redelivered: 1 });
});

test("only the newest handle removes a message, in flight or shown again", () => {
  const store = open({ maxReceiveCount: 9 });
  store.send(["a"]);
  const [first] = store.receive(10, 0);
  store.expire(30_000);
  const [second] = store.receive(10, 30_000);
  expect(store.remove(first?.handle ?? "")).toBeNull();
  expect(store.counts()).toMatchObject({ inFlight: 1, deleted: 0 });
  store.expire(60_000);
  expect(store.remove(second?.handle ?? "")).toBeNull();
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 0, deleted: 1 });
});

test("a handle that no store gave out is refused", () => {
  expect(open().remove("handle")).toBe("ReceiptHandleIsInvalid");
  expect(open().changeVisibility("handle", 1, 0)).toBe("ReceiptHandleIsInvalid");
});

test("a renewal hides a message longer, and zero shows it at once", () => {
  const store = open();
  store.send(["a"]);
  const [first] = store.receive(10, 0);
  store.changeVisibility(first?.handle ?? "", 30, 20_000);
  store.expire(30_000);
  expect(store.counts().inFlight).toBe(1);
  store.changeVisibility(first?.handle ?? "", 0, 31_000);
  expect(store.counts()).toMatchObject({ visible: 1, inFlight: 0 });
});

test("a lease is not renewed past its limit, nor once it is over", () => {
  const store = open({ leaseLimitSeconds: 40 });
  store.send(["a"]);
  const [{ handle } = { handle: "" }] = store.receive(10, 0);
  expect(store.changeVisibility(handle, 20, 20_000)).toBeNull();
  expect(store.changeVisibility(handle, 21, 20_000)).toBe("InvalidParameterValue");
  store.expire(40_000);
  expect(store.changeVisibility(handle, 1, 40_000)).toBe("InvalidParameterValue");
});

test("a message that was received as often as allowed goes to the dead letters, under its id", () => {
  const deadLetters = open();
  const store = open({ onDeadLetter: (message) => deadLetters.accept(message) });
  const id = store.send(["a"]);
  for (let time = 0; time < 2; time += 1) {
    expect(store.receive(10, time)).toHaveLength(1);
    store.expire(60_000);
  }
  expect(store.receive(10, 60_000)).toEqual([]);
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 0, deleted: 0, deadLettered: 1 });
  expect(deadLetters.messageIds()).toEqual([id]);
});

test("a message that is left visible comes with the next receive as well", () => {
  const store = open({ maxReceiveCount: 9 });
  store.send(["a"]);
  const leaveVisible = true;
  expect(store.receive(10, 0, leaveVisible)).toMatchObject([{ receiveCount: 1 }]);
  expect(store.receive(10, 0)).toMatchObject([{ receiveCount: 2 }]);
  expect(store.receive(10, 0)).toEqual([]);
});

test("on a FIFO queue a group waits for its messages in flight, and keeps its order", () => {
  const store = open({ maxReceiveCount: 9, groupOf: (content) => content[0] });
  store.send(["a1", "a2", "b1", "a3"]);
  const contents = (most: number, nowMs: number) =>
    store.receive(most, nowMs).map(({ content }) => content);
  const [a1] = store.receive(1, 0);
  expect(contents(10, 0)).toEqual(["b1"]);
  store.changeVisibility(a1?.handle ?? "", 0, 1);
  expect(contents(2, 1)).toEqual(["a1", "a2"]);
  store.expire(60_000);
  expect(contents(10, 60_000)).toEqual(["a1", "a2", "b1", "a3"]);
});

test("a FIFO queue refuses a handle whose lease is over", () => {
  const store = open({ groupOf: () => "a" });
  store.send(["a"]);
  const [{ handle } = { handle: "" }] = store.receive(10, 0);
  store.expire(30_000);
  expect(store.remove(handle)).toBe("InvalidParameterValue");
  expect(store.counts()).toMatchObject({ visible: 1, deleted: 0 });
});

test("what is drained is whatever was in the queue", () => {
  const store = open();
  store.send(["a", "b", "c"]);
  store.receive(1, 0);
  expect(store.drain()).toEqual(["a", "b", "c"]);
  expect(store.counts()).toMatchObject({ visible: 0, inFlight: 0 });
});

test("the n-th message is content n, going round, and has the n-th id, over several sends", () => {
  const store = open();
  store.send(["a", "b"], 3);
  store.send(["c"]);
  const messageIdAt = messageIds("logins");
  const expected = ["a", "b", "a", "c"].map((content, at) => ({ content, id: messageIdAt(at) }));
  expect(store.messageIds()).toEqual(expected.map(({ id }) => id));
  expect(store.receive(10, 0)).toMatchObject(expected);
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
  expect(new Set(store.receive(10, 0).map(({ id }) => id)).size).toBe(10);
  expect(store.counts()).toMatchObject({ sent: 1_000_000, visible: 999_990, inFlight: 10 });
});
