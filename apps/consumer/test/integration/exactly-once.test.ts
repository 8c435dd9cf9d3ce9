import type { OutgoingMessage } from "@org/local";
import { startHostileQueueServer } from "@org/faults/hostile-queue-server";
import { deployed } from "@org/schema/test-contracts";
import { expect, test } from "vitest";

import { samplesOf } from "./contracts.ts";
import { readOutcomes } from "./outcomes.ts";
import { drain, openStack, startConsumer } from "./stack.ts";
import type { RunningConsumer, Stack } from "./stack.ts";

const kinds = deployed.flatMap((each) => [
  { name: each.name, served: each, kind: "standard", fifo: false },
  { name: each.name, served: each, kind: "FIFO", fifo: true },
]);

/** Leases end often: a slow machine spends receives by them, and none is to be the last. */
const queue = { visibilityTimeoutSeconds: 2, maxReceiveCount: 1_000 };

async function send(stack: Stack, { fifo }: { fifo: boolean }): Promise<string[]> {
  const bodies = samplesOf(stack, { count: 60, seed: 21 }).map(({ body }) => body);
  const inGroups = bodies.map((body, index): OutgoingMessage => ({
    body,
    groupId: `group-${index % 3}`,
  }));
  return stack.queue.send(stack.queueUrl, fifo ? inGroups : bodies);
}

async function expectOneOutcomeEach(stack: Stack, ids: readonly string[]): Promise<void> {
  const { rows, quarantined, deadLettered } = await readOutcomes(stack);
  expect([...rows, ...quarantined].toSorted()).toEqual(ids.toSorted());
  expect(deadLettered).toBe(0);
  expect(await stack.queue.depth(stack.queueUrl)).toMatchObject({ visible: 0, inFlight: 0 });
}

/** What a consumer's commits came to, by its own debug log. */
function committed(output: string): { written: number; duplicates: number } {
  const lines = output
    .split("\n")
    .filter((line) => line.includes('"batch committed"'))
    .map(
      (line) => JSON.parse(line) as { written: number; quarantined: number; duplicates: number },
    );
  return {
    written: lines.reduce((sum, line) => sum + line.written + line.quarantined, 0),
    duplicates: lines.reduce((sum, line) => sum + line.duplicates, 0),
  };
}

test.each(kinds)(
  "killed between commit and delete, $kind queue of $name: the redelivery finds one outcome each and deletes",
  async ({ served, fifo }) => {
    let victim: RunningConsumer | null = null;
    await using server = await startHostileQueueServer({
      plan({ operation, headers }) {
        // Whatever the dead one had sent is dropped too, however late the server reads it.
        const isVictims = headers["authorization"]?.includes("Credential=victim/") === true;
        if (operation !== "DeleteMessageBatch" || !isVictims) return null;
        victim?.process.kill("SIGKILL");
        return { kind: "dropped" };
      },
    });
    const { endpoint } = server;
    await using stack = await openStack({ served, endpoint, fifo, ...queue });
    const ids = await send(stack, { fifo });

    victim = startConsumer({ ...stack.env, AWS_ACCESS_KEY_ID: "victim" });
    expect((await victim.exited()).signal).toBe("SIGKILL");
    const before = await stack.query<{ message_id: string }>(
      "SELECT message_id FROM maskline.ledger",
    );
    expect(before.length).toBeGreaterThan(0);
    const { visible, inFlight } = await stack.queue.depth(stack.queueUrl);
    expect(visible + inFlight).toBe(ids.length);

    const { output } = await drain({ ...stack.env, LOG_LEVEL: "debug" });
    expect(committed(output)).toEqual({
      written: ids.length - before.length,
      duplicates: before.length,
    });
    await expectOneOutcomeEach(stack, ids);
  },
);

test.each(kinds)(
  "the lease expires before the delete, $kind queue of $name: whoever receives it next finds its outcome",
  async ({ served, fifo }) => {
    let hostile = true;
    await using server = await startHostileQueueServer({
      plan({ operation }) {
        if (!hostile) return null;
        if (operation === "ChangeMessageVisibilityBatch") return { kind: "dropped" };
        const ms = 2 * queue.visibilityTimeoutSeconds * 1000;
        return operation === "DeleteMessageBatch" ? { kind: "delayed", ms } : null;
      },
    });
    const { endpoint } = server;
    await using stack = await openStack({ served, endpoint, fifo, ...queue });
    const ids = await send(stack, { fifo });

    const env = { ...stack.env, LOG_LEVEL: "debug" };
    const consumers = [1, 2].map(() => startConsumer(env, ["--until-empty"]));
    const sums = (): { written: number; duplicates: number } =>
      committed(consumers.map((consumer) => consumer.output()).join(""));
    while (sums().duplicates === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    hostile = false;

    const exits = await Promise.all(consumers.map((consumer) => consumer.exited()));
    expect(exits.map(({ code }) => code)).toEqual([0, 0]);
    expect(sums().written).toBe(ids.length);
    await expectOneOutcomeEach(stack, ids);
  },
);
