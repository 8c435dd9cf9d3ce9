/** Judges queue and settings before the first receive: what would lose, double or stall messages later. */
import type { BatchFailure, QueueAttributes, Receipt, RegionSource } from "@org/sqs";

import { adviceFor } from "./advice.ts";
import { toFailure } from "./failure.ts";

export type Severity = "error" | "warning";

export interface Finding {
  readonly severity: Severity;
  readonly finding: string;
  readonly advice: string;
}

/** What is judged wherever batches are carried. */
export interface WorkPlan {
  readonly readsMaskedData: boolean;
  readonly preparesTransactions: boolean;
  readonly readingRequesters: readonly string[];
  readonly isRestored: boolean;
  readonly additions: readonly string[];
  readonly namesPrivateKeyring: boolean;
  readonly unknownSettings: readonly string[];
}

/** What is judged beside the queue. */
export interface Plan extends WorkPlan {
  readonly batchAgeMs: number;
  readonly hasVault: boolean;
  /** Whether it does the database's daily work itself, where nobody scheduled it. */
  readonly maintains: boolean;
  /** Null where that was never done. */
  readonly maintainedAt: Date | null;
  readonly ignoredSettings: readonly { readonly name: string; readonly advice: string }[];
  readonly regionFrom: RegionSource;
  readonly waitSeconds: number;
  readonly shutdownSeconds: number;
  readonly workers: number;
  /** That this process may use. */
  readonly cores: number;
}

/** One thing to look for; it is found where `find` says something, once for each thing it says. */
interface Check<Judged extends readonly unknown[]> {
  readonly severity: Severity;
  readonly find: (...judged: Judged) => string | readonly string[] | false;
  readonly advice: string;
}

/** What is left of the shutdown time for writing and deleting, once the last poll has returned. */
const shutdownMarginSeconds = 4;

/** Below this, one slow commit or one lost renewal already makes a redelivery. */
const shortLeaseSeconds = 20;

/** Each failed receive of a healthy message counts too: fewer than this dead-letters good messages. */
const advisedMaxReceiveCount = 10;

const daySeconds = 86_400;
const longestRetentionSeconds = 14 * daySeconds;

/** As the alert MasklineMaintenanceNotRun has it. */
const maintenanceLateMs = 36 * 3_600_000;

