/** Tables, migrations, roles and the one-transaction batch write. */

export { maintain, type MaintenanceOptions, type MaintenanceReport } from "./maintain.ts";
export {
  migrate,
  type MigrateOptions,
  type MigrateResult,
  MigrationRefusedError,
  planMigration,
} from "./migrate.ts";
export { MissingRightsError, type Role, roles, WrongLoginError } from "./roles.ts";
export { type ContractTable, tableOf } from "./table-of.ts";
export * from "./tables.ts";
export * from "./writer-entry.ts";
export type { Audit, AuditCount, AuditPosition, AuditRow } from "./recovery/audit.ts";
export type { Answer } from "./recovery/call.ts";
export type {
  Claim,
  ClaimedRecord,
  ClaimRequest,
  Claims,
  LookupRequest,
  MaskedRecord,
  QuarantineEntry,
  Result,
  StoredBatchKey,
  Tokens,
} from "./recovery/claims.ts";
export {
  connectRecovery,
  type Recovery,
  type RecoveryConnection,
} from "./recovery/connect-recovery.ts";
export type { AccessRow, Dossier, HeldRecord } from "./recovery/dossier.ts";
export type { ErasedRecord, Erasure, ErasurePlace, PlaceState } from "./recovery/erasure.ts";
export { type LogSetting, type ServerSetting } from "./log-settings.ts";
export type {
  AccessRequest,
  Approval,
  Capability,
  Commitment,
  Compared,
  Comparison,
  Decision,
  Grant,
  GrantAnswer,
  Grants,
  GrantState,
  NamedSubject,
  OpenGrant,
  RequesterHistory,
  Selector,
  StateAnswer,
  ToolRefusal,
  Unusual,
} from "./recovery/grants.ts";
export type {
  ErasedBatch,
  EraseRequest,
  FreshBatchKey,
  KeyUsage,
  Page,
  RetokenedRow,
  RetokenRow,
  RetriedRow,
  RewrappedKey,
  Work,
  WorkRequest,
} from "./recovery/work.ts";
