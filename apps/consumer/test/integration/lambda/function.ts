/** The function as it is deployed: the zip's files, and a sandbox that runs them. */
import { hash, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { unzipSync } from "fflate";

import { zipLambda } from "../../../build-lambda.ts";
import { startNode } from "../stack.ts";
import type { RunningConsumer } from "../stack.ts";
import { startRuntimeApi } from "./runtime-api.ts";
import type { RuntimeApi } from "./runtime-api.ts";

const bootstrap = fileURLToPath(new URL("bootstrap.ts", import.meta.url));

/** Where the zip is unpacked, as Lambda does: LAMBDA_TASK_ROOT. */
export interface TaskRoot extends AsyncDisposable {
  readonly path: string;
}

export async function unpackFunction(): Promise<TaskRoot> {
  const path = await mkdtemp(join(tmpdir(), "maskline-lambda-"));
  for (const [name, bytes] of Object.entries(unzipSync(await zipLambda()))) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), bytes);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

export interface Sandbox extends AsyncDisposable, Pick<RuntimeApi, "invoke" | "initError"> {
  /** Stops the process where it stands, as Lambda does between invocations. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  readonly output: RunningConsumer["output"];
  readonly exited: RunningConsumer["exited"];
}

/** Settings of the consumer's that the function has not. */
const consumersOnly = ["SQS_QUEUE_URL", "AWS_ENDPOINT_URL_SQS", "PORT"];

export async function startSandbox(
  { path }: TaskRoot,
  env: Readonly<Record<string, string>>,
): Promise<Sandbox> {
  const api = await startRuntimeApi();
  const given = Object.entries(env).filter(([name]) => !consumersOnly.includes(name));
  const running = startNode([bootstrap], {
    ...Object.fromEntries(given),
    AWS_LAMBDA_RUNTIME_API: api.address,
    LAMBDA_TASK_ROOT: path,
    _HANDLER: "index.handler",
  });
  return {
    invoke: api.invoke,
    initError: api.initError,
    freeze: () => void running.process.kill("SIGSTOP"),
    thaw: () => void running.process.kill("SIGCONT"),
    output: running.output,
    exited: running.exited,
    async [Symbol.asyncDispose]() {
      running.process.kill("SIGKILL");
      await running.exited();
      await api[Symbol.asyncDispose]();
    },
  };
}

interface Sent {
  readonly body: string;
  readonly groupId?: string;
  /** Of other bytes than the body's. */
  readonly isDamaged?: boolean;
}

export interface Recorded {
  /** As an event source of SQS sends it (Lambda's "Example SQS message event"). */
  readonly event: { readonly Records: readonly { readonly messageId: string }[] };
  readonly ids: readonly string[];
}

export function recordEvent(messages: readonly Sent[]): Recorded {
  const Records = messages.map(({ body, groupId, isDamaged }) => ({
    messageId: randomUUID(),
    receiptHandle: `AQEB${randomUUID()}`,
    body,
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: String(Date.now()),
      SenderId: "AIDAIENQZJOLO23YVJ4VO",
      ApproximateFirstReceiveTimestamp: String(Date.now()),
      ...(groupId !== undefined && { MessageGroupId: groupId, SequenceNumber: "18849496460467" }),
    },
    messageAttributes: {
      source: {
        stringValue: "app",
        stringListValues: [],
        binaryListValues: [],
        dataType: "String",
      },
    },
    md5OfBody: hash("md5", isDamaged ? `${body} ` : body),
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:eu-central-1:123456789012:logins${groupId === undefined ? "" : ".fifo"}`,
    awsRegion: "eu-central-1",
  }));
  return { event: { Records }, ids: Records.map(({ messageId }) => messageId) };
}
