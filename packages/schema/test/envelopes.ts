/** What AWS puts around a message, as it does. */
import type { UnwrapPolicy } from "@org/schema";

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:messages";
const SOURCE = "com.example.messages";

/** Opens both of these. */
export const envelopePolicy: UnwrapPolicy = { snsTopicArns: [TOPIC], eventBridgeSources: [SOURCE] };

export function sns(message: string, changes: Readonly<Record<string, string>> = {}): string {
  return JSON.stringify({
    Type: "Notification",
    MessageId: "0b4a1b1e-3a5c-5b60-9a0f-4a4c3f0c0a11",
    TopicArn: TOPIC,
    Message: message,
    Timestamp: "2026-05-20T10:00:00.000Z",
    SignatureVersion: "1",
    Signature: "c2lnbmF0dXJl",
    SigningCertURL: "https://sns.invalid/certificate.pem",
    UnsubscribeURL: "https://sns.invalid/unsubscribe",
    MessageAttributes: { kind: { Type: "String", Value: "message" } },
    ...changes,
  });
}

/** Spelled out: JSON.stringify has no digits that a double loses. */
export function eventBridge(detail: string, source = SOURCE): string {
  return `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Message","source":"${source}","time":"2026-05-20T10:00:00Z","resources":[],"detail":${detail}}`;
}
