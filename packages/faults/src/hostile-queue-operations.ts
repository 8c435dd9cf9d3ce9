/** The operations of SQS's API over hostile queues, each with the faults it can commit. */
import { setTimeout as sleep } from "node:timers/promises";
import type {
  ChangeMessageVisibilityBatchRequest,
  CreateQueueRequest,
  DeleteMessageBatchRequest,
  GetQueueUrlRequest,
  Message,
  MessageAttributeValue,
  ReceiveMessageRequest,
  SendMessageBatchRequest,
  SendMessageRequest,
  StartMessageMoveTaskRequest,
} from "@aws-sdk/client-sqs";
import type { Fault } from "./hostile-queue-fault.ts";
import { createHostileQueue, type HostileQueue, md5, toWire } from "./hostile-queue.ts";
import type { Verdict } from "./message-store.ts";

const ACCOUNT = "000000000000";
const REGION = "us-east-1";
const BATCH_LIMIT = 10;
const POLL_STEP_MS = 10;
const DEFAULT_VISIBILITY_SECONDS = 30;
const DEFAULT_RETENTION_SECONDS = 345_600;

/** An answer that is an error of the API. */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export interface OperationsOptions {
  /** Where queue URLs point. */
  readonly endpoint: string;
  readonly leaseLimitSeconds: number;
  readonly onDelete: (messageId: string) => void | Promise<void>;
  /** Ends the long polls. */
  readonly stopped: AbortSignal;
}

/** One operation of the API, and the fault that it is to commit. */
export type Operation = (input: never, fault: Fault | null) => unknown;

export interface Operations {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly messageIds: (queueUrl: string) => string[];
}

export function createOperations(options: OperationsOptions): Operations {
  const queues = new Map<string, HostileQueue>();
  const urlOf = (name: string): string => `${options.endpoint}/${ACCOUNT}/${name}`;
  const named = (name: string | undefined): HostileQueue => {
    const queue = queues.get(name ?? "");
    if (!queue) throw new Refusal("QueueDoesNotExist");
    return queue;
  };
  const at = (url: string | undefined): HostileQueue => named(url?.split("/").at(-1));
  const behind = (arn: string): HostileQueue => named(arn.split(":").at(-1));

  const receive = async (
    { QueueUrl, MaxNumberOfMessages = 1, WaitTimeSeconds = 0 }: ReceiveMessageRequest,
    leaveVisible: boolean,
  ): Promise<Message[]> => {
    const queue = at(QueueUrl);
    const deadline = performance.now() + WaitTimeSeconds * 1000;
    for (;;) {
      const nowMs = performance.now();
      const messages = queue.store().receive(MaxNumberOfMessages, nowMs, leaveVisible);
      if (messages.length > 0 || nowMs >= deadline || options.stopped.aborted) {
        return messages.map(toWire);
      }
      await sleep(POLL_STEP_MS);
    }
  };

  const operations: Record<string, Operation> = {
    CreateQueue({ QueueName: name = "", Attributes: attributes = {} }: CreateQueueRequest) {
      const policy = parsePolicy(attributes.RedrivePolicy);
      const queue = createHostileQueue({
        name,
        visibilityTimeoutSeconds: Number(
          attributes.VisibilityTimeout ?? DEFAULT_VISIBILITY_SECONDS,
        ),
        retentionSeconds: Number(attributes.MessageRetentionPeriod ?? DEFAULT_RETENTION_SECONDS),
        redrive: policy && {
          to: behind(policy.deadLetterTargetArn),
          maxReceiveCount: policy.maxReceiveCount,
        },
        leaseLimitSeconds: options.leaseLimitSeconds,
      });
      queues.set(name, queue);
      return { QueueUrl: urlOf(name) };
    },

    GetQueueUrl: ({ QueueName }: GetQueueUrlRequest) => ({
      QueueUrl: urlOf(named(QueueName).options.name),
    }),

    GetQueueAttributes: ({ QueueUrl }: { readonly QueueUrl: string }) => ({
      Attributes: attributesOf(at(QueueUrl)),
    }),

    SendMessage: (request: SendMessageRequest) => send(at(request.QueueUrl), request),

    SendMessageBatch: ({ QueueUrl, Entries = [] }: SendMessageBatchRequest) => ({
      Successful: Entries.map((entry) => ({ Id: entry.Id, ...send(at(QueueUrl), entry) })),
    }),

    async ReceiveMessage(request: ReceiveMessageRequest, fault: Fault | null) {
      const wanted = request.MessageAttributeNames ?? [];
      const messages = await receive(request, fault?.kind === "doubled");
      const damaged = fault?.kind === "damaged" ? fault.positions : [];
      return {
        Messages: messages.map((message, position) => ({
          ...message,
          ...(damaged.includes(position) && { Body: `${message.Body}?` }),
          MessageAttributes: pick(message.MessageAttributes ?? {}, wanted),
        })),
      };
    },

    async DeleteMessageBatch(request: DeleteMessageBatchRequest, fault: Fault | null) {
      const store = at(request.QueueUrl).store();
      const handles = (request.Entries ?? []).map((entry) => entry.ReceiptHandle ?? "");
      const ids = handles.map((handle) => store.messageIdOf(handle));
      for (const id of ids) if (id !== null) await options.onDelete(id);
      const remove = (handle: string): Verdict => {
        if (fault?.kind !== "undeleted") return store.remove(handle);
        store.changeVisibility(handle, 0, performance.now());
        return null;
      };
      return answerEntries(request.Entries ?? [], fault, (entry) =>
        remove(entry.ReceiptHandle ?? ""),
      );
    },

    ChangeMessageVisibilityBatch: (
      { QueueUrl, Entries = [] }: ChangeMessageVisibilityBatchRequest,
      fault: Fault | null,
    ) =>
      answerEntries(Entries, fault, ({ ReceiptHandle: handle = "", VisibilityTimeout = 0 }) =>
        at(QueueUrl).store().changeVisibility(handle, VisibilityTimeout, performance.now()),
      ),

    /** As SQS does and emulators do not: the messages are sent anew, under new ids and dates. */
    StartMessageMoveTask({ SourceArn = "", DestinationArn }: StartMessageMoveTaskRequest) {
      const source = behind(SourceArn);
      const origin = [...queues.values()].find(({ options }) => options.redrive?.to === source);
      const destination = DestinationArn === undefined ? origin : behind(DestinationArn);
      if (destination) destination.store().send(source.store().drain());
      return { TaskHandle: "done" };
    },
  };
  return { operations, messageIds: (queueUrl) => at(queueUrl).store().messageIds() };
}

