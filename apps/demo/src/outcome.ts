/** What came of the messages, read from the database and the dead-letter queue. */
import { query } from "@org/local";
import type { Stack } from "./stack.ts";

const sampleRows = 5;
const topTokens = 5;

/** A row as an analyst reads it. */
interface SampleRow {
  readonly user_id: string;
  readonly device_type: string;
  readonly masked_ip: string;
  readonly masked_device_id: string;
  readonly locale: string | null;
  readonly app_version: number | null;
  readonly create_date: string;
}

interface TokenCount {
  readonly masked_ip: string;
  readonly logins: number;
}

export interface Outcome {
  readonly written: number;
  /** Records in quarantine, and messages in the dead-letter queue. */
  readonly quarantined: number;
  /** Rows whose originals are sealed in the vault. */
  readonly sealed: number;
  readonly rows: readonly SampleRow[];
  readonly topAddresses: readonly TokenCount[];
  readonly distinctAddresses: number;
}

/** Counts as the superuser; the rest as an analyst, who may read `user_logins` only. */
export async function readOutcome(stack: Stack): Promise<Outcome> {
  const [counts] = await query<{ written: number; quarantined: number; sealed: number }>(
    stack.adminUrl,
    `SELECT (SELECT count(*)::int FROM user_logins) AS written,
            (SELECT count(*)::int FROM maskline.quarantine) AS quarantined,
            (SELECT count(*)::int FROM maskline.vault) AS sealed`,
  );
  const deadLetters = await stack.queue.depth(stack.deadLetterUrl);
  const [distinct] = await query<{ addresses: number }>(
    stack.analystUrl,
    "SELECT count(DISTINCT masked_ip)::int AS addresses FROM user_logins",
  );
  return {
    written: counts?.written ?? 0,
    quarantined: (counts?.quarantined ?? 0) + deadLetters.visible,
    sealed: counts?.sealed ?? 0,
    distinctAddresses: distinct?.addresses ?? 0,
    rows: await query<SampleRow>(
      stack.analystUrl,
      `SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version,
              create_date::text
         FROM user_logins ORDER BY record_id LIMIT ${sampleRows}`,
    ),
    topAddresses: await query<TokenCount>(
      stack.analystUrl,
      `SELECT masked_ip, count(*)::int AS logins
         FROM user_logins GROUP BY masked_ip ORDER BY logins DESC, masked_ip LIMIT ${topTokens}`,
    ),
  };
}
