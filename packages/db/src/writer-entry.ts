/** What writes batches, and only that: loads the tables, but neither migrations nor recovery. */

export type { BatchKeyRow, QuarantineRow, Row, WriteBatch } from "./batch.ts";
export type { Access } from "./check.ts";
export {
  DatabaseError,
  type DatabaseFault,
  type DatabaseFaultKind,
  type DatabaseReason,
  databaseReasons,
} from "./database-error.ts";
export { maintainInTurn, type Turn, type TurnOptions } from "./maintain-in-turn.ts";
export { toMessageUuid } from "./message-uuid.ts";
export { passwordFrom, type PasswordSource } from "./password.ts";
export { type Connection, trustOf } from "./session.ts";
export { connectWriter, type Writer, type WriteResult, type WriterOptions } from "./writer.ts";