const checks: readonly Check<[QueueAttributes, Plan]>[] = [
  {
    severity: "warning",
    find: (_, { maintains, maintainedAt }) =>
      !maintains &&
      Date.now() - (maintainedAt?.getTime() ?? 0) > maintenanceLateMs &&
      `MASKLINE_MAINTENANCE is off, and the database's daily work ${maintainedAt === null ? "was never done" : `was last done at ${maintainedAt.toISOString()}`}`,
    advice:
      "schedule `maintain` each day, or leave MASKLINE_MAINTENANCE unset: consumers then see to it",
  },
  {
    severity: "error",
    find: ({ redrive }, { hasVault }) =>
      !hasVault &&
      !redrive &&
      "a rejected message would have nowhere to go: the keyring has no recipient to seal it to, and the queue has no redrive policy",
    advice:
      "give the keyring a recipient (and leave MASKLINE_VAULT unset), or give the queue a dead-letter queue",
  },
  {
    severity: "warning",
    find: ({ redrive, fifo }, { hasVault }) =>
      !hasVault &&
      redrive !== null &&
      fifo &&
      "without a vault, a rejected message of a FIFO group takes messages behind it along to the dead-letter queue: it is received again with them until its receives are spent",
    advice:
      "give the keyring a recipient (and leave MASKLINE_VAULT unset): a rejected message is then quarantined at once",
  },
  {
    severity: "warning",
    find: (_, { shutdownSeconds, waitSeconds }) =>
      shutdownSeconds < waitSeconds + shutdownMarginSeconds &&
      "a shutdown ends before the last long poll returns: messages that SQS hands to it stay hidden until their lease expires",
    advice: `set MASKLINE_SHUTDOWN_SECONDS to MASKLINE_WAIT_SECONDS and ${shutdownMarginSeconds} more, or poll for a shorter time`,
  },
  {
    severity: "warning",
    find: (_, { workers, cores }) =>
      workers > cores &&
      `MASKLINE_WORKERS is ${workers}, and this process may use ${cores} of the machine's cores`,
    advice: "set it to the number of cores, or give the container more of them",
  },
  {
    severity: "warning",
    find: (_, { ignoredSettings }) =>
      ignoredSettings.map(
        ({ name, advice }) => `${name} says what is not known here, and is ignored (${advice})`,
      ),
    advice: "unset it, or set it to what is known",
  },
  {
    severity: "warning",
    find: (_, { regionFrom }) =>
      regionFrom === "nothing" &&
      "nothing names the queue's region: requests are signed for us-east-1, which only emulators take for a queue elsewhere",
    advice: "set AWS_REGION",
  },
  {
    severity: "error",
    find: ({ visibilityTimeoutSeconds }, { batchAgeMs }) =>
      batchAgeMs > (visibilityTimeoutSeconds * 1000) / 4 &&
      "messages may wait for their batch longer than a quarter of their lease",
    advice: "lower MASKLINE_BATCH_AGE_MS or raise the queue's VisibilityTimeout",
  },
  {
    severity: "warning",
    find: ({ visibilityTimeoutSeconds }) =>
      visibilityTimeoutSeconds < shortLeaseSeconds &&
      `the queue's VisibilityTimeout is ${visibilityTimeoutSeconds} s`,
    advice: "set it to 30 s or more: leases are renewed at half of it",
  },
  {
    severity: "warning",
    find: ({ redrive }) =>
      redrive !== null &&
      redrive.maxReceiveCount < advisedMaxReceiveCount &&
      `the redrive policy's maxReceiveCount is ${redrive.maxReceiveCount}`,
    advice: `set it to ${advisedMaxReceiveCount} or more: restarts and lost responses count as receives too`,
  },
  {
    severity: "warning",
    find: ({ retentionSeconds }) =>
      retentionSeconds !== null &&
      retentionSeconds < longestRetentionSeconds &&
      `the queue keeps messages for ${days(retentionSeconds)} days; older ones are lost`,
    advice: "set MessageRetentionPeriod to 14 days, the most SQS allows",
  },
  {
    severity: "warning",
    find: ({ redrive }, { hasVault }) =>
      hasVault &&
      !redrive &&
      "the queue has no redrive policy: a message that always arrives damaged comes again until it is too old, and is lost then",
    advice:
      "give the queue a dead-letter queue; one that is itself a dead-letter queue, and is being drained, needs none",
  },
  {
    severity: "warning",
    // Where the queue itself has a retention, its dead-letter queue has one too.
    find: ({ redrive, retentionSeconds }) =>
      redrive?.deadLetterRetentionSeconds === null &&
      retentionSeconds !== null &&
      "the dead-letter queue cannot be read: it may be gone, or keep messages no longer than the queue",
    advice:
      "allow sqs:GetQueueUrl and sqs:GetQueueAttributes on it, or correct the redrive policy's deadLetterTargetArn",
  },
  {
    severity: "warning",
    find({ redrive, retentionSeconds }) {
      const seconds = redrive?.deadLetterRetentionSeconds ?? longestRetentionSeconds;
      return (
        seconds < longestRetentionSeconds &&
        seconds <= (retentionSeconds ?? 0) &&
        `the dead-letter queue keeps messages for ${days(seconds)} days, counted from when they were first sent`
      );
    },
    advice: "give it a longer MessageRetentionPeriod than the queue's own",
  },
];

