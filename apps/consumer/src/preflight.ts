/** Looks at queue and settings before the first receive: what would lose, double or stall messages later. */
import type { BatchFailure, QueueAttributes, Receipt } from "@org/sqs";

export type Severity = "error" | "warning";

export interface Finding {
  readonly severity: Severity;
  readonly finding: string;
  readonly advice: string;
}

export interface Plan {
  readonly batchAgeMs: number;
  readonly hasVault: boolean;
  readonly readsMaskedData: boolean;
  readonly namesPrivateKeyring: boolean;
  readonly unknownSettings: readonly string[];
  readonly waitSeconds: number;
  readonly shutdownSeconds: number;
}

/** What is left of the shutdown time for writing and deleting, once the last poll has returned. */
const shutdownMarginSeconds = 4;

/** Below this, one slow commit or one lost renewal already makes a redelivery. */
const shortLeaseSeconds = 20;

/** Each failed receive of a healthy message counts too: fewer than this dead-letters good messages. */
const advisedMaxReceiveCount = 10;

const daySeconds = 86_400;
const longestRetentionSeconds = 14 * daySeconds;

/** Every finding at once; an error means that starting would break a promise. */
export function preflight(queue: QueueAttributes, plan: Plan): Finding[] {
  const findings: Finding[] = [];
  const find = (severity: Severity, finding: string, advice: string): void => {
    findings.push({ severity, finding, advice });
  };

  if (!plan.hasVault && !queue.redrive) {
    find(
      "error",
      "a rejected message would have nowhere to go: the keyring has no recipient to seal it to, and the queue has no redrive policy",
      "give the keyring a recipient (and leave MASKLINE_VAULT unset), or give the queue a dead-letter queue",
    );
  }
  if (!plan.hasVault && queue.redrive && queue.fifo) {
    find(
      "warning",
      "without a vault, a rejected message of a FIFO group takes messages behind it along to the dead-letter queue: it is received again with them until its receives are spent",
      "give the keyring a recipient (and leave MASKLINE_VAULT unset): a rejected message is then quarantined at once",
    );
  }
  if (plan.shutdownSeconds < plan.waitSeconds + shutdownMarginSeconds) {
    find(
      "warning",
      "a shutdown ends before the last long poll returns: messages that SQS hands to it stay hidden until their lease expires",
      `set MASKLINE_SHUTDOWN_SECONDS to MASKLINE_WAIT_SECONDS and ${shutdownMarginSeconds} more, or poll for a shorter time`,
    );
  }
  for (const name of plan.unknownSettings) {
    find(
      "warning",
      `${name} is not a setting`,
      "mend its name as README.md has it; if the keyring refers to it, give it a name that does not begin with MASKLINE_",
    );
  }
  if (plan.readsMaskedData) {
    find(
      "warning",
      "the database login can read what it writes: with the token key beside it, whoever takes over this process can look addresses up",
      "use a login that is a member of maskline_writer and of nothing else",
    );
  }
  if (plan.namesPrivateKeyring) {
    find(
      "warning",
      "RECOVER_PRIVATE_KEYRING is set here: whoever takes over this process finds what opens the vault",
      "unset it, and move the private keyring to where originals are recovered; the consumer never needs it",
    );
  }
  if (plan.batchAgeMs > (queue.visibilityTimeoutSeconds * 1000) / 4) {
    find(
      "error",
      "messages may wait for their batch longer than a quarter of their lease",
      "lower MASKLINE_BATCH_AGE_MS or raise the queue's VisibilityTimeout",
    );
  }
  if (queue.visibilityTimeoutSeconds < shortLeaseSeconds) {
    find(
      "warning",
      `the queue's VisibilityTimeout is ${queue.visibilityTimeoutSeconds} s`,
      "set it to 30 s or more: leases are renewed at half of it",
    );
  }
  if (queue.redrive && queue.redrive.maxReceiveCount < advisedMaxReceiveCount) {
    find(
      "warning",
      `the redrive policy's maxReceiveCount is ${queue.redrive.maxReceiveCount}`,
      `set it to ${advisedMaxReceiveCount} or more: restarts and lost responses count as receives too`,
    );
  }
  const { retentionSeconds, redrive } = queue;
  if (retentionSeconds !== null && retentionSeconds < longestRetentionSeconds) {
    find(
      "warning",
      `the queue keeps messages for ${days(retentionSeconds)} days; older ones are lost`,
      "set MessageRetentionPeriod to 14 days, the most SQS allows",
    );
  }
  if (plan.hasVault && !redrive) {
    find(
      "warning",
      "the queue has no redrive policy: a message that always arrives damaged comes again until it is too old, and is lost then",
      "give the queue a dead-letter queue; one that is itself a dead-letter queue, and is being drained, needs none",
    );
  }
  // Where the queue itself has a retention, its dead-letter queue has one too.
  if (redrive?.deadLetterRetentionSeconds === null && retentionSeconds !== null) {
    find(
      "warning",
      "the dead-letter queue cannot be read: it may be gone, or keep messages no longer than the queue",
      "allow sqs:GetQueueUrl and sqs:GetQueueAttributes on it, or mend the redrive policy's deadLetterTargetArn",
    );
  }
  const deadLetterSeconds = redrive?.deadLetterRetentionSeconds ?? longestRetentionSeconds;
  if (deadLetterSeconds < longestRetentionSeconds && deadLetterSeconds <= (retentionSeconds ?? 0)) {
    find(
      "warning",
      `the dead-letter queue keeps messages for ${days(deadLetterSeconds)} days, counted from when they were first sent`,
      "give it a longer MessageRetentionPeriod than the queue's own",
    );
  }
  return findings;
}

/** What settles a message. */
export interface SettlePort {
  /** Resolves with what could not be deleted, and why. */
  delete(receipts: readonly Receipt[]): Promise<readonly BatchFailure[]>;
  changeVisibility(receipts: readonly Receipt[], seconds: number): Promise<readonly BatchFailure[]>;
}

/** No message has this handle: whoever may make the call is told so, at most, and nothing happens. */
const nobodys: Receipt = { messageId: "none", receiptHandle: "none" };

/** What the consumer may not do to messages. Receiving is not tried: it would spend receives of what it brings. */
export async function findDenied(queue: SettlePort): Promise<Finding[]> {
  const [deletes, changes] = await Promise.all([
    queue.delete([nobodys]),
    queue.changeVisibility([nobodys], 0),
  ]);
  return [
    ...denied(deletes, "sqs:DeleteMessage", "messages that are committed come again"),
    ...denied(changes, "sqs:ChangeMessageVisibility", "no lease can be renewed or given back"),
  ];
}

function denied(failures: readonly BatchFailure[], action: string, so: string): Finding[] {
  if (!failures.some(({ code }) => code === "AccessDenied")) return [];
  const advice = `allow ${action} on the queue, in the policy of the consumer's role or of the queue`;
  return [{ severity: "error", finding: `${action} is denied: ${so}`, advice }];
}

function days(seconds: number): string {
  return (seconds / daySeconds).toFixed(1).replace(/\.0$/, "");
}
