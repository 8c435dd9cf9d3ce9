/** The one error of this package, and the closed list of what can be wrong. */

/**
 * Every fault, by one name each, whatever protocol or transport reported it. The capitalised ones
 * are SQS's own; the others are faults of the connection.
 */
export const queueErrorCodes = [
  "AccessDenied",
  "BatchEntryIdsNotDistinct",
  "BatchRequestTooLong",
  "EmptyBatchRequest",
  "ExpiredToken",
  "InternalError",
  "InvalidAddress",
  "InvalidAttributeName",
  "InvalidBatchEntryId",
  "InvalidClientTokenId",
  "InvalidParameterValue",
  "InvalidSecurity",
  "KmsAccessDenied",
  "KmsDisabled",
  "KmsInvalidKeyUsage",
  "KmsInvalidState",
  "KmsNotFound",
  "KmsOptInRequired",
  "KmsThrottled",
  "MessageNotInflight",
  "MissingParameter",
  "OptInRequired",
  "OverLimit",
  "QueueDeletedRecently",
  "QueueDoesNotExist",
  "ReceiptHandleIsInvalid",
  "RequestThrottled",
  "RequestTimeTooSkewed",
  "ServiceUnavailable",
  "SignatureDoesNotMatch",
  "TooManyEntriesInBatchRequest",
  "UnsupportedOperation",
  "aborted",
  "answer_too_large",
  "closed",
  "credentials_unavailable",
  "endpoint_invalid",
  "malformed_response",
  "network",
  "timeout",
  "unanswered",
  "unknown",
] as const;

export type QueueErrorCode = (typeof queueErrorCodes)[number];

const known: ReadonlySet<string> = new Set(queueErrorCodes);

/** Codes that stand for a passing state: the same call may succeed later, with nothing changed. */
const passing: ReadonlySet<QueueErrorCode> = new Set([
  "ExpiredToken",
  "InternalError",
  "KmsThrottled",
  "OverLimit",
  "RequestThrottled",
  "RequestTimeTooSkewed",
  "ServiceUnavailable",
  "answer_too_large",
  "credentials_unavailable",
  "malformed_response",
  "network",
  "timeout",
  "unanswered",
  "unknown",
]);

/** What other protocols, services and implementations call the same fault. */
const aliases: Readonly<Record<string, QueueErrorCode>> = {
  AccessDeniedException: "AccessDenied",
  ExpiredTokenException: "ExpiredToken",
  InternalFailure: "InternalError",
  InternalServerError: "InternalError",
  InvalidAccessKeyId: "InvalidClientTokenId",
  InvalidIdFormat: "ReceiptHandleIsInvalid",
  InvalidSignatureException: "SignatureDoesNotMatch",
  "KMS.AccessDeniedException": "KmsAccessDenied",
  "KMS.DisabledException": "KmsDisabled",
  "KMS.InvalidKeyUsageException": "KmsInvalidKeyUsage",
  "KMS.InvalidStateException": "KmsInvalidState",
  "KMS.NotFoundException": "KmsNotFound",
  "KMS.OptInRequired": "KmsOptInRequired",
  "KMS.ThrottlingException": "KmsThrottled",
  NonExistentQueue: "QueueDoesNotExist",
  RequestExpired: "RequestTimeTooSkewed",
  ServiceUnavailableException: "ServiceUnavailable",
  Throttling: "RequestThrottled",
  ThrottlingException: "RequestThrottled",
  TooManyRequestsException: "RequestThrottled",
  UnrecognizedClientException: "InvalidClientTokenId",
};

/**
 * A call that failed as a whole.
 *
 * Its message is a constant sentence with its codes; `code` is one of a closed list. It carries no cause:
 * parse errors quote the response, and the response holds message bodies.
 */
export class QueueError extends Error {
  override readonly name = "QueueError";
  readonly code: QueueErrorCode;
  /** Whether the same call may succeed later with nothing changed. */
  readonly retryable: boolean;
  /** The HTTP status, where there was an answer. */
  readonly status: number | null;
  /** What the runtime calls a fault of the connection: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, … */
  readonly systemCode: string | null;

  constructor(code: QueueErrorCode, about: { status?: number | null; systemCode?: string } = {}) {
    super(`SQS call failed: ${code}${about.systemCode ? ` (${about.systemCode})` : ""}`);
    this.code = code;
    this.retryable = passing.has(code);
    this.status = about.status ?? null;
    this.systemCode = about.systemCode ?? null;
  }
}

/** For whatever the runtime or an HTTP client reports by an error code of its own. */
export function connectionError(code: unknown): QueueError {
  if (code === "ETIMEDOUT") return new QueueError("timeout", { systemCode: code });
  const isSystemCode = typeof code === "string" && /^[A-Z][A-Z0-9_]*$/.test(code);
  return isSystemCode ? new QueueError("network", { systemCode: code }) : new QueueError("unknown");
}

/**
 * The stable code for an error name as SQS reports it: `com.amazonaws.sqs#QueueDoesNotExist`
 * (JSON), `AWS.SimpleQueueService.NonExistentQueue` (query), `KMS.ThrottlingException`.
 *
 * @param status - Decides when the name says nothing.
 */
export function queueErrorCode(name: unknown, status: number | null = null): QueueErrorCode {
  const bare = String(name)
    .replace(/^.*#/, "")
    .replace(/^AWS\.SimpleQueueService\./, "")
    .replace(/[:;].*$/, "");
  if (Object.hasOwn(aliases, bare)) return aliases[bare] ?? "unknown";
  if (isQueueErrorCode(bare)) return bare;
  return codeOfStatus(status);
}

/** Whether a failure with this code is the sender's, so that repeating it is of no use. */
export function isSenderFault(code: QueueErrorCode): boolean {
  return !passing.has(code);
}

function isQueueErrorCode(name: string): name is QueueErrorCode {
  return known.has(name);
}

function codeOfStatus(status: number | null): QueueErrorCode {
  if (status === 403) return "AccessDenied";
  if (status === 429) return "RequestThrottled";
  if (status === 502 || status === 503 || status === 504) return "ServiceUnavailable";
  return status !== null && status >= 500 ? "InternalError" : "unknown";
}