interface BatchEntry {
  readonly Id: string | undefined;
}

function answerEntries<E extends BatchEntry>(
  entries: readonly E[],
  fault: Fault | null,
  judge: (entry: E) => Verdict,
): object {
  if (entries.length === 0) throw new Refusal("EmptyBatchRequest");
  if (entries.length > BATCH_LIMIT) throw new Refusal("TooManyEntriesInBatchRequest");
  if (new Set(entries.map(({ Id }) => Id)).size < entries.length) {
    throw new Refusal("BatchEntryIdsNotDistinct");
  }
  const refused = fault?.kind === "partial" ? fault : null;
  const unanswered = fault?.kind === "unanswered" ? fault.positions : [];
  const outcomes = entries.map((entry, position) =>
    refused?.positions.includes(position)
      ? { Id: entry.Id, Code: refused.code, SenderFault: refused.senderFault }
      : { Id: entry.Id, Code: judge(entry), SenderFault: true },
  );
  const answered = outcomes.filter((_, position) => !unanswered.includes(position));
  return {
    Successful: answered.filter(({ Code }) => Code === null).map(({ Id }) => ({ Id })),
    Failed: answered.filter(({ Code }) => Code !== null),
  };
}

function attributesOf(queue: HostileQueue): Record<string, string> {
  const { name, visibilityTimeoutSeconds, retentionSeconds, redrive } = queue.options;
  const { visible, inFlight } = queue.store().counts();
  return {
    QueueArn: arnOf(name),
    VisibilityTimeout: String(visibilityTimeoutSeconds),
    MessageRetentionPeriod: String(retentionSeconds),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: "0",
    ...(queue.isFifo && { FifoQueue: "true" }),
    ...(redrive && {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: arnOf(redrive.to.options.name),
        maxReceiveCount: redrive.maxReceiveCount,
      }),
    }),
  };
}

function parsePolicy(
  policy: string | undefined,
): { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number } | null {
  return policy === undefined ? null : (JSON.parse(policy) as never);
}

function send(
  queue: HostileQueue,
  request: Pick<
    SendMessageRequest,
    "MessageBody" | "MessageGroupId" | "MessageAttributes" | "MessageSystemAttributes"
  >,
): object {
  const {
    MessageBody: body = "",
    MessageGroupId: groupId,
    MessageAttributes: attributes,
  } = request;
  const traceHeader = request.MessageSystemAttributes?.AWSTraceHeader?.StringValue;
  const messageId = queue.store().send([{ body, groupId, attributes, traceHeader }]);
  return { MessageId: messageId, MD5OfMessageBody: md5(body) };
}

function pick(
  attributes: Record<string, MessageAttributeValue>,
  wanted: readonly string[],
): Record<string, MessageAttributeValue> {
  const all = wanted.includes("All");
  return Object.fromEntries(
    Object.entries(attributes).filter(([name]) => all || wanted.includes(name)),
  );
}

function arnOf(name: string): string {
  return `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
}
