/** Whatever the AWS SDK throws -> a QueueError. */

import { SQSServiceException } from "@aws-sdk/client-sqs";

import { QueueError, queueErrorCode } from "./queue-error.ts";

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
    return new QueueError(skewed ? "RequestTimeTooSkewed" : reported, status);
  }
  if (name === "AbortError") return new QueueError("aborted");
  if (name === "CredentialsProviderError") return new QueueError("credentials_unavailable");
  // An answer that is no JSON: a gateway's error page, or a truncated body.
  if (name === "SyntaxError") {
    const code = status !== null && status >= 400 ? queueErrorCode(null, status) : null;
    return new QueueError(code ?? "malformed_response", status);
  }
  if (name === "TimeoutError" && (code === undefined || code === "ETIMEDOUT")) {
    return new QueueError("timeout");
  }
  return new QueueError(typeof code === "string" ? "network" : "unknown", status);
}
