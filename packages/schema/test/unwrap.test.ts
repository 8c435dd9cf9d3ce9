import { describe, expect, it } from "vitest";

import { readDocument } from "../src/document.ts";
import {
  isOffloaded,
  unwrap as unwrapReading,
  unwrapNothing,
  type UnwrapPolicy,
} from "../src/unwrap.ts";

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:logins";
const SOURCE = "com.example.logins";
const policy = { snsTopicArns: [TOPIC], eventBridgeSources: [SOURCE] };
const unwrap = (document: unknown, policy: UnwrapPolicy): unknown =>
  unwrapReading(document, policy, readDocument);
const sns = (message: unknown, topic: unknown): object => ({
  Type: "Notification",
  TopicArn: topic,
  Message: message,
});
const eventBridge = (detail: unknown, source: unknown): object => ({
  "detail-type": "Login",
  source,
  detail,
});

describe("unwrap", () => {
  it("hands a message without an envelope back as it is", () => {
    const message = { Type: "Notification", Event: "login", "detail-type": "x" };
    expect(unwrap(message, unwrapNothing)).toBe(message);
  });

  it("opens an allowed topic's and an allowed source's envelope", () => {
    expect(unwrap(sns('{"a":1}', TOPIC), policy)).toEqual({ a: 1 });
    expect(unwrap(eventBridge({ a: 1 }, SOURCE), policy)).toEqual({ a: 1 });
  });

  it.each([
    [sns("{}", "arn:other")],
    [sns("{}", undefined)],
    [sns("{}", [TOPIC])],
    [sns({}, TOPIC)],
  ])("refuses an SNS envelope that it cannot trust or read: %j", (envelope) => {
    expect(unwrap(envelope, policy)).toBe("sns_envelope_refused");
  });

  it("refuses an EventBridge envelope from a source that is not listed", () => {
    expect(unwrap(eventBridge({}, "other"), policy)).toBe("event_bridge_envelope_refused");
  });

  it("opens one envelope only", () => {
    expect(unwrap(sns(JSON.stringify(sns("{}", TOPIC)), TOPIC), policy)).toBe(
      "sns_envelope_refused",
    );
    expect(unwrap(sns(JSON.stringify(eventBridge({}, SOURCE)), TOPIC), policy)).toBe(
      "event_bridge_envelope_refused",
    );
    expect(unwrap(eventBridge(sns("{}", TOPIC), SOURCE), policy)).toBe("sns_envelope_refused");
  });

  it("holds what is inside an SNS envelope to the same rules", () => {
    expect(unwrap(sns("{", TOPIC), policy)).toBe("not_json");
    expect(unwrap(sns("[]", TOPIC), policy)).toBe("not_an_object");
    expect(unwrap(sns('{"a":1,"a":2}', TOPIC), policy)).toBe("duplicate_key");
    expect(unwrap(sns("[".repeat(33), TOPIC), policy)).toBe("too_deep");
    expect(unwrap(sns('{"s3BucketName":"b","s3Key":"k"}', TOPIC), policy)).toBe("payload_in_s3");
    expect(unwrap(eventBridge("text", SOURCE), policy)).toBe("not_an_object");
  });
});

describe("isOffloaded", () => {
  it("knows the attributes of the extended clients", () => {
    expect(isOffloaded(["trace", "SQSLargePayloadSize"])).toBe(true);
    expect(isOffloaded(["ExtendedPayloadSize"])).toBe(true);
    expect(isOffloaded(["trace"])).toBe(false);
    expect(isOffloaded([])).toBe(false);
  });
});
