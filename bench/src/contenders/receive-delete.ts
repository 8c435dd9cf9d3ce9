// Receives and deletes, over our own transport, and does nothing else: what no consumer of ours can exceed.
import { env } from "node:process";
import { openQueue } from "@org/sqs";

const pollers = 32;
const queue = openQueue({ queueUrl: env["SQS_QUEUE_URL"] ?? "" });

async function loop(): Promise<never> {
  for (;;) {
    const { envelopes } = await queue.receive({ maxMessages: 10, waitSeconds: 20 });
    const failures = await queue.delete(envelopes);
    if (failures.length > 0) throw new Error("A delete failed.");
  }
}

await Promise.all(Array.from({ length: pollers }, loop));
