import type { Message } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { toEnvelope } from "../src/envelope.ts";

const sound: Message = {
  MessageId: "8a2f1c3e-0000-4000-8000-000000000001",
  ReceiptHandle: "handle",
  Body: "hello",
  MD5OfBody: "5d41402abc4b2a76b9719d911017c592",
  Attributes: { SentTimestamp: "1700000000000", ApproximateReceiveCount: "3", MessageGroupId: "g" },
};

test("a sound message becomes an envelope", () => {
  expect(toEnvelope(sound, { receivedAtMs: 5, isFifo: true })).toEqual({
    messageId: sound.MessageId,
    receiptHandle: "handle",
    body: "hello",
    bytes: 5,
    sentAtMs: 1_700_000_000_000,
    receiveCount: 3,
    groupId: "g",
    traceHeader: null,
    attributeNames: [],
    receivedAtMs: 5,
  });
});

const damaged: readonly [string, unknown][] = [
  ["a body that is not the one its MD5 was made of", { ...sound, Body: "hellO" }],
  ["no MD5", { ...sound, MD5OfBody: undefined }],
  ["no body", { ...sound, Body: undefined }],
  ["no id", { ...sound, MessageId: undefined }],
  ["no handle", { ...sound, ReceiptHandle: 7 }],
  ["no date", { ...sound, Attributes: {} }],
  ["a date that is none", { ...sound, Attributes: { SentTimestamp: "yesterday" } }],
  ["nothing", null],
  ["no message", 5],
];

test.each(damaged)("a message is damaged with %s", (_, message) => {
  expect(toEnvelope(message as Message, { receivedAtMs: 0, isFifo: true })).toBeNull();
});
