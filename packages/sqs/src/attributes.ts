/** Reads how a queue is configured, and its dead-letter queue as far as that may be read. */

import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  type SQSClient,
} from "@aws-sdk/client-sqs";

import { QueueError } from "./queue-error.ts";
import type { QueueAttributes, Redrive } from "./queue.ts";

type Attributes = Partial<Record<QueueAttributeName, string>>;

/** The place of a dead-letter queue, once it is known: asked for again where the policy names another. */
interface DeadLetterPlace {
  readonly arn: string;
  readonly queueUrl: string;
}

export function createReadAttributes(
  client: SQSClient,
  queueUrl: string,
): () => Promise<QueueAttributes> {
  let known: DeadLetterPlace | null = null;
  const place = async (arn: string): Promise<DeadLetterPlace | null> => {
    if (known?.arn !== arn) known = await findDeadLetters(client, arn);
    return known;
  };
  return async () => readAttributes(client, queueUrl, place);
}

type FindPlace = (arn: string) => Promise<DeadLetterPlace | null>;

async function readAttributes(
  client: SQSClient,
  queueUrl: string,
  place: FindPlace,
): Promise<QueueAttributes> {
  const attributes = await read(client, queueUrl, "All");
  const visibilityTimeoutSeconds = integer(attributes.VisibilityTimeout);
  if (visibilityTimeoutSeconds === null) throw new QueueError("malformed_response");
  return {
    arn: attributes.QueueArn ?? null,
    fifo: attributes.FifoQueue === "true",
    visibilityTimeoutSeconds,
    retentionSeconds: integer(attributes.MessageRetentionPeriod),
    redrive: await readRedrive(client, attributes.RedrivePolicy, place),
    depth: {
      visible: integer(attributes.ApproximateNumberOfMessages) ?? 0,
      inFlight: integer(attributes.ApproximateNumberOfMessagesNotVisible) ?? 0,
      delayed: integer(attributes.ApproximateNumberOfMessagesDelayed) ?? 0,
    },
  };
}

async function readRedrive(
  client: SQSClient,
  policy: string | undefined,
  place: FindPlace,
): Promise<Redrive | null> {
  if (policy === undefined || policy === "") return null;
  const { deadLetterTargetArn, maxReceiveCount } = parsePolicy(policy);
  const deadLetters = await readDeadLetters(client, place(deadLetterTargetArn)).catch(() => null);
  return {
    deadLetterTargetArn,
    maxReceiveCount,
    deadLetterRetentionSeconds: integer(deadLetters?.MessageRetentionPeriod),
    deadLetterMessages: integer(deadLetters?.ApproximateNumberOfMessages),
  };
}

/** `maxReceiveCount` is a number or a numeral, as whoever set the policy wrote it. */
function parsePolicy(policy: string): Pick<Redrive, "deadLetterTargetArn" | "maxReceiveCount"> {
  try {
    const parsed = JSON.parse(policy) as Record<string, unknown>;
    return {
      deadLetterTargetArn: String(parsed["deadLetterTargetArn"]),
      maxReceiveCount: Number(parsed["maxReceiveCount"]),
    };
  } catch {
    throw new QueueError("malformed_response");
  }
}

/** `arn:aws:sqs:region:account:name` */
async function findDeadLetters(client: SQSClient, arn: string): Promise<DeadLetterPlace | null> {
  const [, , , , account, name] = arn.split(":");
  const { QueueUrl: queueUrl } = await client.send(
    new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account }),
  );
  return queueUrl === undefined ? null : { arn, queueUrl };
}

async function readDeadLetters(
  client: SQSClient,
  finding: ReturnType<FindPlace>,
): Promise<Attributes | null> {
  const place = await finding;
  if (place === null) return null;
  return read(client, place.queueUrl, "MessageRetentionPeriod", "ApproximateNumberOfMessages");
}

async function read(
  client: SQSClient,
  queueUrl: string,
  ...names: QueueAttributeName[]
): Promise<Attributes> {
  const { Attributes: attributes = {} } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: names }),
  );
  return attributes;
}

function integer(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}
