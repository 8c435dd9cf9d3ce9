import { describe, expect, test } from "vitest";

import { createBuffer } from "../src/buffer.ts";
import type { Buffer } from "../src/buffer.ts";
import type { Held } from "../src/model.ts";
import { createHeld, createHelds } from "./held.ts";

const never = new AbortController().signal;
const anHourMs = 3_600_000;
const mebibyte = 1024 * 1024;
const roomy = { maxMessages: 10_000, maxBytes: 1e9, batchSize: 100, batchAgeMs: anHourMs };

async function put(buffer: Buffer, messages: readonly Held[]): Promise<void> {
  const reservation = await buffer.reserve(never);
  reservation?.exchange(messages);
}

async function reservesAtOnce(buffer: Buffer): Promise<boolean> {
  const stop = new AbortController();
  const reserving = buffer.reserve(stop.signal);
  stop.abort();
  return (await reserving) !== null;
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
    const buffer = createBuffer({ ...roomy, maxBytes: 25 * mebibyte });
    await put(buffer, createHelds(10, { bytes: mebibyte }));
    await buffer.reserve(never);

    expect(await reservesAtOnce(buffer)).toBe(false);
  });

  test("counts polls in flight by what bodies weigh now, not when they started", async () => {
    const buffer = createBuffer({ ...roomy, maxBytes: 25 * mebibyte });
    const [first] = await Promise.all([1, 2, 3].map(() => buffer.reserve(never)));
    first?.exchange(createHelds(10, { bytes: mebibyte }));

    expect(await reservesAtOnce(buffer)).toBe(false);
  });

  test("remembers large bodies over a hundred answers of small ones", async () => {
    const buffer = createBuffer({ ...roomy, batchSize: 1_000, maxBytes: 25 * mebibyte });
    const large = createHelds(10, { bytes: mebibyte });
    await put(buffer, large);
    buffer.release(large);
    for (let answers = 0; answers < 100; answers += 1) {
      const small = createHelds(10);
      await put(buffer, small);
      buffer.release(small);
    }
    const polls = [1, 2, 3, 4, 5, 6].map(() => reservesAtOnce(buffer));
    expect(await Promise.all(polls)).toEqual([true, true, true, true, true, true]);
    expect(await reservesAtOnce(buffer)).toBe(false);
  });

  test("lets one receive in even where ten bodies may exceed the bound", async () => {
    const buffer = createBuffer({ ...roomy, maxBytes: 1 });
    expect(await buffer.reserve(never)).not.toBeNull();
  });

  test("refuses bodies beyond twice the bound, unless nothing is in hand, and never an empty receive", async () => {
    const buffer = createBuffer({ ...roomy, maxBytes: 7 * mebibyte });
    const polls = await Promise.all([1, 2, 3].map(() => buffer.reserve(never)));
    const answers = [createHelds(10, { bytes: 2 * mebibyte }), createHelds(1), []];
    const taken = polls.map((poll, at) => poll?.exchange(answers[at] ?? []));
    expect({ taken, inHand: buffer.inHand }).toEqual({ taken: [true, false, true], inHand: 10 });
  });

  test("is not given to more than two batches that wait or come, until one of them is taken", async () => {
    const buffer = createBuffer({ ...roomy, batchSize: 20 });
    const batches = buffer.batches();
    for (let receives = 0; receives < 4; receives += 1) await put(buffer, createHelds(10));
    expect(await reservesAtOnce(buffer)).toBe(false);

    const reserving = buffer.reserve(never);
    await batches.next();
    expect(await reserving).not.toBeNull();
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

  test("is formed of four mebibytes of bodies, or of one larger body", async () => {
    const buffer = createBuffer({ ...roomy, batchAgeMs: 0 });
    const large = createHelds(5, { bytes: mebibyte });
    await put(buffer, [createHeld(1, { bytes: 5 * mebibyte }), ...large, createHeld(2)]);
    buffer.close();
    const lengths: number[] = [];
    for await (const batch of buffer.batches()) lengths.push(batch.length);
    expect(lengths).toEqual([1, 4, 2]);
  });

  test("is full at four mebibytes of bodies: it waits for nothing more", async () => {
    const buffer = createBuffer(roomy);
    const batches = buffer.batches();
    await put(buffer, createHelds(4, { bytes: mebibyte }));
    expect((await batches.next()).value).toHaveLength(4);
  });

  test("leaves withdrawn bodies out of what makes it full", async () => {
    const buffer = createBuffer(roomy);
    await put(buffer, [
      ...createHelds(3, { bytes: mebibyte, groupId: "a" }),
      createHeld(4, { bytes: mebibyte, groupId: "b" }),
    ]);
    buffer.withdraw(({ envelope }) => envelope.groupId === "a");
    await put(buffer, createHelds(3, { bytes: mebibyte }));
    expect((await buffer.batches().next()).value).toHaveLength(4);
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
