/** Where every message of a queue ended, read from the database and the dead-letter queue. */
import type { Stack } from "./stack.ts";

export interface Outcomes {
  readonly rows: string[];
  readonly quarantined: string[];
  readonly deadLettered: number;
}

export async function readOutcomes(stack: Stack): Promise<Outcomes> {
  const rows = await stack.query<{ message_id: string }>(
    `SELECT message_id FROM ${stack.contract.table} ORDER BY message_id`,
  );
  const quarantined = await stack.query<{ message_id: string }>(
    "SELECT message_id FROM maskline.quarantine ORDER BY message_id",
  );
  const { visible, inFlight } = await stack.queue.depth(stack.deadLetterUrl);
  return {
    rows: rows.map((row) => row.message_id),
    quarantined: quarantined.map((row) => row.message_id),
    deadLettered: visible + inFlight,
  };
}
