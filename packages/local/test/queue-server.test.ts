import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { openQueueAdmin } from "../src/queue-admin.ts";
import { startQueueServer } from "../src/queue-server.ts";

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

it("with a data directory, survives a crash with its queues and messages, at the same address", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "maskline-queue-"));
  await using server = await startQueueServer({ dataDirectory });
  const queueUrl = await server.createQueue("kept");
  const ids = await server.send(queueUrl, ["one", "two"]);

  await server.kill();
  await expect(server.messageIds(queueUrl)).rejects.toBeInstanceOf(Error);
  await server.start();

  expect(await server.messageIds(queueUrl)).toEqual(ids);
  await server.stop();
  await rm(dataDirectory, { recursive: true });
});
