/** Whatever a socket or the signer throws, and whatever SQS refuses -> a QueueError. */

import { connectionError, QueueError, queueErrorCode } from "./queue-error.ts";

export interface Refusal {
  readonly status: number;
  /** The `x-amzn-errortype` header. */
  readonly type: unknown;
  readonly text: string;
  /** How far the date that was signed is from the server's. */
  readonly skewMs: number;
}

/** A refused signature whose date was further off than this is blamed on the clock, as the SDK does. */
const SKEW_MS = 240_000;

export function refusalError({ status, type, text, skewMs }: Refusal): QueueError {
  const code = queueErrorCode(type ?? typeIn(text), status);
  const skewed = code === "SignatureDoesNotMatch" && Math.abs(skewMs) > SKEW_MS;
  return new QueueError(skewed ? "RequestTimeTooSkewed" : code, { status });
}

function typeIn(text: string): unknown {
  try {
    return (JSON.parse(text) as Record<string, unknown> | null)?.["__type"];
  } catch {
    return null;
  }
}

export function toQueueError(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const { name, code } = error as NodeJS.ErrnoException;
  if (name === "CredentialsProviderError") return new QueueError("credentials_unavailable");
  return connectionError(code);
}
