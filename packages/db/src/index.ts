/** Tables, migrations, roles and the one-transaction batch write. */

export { maintain, type MaintenanceOptions, type MaintenanceReport } from "./maintain.ts";
export { migrate, type MigrateResult } from "./migrate.ts";
export { MissingRightsError, type Role, roles, WrongLoginError } from "./roles.ts";
export * from "./tables.ts";
export * from "./writer-entry.ts";
export type { Audit, AuditRow } from "./recovery/audit.ts";
export type { Answer } from "./recovery/call.ts";
export type {
  Claim,
  ClaimedRecord,
  Claims,
  MaskedRecord,
  QuarantineEntry,
  StoredBatchKey,
} from "./recovery/claims.ts";
export { connectRecovery, type Recovery } from "./recovery/connect-recovery.ts";
export type {
  AccessRequest,
  Capability,
  Grant,
  Grants,
  GrantState,
  Selector,
} from "./recovery/grants.ts";
export type {
  FreshBatchKey,
  KeyUsage,
  RetokenedRow,
  RetokenRow,
  RetriedLogin,
  WhatRemains,
  Work,
} from "./recovery/work.ts";
