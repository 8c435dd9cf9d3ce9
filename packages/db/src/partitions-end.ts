/** Until when there are partitions, so that it is known before a month is missing. */

import type { ClientBase } from "pg";

/** By their names in the catalog, which takes no right: the first month from the current one on that a table lacks. */
const text = `
SELECT min(month) AT TIME ZONE 'UTC' AS at
FROM pg_catalog.pg_partitioned_table
  JOIN pg_catalog.pg_class AS parent ON parent.oid = partrelid
  JOIN LATERAL generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
    date_trunc('month', now() AT TIME ZONE 'UTC') + interval '10 years', interval '1 month') AS month
  ON NOT EXISTS (
    SELECT FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class AS child ON child.oid = inhrelid
    WHERE inhparent = parent.oid AND child.relnamespace = 'maskline'::regnamespace
      AND child.relname = parent.relname || to_char(month, '_YYYY_MM'))
WHERE EXISTS (
  SELECT FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class AS child ON child.oid = inhrelid
  WHERE inhparent = parent.oid AND child.relnamespace = 'maskline'::regnamespace)`;

/** The end of the months without a gap, from the current one on, that every partitioned table of ours has. */
export async function readPartitionsEnd(client: ClientBase): Promise<Date> {
  const { rows } = await client.query<{ at: Date | null }>(text);
  return rows[0]?.at ?? new Date(0);
}
