/** Receive, renew and delete over SQS, with failures reported per message. */

export { openQueue, type QueueOptions } from "./open-queue.ts";
export { QueueError, queueErrorCodes, type QueueErrorCode } from "./queue-error.ts";
export type {
  BatchFailure,
  Envelope,
  Queue,
  QueueAttributes,
  Receipt,
  ReceiveOptions,
  Received,
  Redrive,
} from "./queue.ts";
export type { Timeouts } from "./transport.ts";
