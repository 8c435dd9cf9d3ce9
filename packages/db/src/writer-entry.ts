/** What writes batches, and only that: loads pg, but neither drizzle nor the tables. */

export type { BatchKeyRow, LoginRow, QuarantineRow, WriteBatch } from "./batch.ts";
export type { Access } from "./check.ts";
export {
  DatabaseError,
  type DatabaseFault,
  type DatabaseFaultKind,
  type DatabaseReason,
  databaseReasons,
} from "./database-error.ts";
export { toMessageUuid } from "./message-uuid.ts";
export {
  type Connection,
  connectWriter,
  type Writer,
  type WriteResult,
  type WriterOptions,
} from "./writer.ts";
