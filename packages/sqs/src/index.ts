/** Receive, renew and delete over SQS, with failures reported per message. */

export { openQueue, type QueueOptions } from "./open-queue.ts";
export { QueueError, queueErrorCodes, type QueueErrorCode } from "./queue-error.ts";
export {
  type BatchFailure,
  type BatchOptions,
  type Damage,
  damageKinds,
  type Envelope,
  type Queue,
  type QueueAttributes,
  type Receipt,
  type ReceiveOptions,
  type Received,
  type Redrive,
} from "./queue.ts";
export type { RegionSource, Target } from "./target.ts";
export type { Timeouts } from "./transport.ts";