const workChecks: readonly Check<[WorkPlan]>[] = [
  {
    severity: "warning",
    find: ({ unknownSettings }) =>
      unknownSettings.map((name) => `${name} is not a setting of this program`),
    advice:
      "correct its name as README.md has it; if the keyring refers to it, give it a name that does not begin with MASKLINE_",
  },
  {
    severity: "warning",
    find: ({ readsMaskedData }) =>
      readsMaskedData &&
      "the database login can read what it writes: with the token key beside it, whoever takes over this process can look masked values up",
    advice: "use a login that is a member of maskline_writer and of nothing else",
  },
  {
    severity: "warning",
    find: ({ preparesTransactions }) =>
      preparesTransactions &&
      "the database's max_prepared_transactions is not 0: a prepared transaction keeps its locks and what it may see when its session is gone, and so holds up the audit, maintenance and what erasure frees",
    advice: "set max_prepared_transactions to 0 where nothing uses two-phase commits",
  },
  {
    severity: "warning",
    find: ({ readingRequesters: logins }) =>
      logins.length > 0 &&
      `one login may ask for originals and read the rows that have their tokens as well: ${logins.join(", ")}`,
    advice:
      "take maskline_analyst or maskline_requester from it: whoever has both ties one original that was approved to every row that shares it",
  },
  {
    severity: "warning",
    find: ({ isRestored }) =>
      isRestored &&
      "the database goes on from a backup or a standby: what was committed after that state is gone from it, messages that were deleted from the queue and erasures among it",
    advice:
      'deal with it as docs/operations/restore.md says under "After a restore", then run `pnpm migrate --accept-restore`',
  },
  {
    severity: "warning",
    find: ({ additions }) =>
      additions.length > 0 &&
      `the table was migrated to a later contract: ${additions.join("; ")}: what messages have of it is dropped here`,
    advice:
      "start with the contract that the database was migrated to; one of before is for an upgrade, and for going back",
  },
  {
    severity: "warning",
    find: ({ namesPrivateKeyring }) =>
      namesPrivateKeyring &&
      "RECOVER_PRIVATE_KEYRING is set here: whoever takes over this process finds what opens the vault",
    advice:
      "unset it, and move the private keyring to where originals are recovered; the consumer never needs it",
  },
];

/** Every finding at once; an error means that starting would break a promise. */
export function preflight(queue: QueueAttributes, plan: Plan): Finding[] {
  return [...judge(checks, queue, plan), ...preflightWork(plan)];
}

/** What there is to find without a queue. */
export function preflightWork(plan: WorkPlan): Finding[] {
  return judge(workChecks, plan);
}

function judge<Judged extends readonly unknown[]>(
  every: readonly Check<Judged>[],
  ...judged: Judged
): Finding[] {
  return every.flatMap(({ severity, find, advice }) => {
    const found = find(...judged);
    const findings = typeof found === "string" ? [found] : found || [];
    return findings.map((finding) => ({ severity, finding, advice }));
  });
}

/** What acknowledges and releases a message. */
export interface AckPort {
  readonly delete: (receipts: readonly Receipt[]) => Promise<readonly BatchFailure[]>;
  readonly changeVisibility: (
    receipts: readonly Receipt[],
    seconds: number,
  ) => Promise<readonly BatchFailure[]>;
}

/** No message has this handle: whoever may make the call is told so, at most, and nothing happens. */
const nobodys: Receipt = { messageId: "none", receiptHandle: "none" };

/** What the consumer may not do to messages. Receiving is not tried: it would spend receives of what it brings. */
export async function findDenied(queue: AckPort): Promise<Finding[]> {
  const [deletes, changes] = await Promise.all([
    queue.delete([nobodys]),
    queue.changeVisibility([nobodys], 0),
  ]);
  return [
    ...denied(deletes, "sqs:DeleteMessage", "messages that are committed come again"),
    ...denied(changes, "sqs:ChangeMessageVisibility", "no lease can be renewed or released"),
  ];
}

function denied(failures: readonly BatchFailure[], action: string, so: string): Finding[] {
  if (!failures.some(({ code }) => code === "AccessDenied")) return [];
  const advice = `allow ${action} on the queue, in the policy of the consumer's role or of the queue`;
  return [{ severity: "error", finding: `${action} is denied: ${so}`, advice }];
}

/** What writes as the consumer does. */
export interface ProbePort {
  /** Writes a well-formed row and takes it back. */
  readonly probe: () => Promise<void>;
}

/**
 * Whether rows can be written: over two connections one after the other, so that a pooler that
 * keeps no prepared statements apart hands the second one what the first one prepared.
 */
export async function findUnwritable(first: ProbePort, second: ProbePort): Promise<Finding[]> {
  try {
    await first.probe();
    await second.probe();
    return [];
  } catch (error) {
    const { reason, sqlState } = toFailure("start", error);
    const about = sqlState === null ? reason : `${reason}, SQLSTATE ${sqlState}`;
    const advice = adviceFor(reason, "`pnpm migrate` brings the schema up to date");
    return [
      { severity: "error", finding: `a well-formed row cannot be written: ${about}`, advice },
    ];
  }
}

function days(seconds: number): string {
  return (seconds / daySeconds).toFixed(1).replace(/\.0$/, "");
}
