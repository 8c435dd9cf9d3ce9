/** Envelopes that AWS puts around a message, or instead of one. */
import type { readDocument } from "./document.ts";
import { JsonNumber } from "./json-number.ts";
import type { BodyReason } from "./outcome.ts";

/**
 * Whose envelopes are opened. The names are compared exactly. They are what the envelope says of
 * itself: that only this topic or bus can send to the queue is for the queue's policy to ensure.
 */
export interface UnwrapPolicy {
  readonly snsTopicArns: readonly string[];
  readonly eventBridgeSources: readonly string[];
}

/** The policy that opens nothing. */
export const unwrapNothing: UnwrapPolicy = { snsTopicArns: [], eventBridgeSources: [] };

/** Attributes by which the extended client libraries say that the body is a pointer into S3. */
const OFFLOAD_ATTRIBUTES = new Set(["ExtendedPayloadSize", "SQSLargePayloadSize"]);

/** Whether the message's attributes say that its body lies in S3. */
export function isOffloaded(attributeNames: readonly string[]): boolean {
  return attributeNames.some((name) => OFFLOAD_ATTRIBUTES.has(name));
}

/**
 * Finds the message in a document: the document itself, or the content of an allowed envelope.
 * One level only: an envelope inside an envelope is refused. Nothing is ever fetched, neither a
 * payload from S3 nor the URL of a confirmation.
 */
export function unwrap(
  document: unknown,
  policy: UnwrapPolicy,
  read: typeof readDocument,
): object | BodyReason {
  if (isS3Pointer(document)) return "payload_in_s3";
  if (!isObject(document)) return "not_an_object";
  if (own(document, "Event") === "s3:TestEvent") return "s3_test_event";
  if (isSnsConfirmation(document)) return "sns_confirmation";
  if (own(document, "Type") === "Notification" && Object.hasOwn(document, "Message")) {
    return unwrapSns(document, policy.snsTopicArns, read);
  }
  if (Object.hasOwn(document, "detail-type") && Object.hasOwn(document, "detail")) {
    return unwrapEventBridge(document, policy.eventBridgeSources, read);
  }
  return document;
}

/**
 * With raw message delivery off, SNS sends the publisher's text in `Message`. The envelope's own id
 * is not kept: whoever may send to the queue writes it.
 */
function unwrapSns(
  envelope: object,
  topicArns: readonly string[],
  read: typeof readDocument,
): object | BodyReason {
  const message = own(envelope, "Message");
  if (typeof message !== "string" || !isListed(own(envelope, "TopicArn"), topicArns)) {
    return "sns_envelope_refused";
  }
  const inner = read(message);
  return typeof inner === "string" ? inner : unwrap(inner.value, unwrapNothing, read);
}

function unwrapEventBridge(
  envelope: object,
  sources: readonly string[],
  read: typeof readDocument,
): object | BodyReason {
  return isListed(own(envelope, "source"), sources)
    ? unwrap(own(envelope, "detail"), unwrapNothing, read)
    : "event_bridge_envelope_refused";
}

function isObject(value: unknown): value is object {
  const isContainer = typeof value === "object" && value !== null;
  return isContainer && !Array.isArray(value) && !(value instanceof JsonNumber);
}

function isSnsConfirmation(document: object): boolean {
  const type = own(document, "Type");
  return type === "SubscriptionConfirmation" || type === "UnsubscribeConfirmation";
}

/** The extended clients send `[class name, pointer]`, in some languages the pointer alone. */
function isS3Pointer(document: unknown): boolean {
  const pointer: unknown = Array.isArray(document) ? document[1] : document;
  return (
    typeof pointer === "object" &&
    pointer !== null &&
    Object.hasOwn(pointer, "s3BucketName") &&
    Object.hasOwn(pointer, "s3Key")
  );
}

function isListed(name: unknown, allowed: readonly string[]): boolean {
  return typeof name === "string" && allowed.includes(name);
}

function own(object: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}
