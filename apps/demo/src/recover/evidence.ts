/** What a thief would have, read as the superuser. */
import { query } from "@org/local";
import type { Stack } from "../stack.ts";
import type { Subject } from "./subject.ts";

/** Copies a subject's ciphertext, as a thief or an old backup without the seeds would, and resolves with the records. */
export async function keepCopy(
  { contract, adminUrl }: Stack,
  { messageIds }: Subject,
): Promise<string[]> {
  await query(adminUrl, "CREATE TABLE stolen (record_id uuid, sealed bytea)");
  const copied = await query<{ record_id: string }>(
    adminUrl,
    `INSERT INTO stolen SELECT record_id, sealed FROM maskline.vault
     WHERE record_id IN (SELECT record_id FROM ${contract.table} WHERE message_id = ANY($1::uuid[]))
     RETURNING record_id`,
    [messageIds],
  );
  return copied.map(({ record_id }) => record_id);
}

/** Copied records whose seed still stands; without it not even the private key opens one. */
export async function openableFromCopy({ adminUrl }: Stack): Promise<number> {
  const rows = await query(adminUrl, "SELECT 1 FROM stolen JOIN maskline.seed USING (record_id)");
  return rows.length;
}
