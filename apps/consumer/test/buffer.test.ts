import { describe, expect, test } from "vitest";

import { createBuffer } from "../src/buffer.ts";
import type { Buffer } from "../src/buffer.ts";
import type { Held } from "../src/model.ts";
import { createHeld, createHelds } from "./held.ts";

const never = new AbortController().signal;
const anHourMs = 3_600_000;
const roomy = { maxMessages: 10_000, maxBytes: 1e9, batchSize: 100, batchAgeMs: anHourMs };

async function put(buffer: Buffer, messages: readonly Held[]): Promise<void> {
  const reservation = await buffer.reserve(never);
  reservation?.exchange(messages);
}

describe("room", () => {
  test("is reserved before it is filled, and waits for a release when it is used up", async () => {
    const buffer = createBuffer({ ...roomy, maxMessages: 20 });
    const messages = createHelds(10);
    await put(buffer, messages);
    await buffer.reserve(never);

    let third: unknown = "waiting";
    const reserving = buffer.reserve(never).then((reservation) => (third = reservation));
    await Promise.resolve();
    expect(third).toBe("waiting");

    buffer.release(messages);
    await reserving;
    expect(third).toHaveProperty("exchange");
  });

  test("is bounded in bytes: once large bodies were seen, fewer polls may run", async () => {
    const mebibyte = 1024 * 1024;
    const buffer = createBuffer({ ...roomy, maxBytes: 25 * mebibyte });
    await put(buffer, createHelds(10, { bytes: mebibyte }));
    await buffer.reserve(never);

    const stop = new AbortController();
    const third = buffer.reserve(stop.signal);
    stop.abort();
    expect(await third).toBeNull();
  });

  test("lets one receive in even where ten bodies may exceed the bound", async () => {
    const buffer = createBuffer({ ...roomy, maxBytes: 1 });
    expect(await buffer.reserve(never)).not.toBeNull();
  });

  test("an aborted or closed wait reserves nothing", async () => {
    const buffer = createBuffer({ ...roomy, maxMessages: 10 });
    await put(buffer, createHelds(10));
    const waiting = buffer.reserve(never);
    buffer.close();
    expect(await waiting).toBeNull();
  });
});

describe("a batch", () => {
  test("is formed when it is full", async () => {
    const buffer = createBuffer({ ...roomy, batchSize: 15 });
    const batches = buffer.batches();
    await put(buffer, createHelds(10));
    await put(buffer, createHelds(10));
    const batch = await batches.next();
    expect(batch.value).toHaveLength(15);
    expect(buffer.waiting).toBe(5);
  });

  test("is formed when its oldest message has waited long enough", async () => {
    const buffer = createBuffer({ ...roomy, batchAgeMs: 1 });
    const batches = buffer.batches();
    await put(buffer, createHelds(3));
    expect((await batches.next()).value).toHaveLength(3);
  });

  test("is formed when nothing more can arrive, however young", async () => {
    const buffer = createBuffer({ ...roomy, maxMessages: 10 });
    const batches = buffer.batches();
    await put(buffer, createHelds(7));
    expect((await batches.next()).value).toHaveLength(7);
  });

  test("is formed of what is left when the buffer closes, and then none", async () => {
    const buffer = createBuffer(roomy);
    const batches = buffer.batches();
    await put(buffer, createHelds(2));
    buffer.close();
    expect((await batches.next()).value).toHaveLength(2);
    expect((await batches.next()).done).toBe(true);
  });

  test("leaves out what was withdrawn", async () => {
    const buffer = createBuffer(roomy);
    await put(buffer, [
      createHeld(1, { groupId: "a" }),
      createHeld(2, { groupId: "b" }),
      createHeld(3, { groupId: "a" }),
    ]);
    const withdrawn = buffer.withdraw(({ envelope }) => envelope.groupId === "a");
    buffer.close();

    expect(withdrawn.map(({ receiptHandle }) => receiptHandle)).toEqual(["handle-1", "handle-3"]);
    const batch = await buffer.batches().next();
    expect(batch.value?.map(({ receiptHandle }) => receiptHandle)).toEqual(["handle-2"]);
  });
});
