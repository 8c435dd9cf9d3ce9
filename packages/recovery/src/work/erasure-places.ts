/** What is said of each place where a copy of something erased may stand. */

import type { ErasurePlace, PlaceState, Recovery } from "@org/db";

export interface PlaceReport extends Omit<PlaceState, "place"> {
  readonly place: ErasurePlace | "logs";
  /** Of this place nothing is known that could hold a copy. */
  readonly isGone: boolean;
  readonly says: string;
}

type Said = Pick<PlaceState, "relations" | "count" | "since" | "until">;

const names: Readonly<Record<PlaceReport["place"], string>> = {
  record: "The record",
  seeds: "Seeds",
  sealed_records: "Sealed records",
  quarantine: "Quarantined bodies",
  tokens: "Tokens",
  statistics: "Statistics of the planner",
  snapshots: "Running transactions",
  prepared_transactions: "Prepared transactions",
  replication_slots: "Replication slots",
  publications: "Publications",
  wal: "WAL",
  backups: "Backups",
  untagged_quarantine: "Quarantine without a subject",
  logs: "The server's log",
};

const gone: Partial<Record<PlaceReport["place"], string>> = {
  snapshots: "none of before the erasure.",
  prepared_transactions: "none of before the erasure.",
  replication_slots: "none that is behind.",
  publications: "none that takes copies out.",
  untagged_quarantine: "no message.",
  logs: "no parameter is logged now. What was logged before stands for as long as logs are kept.",
};

const list = ({ relations }: Said): string => relations.join(", ");

/** By reason; where a reason means another thing in one place, by `place/reason`. */
const sentences: Readonly<Record<string, (said: Said) => string>> = {
  stands: (said) => `can be read, in ${list(said)}: somebody put a copy there.`,
  not_vacuumed: (said) =>
    `dead rows, out of reach of every query, in ${list(said)}. Until VACUUM (FREEZE) has run there.`,
  not_rewritten: (said) =>
    `freed bytes, for whoever reads the files of ${list(said)}. Until these have new files: VACUUM FULL, or \`maintain --rewrite-erased\` for seeds of past months.`,
  kept: () => "kept, as the grant says.",
  sampled: (said) => `may be among those of ${list(said)}. Until ANALYZE has run there.`,
  published: (said) => `${list(said)}: subscribers have copies. Until they erase them too.`,
  "snapshots/held": ({ count }) =>
    `${count} of before the erasure: VACUUM frees nothing that they may see. Until they end.`,
  "prepared_transactions/held": ({ count, since }) =>
    `${count} of before the erasure, the oldest of ${since}: VACUUM frees nothing that they may see. Until COMMIT PREPARED or ROLLBACK PREPARED.`,
  "replication_slots/held": ({ count }) =>
    `${count} that keep WAL or rows of before. Until their readers have caught up, or they are dropped.`,
  "wal/not_vacuumed": () => "holds what the files hold. Until VACUUM (FREEZE) has run, and after.",
  not_overwritten: () =>
    "segments of before are not written over yet. Until twice max_wal_size has been written.",
  archived: ({ until }) =>
    `archived segments of before. Until ${until} (recovery.policy.backup_days).`,
  "backups/not_rewritten": ({ count }) =>
    `each copy of the files that is taken holds the freed bytes still. Until ${count} days after the files are new (recovery.policy.backup_days).`,
  "backups/kept": ({ count, until }) =>
    `of before. Until ${until}, if they are kept for ${count} days (recovery.policy.backup_days).`,
  unread: ({ count, until }) =>
    `${count} sealed message(s) that do not say whose they are, the newest of ${until}. Until they expire by retention.`,
};

/** Of each place, the log among them. */
export async function reportPlaces(
  erasure: Recovery["erasure"],
  states: readonly PlaceState[],
): Promise<PlaceReport[]> {
  const logged = await erasure.loggedByRoles();
  const by = logged.map(({ role, name }) => (role === null ? name : `${name} of ${role}`));
  const logs: PlaceReport = {
    place: "logs",
    reason: by.length === 0 ? null : "parameters_logged",
    relations: [],
    count: null,
    since: null,
    until: null,
    isGone: by.length === 0,
    says:
      by.length === 0
        ? (gone.logs ?? "")
        : `seeds and sealed records come into it (${by.join(", ")}), and no erasure reaches them. Until logs are removed.`,
  };
  return [...states.map(reportPlace), logs];
}

function reportPlace(state: PlaceState): PlaceReport {
  const { place, reason } = state;
  if (reason === null) return { ...state, isGone: true, says: gone[place] ?? "gone." };
  const sentence = sentences[`${place}/${reason}`] ?? sentences[reason];
  return { ...state, isGone: false, says: sentence?.(state) ?? `${reason}.` };
}

export function describePlaces(reports: readonly PlaceReport[]): string[] {
  return [
    "What the database can tell of each place:",
    ...reports.map(({ place, says }) => `  - ${names[place]}: ${says}`),
    "What it cannot: queue and dead-letter queue (at most 14 days each; a message that was written",
    "before is not written again), replicas that keep no slot, and copies that somebody made.",
  ];
}
