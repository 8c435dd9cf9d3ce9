/** A message that this suite's database refuses although it parses well. */
import type { AnyContract } from "@org/schema";

import type { Query } from "./database.ts";

export interface Refusal {
  readonly field: string;
  readonly column: string;
  readonly text: string;
}

const text = "refused-by-postgres";

/** Null where the contract has no plain text that could hold it. */
export function refusalOf({ fields, subject }: AnyContract): Refusal | null {
  const field = fields.find(
    ({ name, kind, isMasked, max }) =>
      kind === "text" && !isMasked && name !== subject && (max ?? 0) >= text.length,
  );
  return field ? { field: field.name, column: field.column, text } : null;
}

/** Makes the database refuse what the producer sends to be refused. */
export async function refuseSome(query: Query, contract: AnyContract): Promise<void> {
  const refusal = refusalOf(contract);
  if (!refusal) return;
  await query(
    `ALTER TABLE ${contract.table} ADD CONSTRAINT refused CHECK ("${refusal.column}" <> '${refusal.text}')`,
  );
}
