import { expect, test } from "vitest";
import { connectionError, isSenderFault, QueueError, queueErrorCode } from "../src/queue-error.ts";

test.each([
  ["com.amazonaws.sqs#QueueDoesNotExist", "QueueDoesNotExist"],
  ["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"],
  ["AWS.SimpleQueueService.NonExistentQueue;Sender", "QueueDoesNotExist"],
  ["QueueDoesNotExist", "QueueDoesNotExist"],
  ["com.amazon.coral.service#AccessDeniedException", "AccessDenied"],
  ["AccessDeniedException:http://internal.amazon.com/coral/", "AccessDenied"],
  ["KMS.ThrottlingException", "KmsThrottled"],
  ["com.amazonaws.sqs#KmsThrottled", "KmsThrottled"],
  ["AWS.SimpleQueueService.MessageNotInflight", "MessageNotInflight"],
])("%s is %s, whatever protocol said it", (name, code) => {
  expect(queueErrorCode(name)).toBe(code);
});

test("a name that is not known leaves the HTTP status to decide", () => {
  expect(queueErrorCode(undefined, 403)).toBe("AccessDenied");
  expect(queueErrorCode("toString", 429)).toBe("RequestThrottled");
  expect(queueErrorCode("constructor", 503)).toBe("ServiceUnavailable");
  expect(queueErrorCode({}, 500)).toBe("InternalError");
  expect(queueErrorCode("203.0.113.77", 400)).toBe("unknown");
  expect(queueErrorCode(null)).toBe("unknown");
});

test("what is not known may pass, so it is never the sender's fault", () => {
  expect(isSenderFault("unknown")).toBe(false);
  expect(isSenderFault("ReceiptHandleIsInvalid")).toBe(true);
});

test("an error says its code and nothing else", () => {
  const error = new QueueError("timeout");
  expect(error).toMatchObject({ name: "QueueError", retryable: true, status: null });
  expect(error.systemCode).toBeNull();
  expect(error.message).toBe("SQS call failed: timeout");
  expect(error.cause).toBeUndefined();
});

test("a fault of the connection keeps the runtime's name for it, and no text", () => {
  expect(connectionError("ECONNREFUSED")).toMatchObject({
    code: "network",
    systemCode: "ECONNREFUSED",
    message: "SQS call failed: network (ECONNREFUSED)",
  });
  expect(connectionError("ETIMEDOUT")).toMatchObject({ code: "timeout" });
  expect(connectionError("203.0.113.77 said no")).toMatchObject({
    code: "unknown",
    systemCode: null,
  });
});
