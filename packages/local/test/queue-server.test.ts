import { expect, inject, it } from "vitest";
import { openQueueAdmin } from "../src/queue-admin.ts";

it("serves queues with a redrive policy, on loopback", async () => {
  const admin = openQueueAdmin(inject("queueEndpoint"));
  const { queueUrl, deadLetterUrl } = await admin.createQueueWithDeadLetters("served", {
    maxReceiveCount: 3,
  });
  const bodies = Array.from({ length: 23 }, (_, index) => `body ${index}`);

  const messageIds = await admin.send(queueUrl, bodies);

  expect(new Set(messageIds).size).toBe(23);
  expect(await admin.depth(queueUrl)).toEqual({ visible: 23, inFlight: 0, delayed: 0 });
  expect(await admin.depth(deadLetterUrl)).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  admin.close();
});
