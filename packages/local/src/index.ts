/** The embedded stack for demo and tests: PostgreSQL, SQS, sample messages. */
export { createMessages, type SampleMessage, type SampleOptions } from "./messages.ts";
export {
  type LocalPostgres,
  type PostgresOptions,
  type PostgresTarget,
  startPostgres,
} from "./postgres.ts";
export {
  type DeadLetterOptions,
  localAwsEnvironment,
  openQueueAdmin,
  type OutgoingMessage,
  type QueueAdmin,
  type QueueDepth,
} from "./queue-admin.ts";
export { leashChild } from "./leash.ts";
export { createRandom, type Random } from "./random.ts";
export { type LocalQueueServer, startQueueServer } from "./queue-server.ts";
export { createTestDatabase, type TestDatabase } from "./test-database.ts";
