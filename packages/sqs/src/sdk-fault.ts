/** Whatever the AWS SDK throws -> a QueueError. */

import { SQSServiceException } from "@aws-sdk/client-sqs";

import { connectionError, QueueError, queueErrorCode } from "./queue-error.ts";

/** What the SDK attaches to errors of its own and of the runtime alike. */
interface SdkError extends Error {
  readonly code?: unknown;
  readonly $metadata?: {
    readonly httpStatusCode?: number;
    readonly clockSkewCorrected?: boolean;
  };
}

export function toQueueError(error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  if (!(error instanceof Error)) return new QueueError("unknown");

  const { name, code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode ?? null;
  if (error instanceof SQSServiceException) {
    const reported = queueErrorCode(name, status);
    const skewed = reported === "SignatureDoesNotMatch" && $metadata?.clockSkewCorrected === true;
    return new QueueError(skewed ? "RequestTimeTooSkewed" : reported, { status });
  }
  if (name === "CredentialsProviderError") return new QueueError("credentials_unavailable");
  // An answer that is no JSON: a gateway's error page, or a truncated body.
  if (name === "SyntaxError") {
    const refused = status !== null && status >= 400;
    return new QueueError(refused ? queueErrorCode(null, status) : "malformed_response", {
      status,
    });
  }
  // The SDK names a reset connection a timeout as well; only its own timers set no code.
  if (name === "TimeoutError" && code === undefined) return new QueueError("timeout");
  return connectionError(code);
}
