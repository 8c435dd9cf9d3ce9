/** Receive ten and delete ten: the SDK's transport beside the lean one, 16 loops each. */
import { localAwsEnvironment } from "@org/local";
import { openQueue } from "@org/sqs";
import { type Bench, type Candidate, Disqualified } from "../bench.ts";
import { type BenchQueueServer, startBenchQueueServer } from "../queue/queue-server.ts";
import { sampleBodies } from "../samples.ts";
import { timed } from "../timed.ts";

const loops = 16;
const messagesARound = { sdk: 15_000, lean: 60_000 } as const;

export const transports: Bench = {
  name: "transports",
  title: "SQS transports: receive and delete, 16 loops",
  unit: "messages",
  baseline: "sdk",
  claims: [{ text: "lean transport ≥ 4 × the SDK", of: "lean", to: "sdk", atLeast: 4 }],
  async open({ scale }) {
    const server = await startBenchQueueServer();
    const bodies = sampleBodies(1_000);
    const candidate = (transport: "sdk" | "lean"): Candidate => ({
      name: transport,
      label: transport === "sdk" ? "AWS SDK" : "lean: connections and a signer of our own",
      measure: async () =>
        receiveAndDelete(server, {
          transport,
          bodies,
          count: Math.ceil(messagesARound[transport] * scale),
        }),
    });
    return {
      candidates: [candidate("sdk"), candidate("lean")],
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
};

interface Work {
  readonly transport: "sdk" | "lean";
  readonly bodies: readonly string[];
  readonly count: number;
}

let queues = 0;

async function receiveAndDelete(server: BenchQueueServer, { transport, bodies, count }: Work) {
  queues += 1;
  const sent = await server.createQueue(`transport-${queues}`);
  await using queue = openQueue({
    queueUrl: sent.url,
    transport,
    credentials: {
      accessKeyId: localAwsEnvironment["AWS_ACCESS_KEY_ID"] ?? "",
      secretAccessKey: localAwsEnvironment["AWS_SECRET_ACCESS_KEY"] ?? "",
    },
  });
  async function drain(): Promise<void> {
    for (;;) {
      const { envelopes } = await queue.receive({ maxMessages: 10, waitSeconds: 0 });
      if (envelopes.length === 0) return;
      if ((await queue.delete(envelopes)).length > 0) throw new Disqualified("a delete failed");
    }
  }
  const work = async (): Promise<void> => {
    await Promise.all(Array.from({ length: loops }, drain));
  };
  await sent.send(bodies, Math.ceil(count / 5));
  await work();
  await sent.send(bodies, count);
  const measurement = await timed(count, work);
  const { deleted, redelivered } = await sent.counts();
  if (deleted !== Math.ceil(count / 5) + count || redelivered > 0) {
    throw new Disqualified("it did not delete each message once");
  }
  return measurement;
}
