/** The embedded stack for demo and tests: PostgreSQL, an SQS server, and the leash that ends them. */
export {
  type Authenticator,
  type AuthenticatorAnswer,
  type AuthenticatorOptions,
  createAuthenticator,
} from "./authenticator.ts";
export { type BaseBackup, takeBaseBackup } from "./base-backup.ts";
export { chooseContract, type ChosenContract } from "./choose-contract.ts";
export { freePort } from "./free-port.ts";
export { leashChild, leashDirectory, unleashDirectory } from "./leash.ts";
export { createLogin, type LoginOptions } from "./login.ts";
export { nodeEnvironment } from "./node-environment.ts";
export { openServerDirectory } from "./postgres-home.ts";
export {
  type LocalPostgres,
  type PostgresOptions,
  type PostgresTarget,
  startPostgres,
} from "./postgres.ts";
export { execute, query } from "./query.ts";
export {
  type DeadLetterOptions,
  localAwsEnvironment,
  openQueueAdmin,
  type OutgoingMessage,
  type QueueAdmin,
  type QueueDepth,
} from "./queue-admin.ts";
export { type LocalQueueServer, startQueueServer } from "./queue-server.ts";
export { createTestDatabase, type TestDatabase } from "./test-database.ts";
