/** Makes queues on a local SQS server, fills them, and counts what is in them. */
import { randomUUID } from "node:crypto";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  type QueueAttributeName,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  SQSClient,
} from "@aws-sdk/client-sqs";

const batchSize = 10;
const accountId = "000000000000";
const region = "us-east-1";

/** What a process needs in its environment to talk to a local queue server; the credentials are not checked. */
export const localAwsEnvironment: Readonly<Record<string, string>> = {
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
};

export interface DeadLetterOptions {
  readonly maxReceiveCount: number;
  readonly visibilityTimeoutSeconds?: number;
  readonly fifo?: boolean;
}

export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

/** A message that is more than its body. */
export interface OutgoingMessage {
  readonly body: string;
  /** On FIFO queues. Sent twice, a message comes twice: each gets a deduplication id of its own. */
  readonly groupId?: string;
  /** Message attributes to carry, each of some value. */
  readonly attributeNames?: readonly string[];
}

export interface QueueAdmin {
  /** Creates a queue and resolves with its URL. `attributes` are named as in the SQS API. */
  readonly createQueue: (
    name: string,
    attributes?: Readonly<Record<string, string>>,
  ) => Promise<string>;
  /** Creates `name` and `name-dead-letters`, joined by a redrive policy; with `fifo`, both names end in `.fifo`. */
  readonly createQueueWithDeadLetters: (
    name: string,
    options: DeadLetterOptions,
  ) => Promise<{ queueUrl: string; deadLetterUrl: string }>;
  /** Sends bodies, or more, in batches of ten and resolves with their message ids, in the same order. */
  readonly send: (
    queueUrl: string,
    messages: readonly (string | OutgoingMessage)[],
  ) => Promise<string[]>;
  readonly depth: (queueUrl: string) => Promise<QueueDepth>;
  /** Closes the connections to the server. */
  readonly close: () => void;
}

/** Opens an admin for the server at `endpoint`, which another process may have started. */
export function openQueueAdmin(endpoint: string): QueueAdmin {
  const client = new SQSClient({
    endpoint,
    region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });

  const createQueue: QueueAdmin["createQueue"] = async (name, attributes = {}) => {
    const command = new CreateQueueCommand({ QueueName: name, Attributes: { ...attributes } });
    const { QueueUrl: url } = await client.send(command);
    if (url === undefined) throw new Error("The queue server answered without a queue URL.");
    return url;
  };

  return {
    createQueue,
    async createQueueWithDeadLetters(name, { maxReceiveCount, visibilityTimeoutSeconds, fifo }) {
      const kind: Record<string, string> = fifo ? { FifoQueue: "true" } : {};
      const suffix = fifo ? ".fifo" : "";
      const deadLetterName = `${name}-dead-letters${suffix}`;
      const deadLetterUrl = await createQueue(deadLetterName, kind);
      const queueUrl = await createQueue(`${name}${suffix}`, {
        ...kind,
        ...(visibilityTimeoutSeconds !== undefined && {
          VisibilityTimeout: String(visibilityTimeoutSeconds),
        }),
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: `arn:aws:sqs:${region}:${accountId}:${deadLetterName}`,
          maxReceiveCount,
        }),
      });
      return { queueUrl, deadLetterUrl };
    },
    async send(queueUrl, messages) {
      const messageIds: string[] = [];
      for (let start = 0; start < messages.length; start += batchSize) {
        messageIds.push(
          ...(await sendBatch(client, queueUrl, messages.slice(start, start + batchSize))),
        );
      }
      return messageIds;
    },
    async depth(queueUrl) {
      const names = {
        visible: "ApproximateNumberOfMessages",
        inFlight: "ApproximateNumberOfMessagesNotVisible",
        delayed: "ApproximateNumberOfMessagesDelayed",
      } as const satisfies Record<string, QueueAttributeName>;
      const command = new GetQueueAttributesCommand({
        QueueUrl: queueUrl,
        AttributeNames: Object.values(names),
      });
      const { Attributes: attributes = {} } = await client.send(command);
      return {
        visible: Number(attributes[names.visible]),
        inFlight: Number(attributes[names.inFlight]),
        delayed: Number(attributes[names.delayed]),
      };
    },
    close: () => client.destroy(),
  };
}

async function sendBatch(
  client: SQSClient,
  queueUrl: string,
  messages: readonly (string | OutgoingMessage)[],
): Promise<string[]> {
  const entries = messages.map((message, index) =>
    toEntry(String(index), typeof message === "string" ? { body: message } : message),
  );
  const command = new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries });
  const { Successful: sent = [], Failed: failed = [] } = await client.send(command);
  if (failed.length > 0) throw new Error("The queue server refused a message.");
  const ids = new Map(sent.map(({ Id: id, MessageId: messageId }) => [id, messageId]));
  return entries.map(({ Id: id }) => ids.get(id) ?? "");
}

function toEntry(
  id: string,
  { body, groupId, attributeNames = [] }: OutgoingMessage,
): SendMessageBatchRequestEntry {
  return {
    Id: id,
    MessageBody: body,
    ...(groupId !== undefined && {
      MessageGroupId: groupId,
      MessageDeduplicationId: randomUUID(),
    }),
    ...(attributeNames.length > 0 && {
      MessageAttributes: Object.fromEntries(
        attributeNames.map((name) => [name, { DataType: "String", StringValue: "1" }]),
      ),
    }),
  };
}
