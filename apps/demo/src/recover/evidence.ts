/** What the walk finds out by itself, as the superuser: whom to ask for, and what a thief would have. */
import { query } from "@org/local";
import type { Stack } from "../stack.ts";

export interface Subject {
  readonly userId: string;
}

/** The user with the most logins: the sample messages have some that come again and again. */
export async function findSubject(stack: Stack): Promise<Subject> {
  const [row] = await query<{ user_id: string }>(
    stack.adminUrl,
    "SELECT user_id FROM user_logins GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1",
  );
  return { userId: row?.user_id ?? "" };
}

/** Copies a subject's ciphertext tables, as a thief or an old backup without the seeds would. */
export async function keepCopy(stack: Stack, { userId }: Subject): Promise<number> {
  await query(stack.adminUrl, "CREATE TABLE stolen (record_id uuid, sealed bytea)");
  const copied = await query(
    stack.adminUrl,
    `INSERT INTO stolen SELECT record_id, sealed FROM maskline.vault
     WHERE record_id IN (SELECT record_id FROM user_logins WHERE user_id = $1) RETURNING 1`,
    [userId],
  );
  return copied.length;
}

/** Copied records whose seed still stands; without it not even the private key opens one. */
export async function openableFromCopy(stack: Stack): Promise<number> {
  const rows = await query(
    stack.adminUrl,
    "SELECT 1 FROM stolen JOIN maskline.seed USING (record_id)",
  );
  return rows.length;
}
