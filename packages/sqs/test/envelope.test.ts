import type { Message } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { possibleDates, toEnvelope } from "../src/envelope.ts";

const sound: Message = {
  MessageId: "8a2f1c3e-0000-4000-8000-000000000001",
  ReceiptHandle: "handle",
  Body: "hello",
  MD5OfBody: "5d41402abc4b2a76b9719d911017c592",
  Attributes: { SentTimestamp: "1700000000000", ApproximateReceiveCount: "3", MessageGroupId: "g" },
};

const dayMs = 86_400_000;
const nowMs = 1_700_000_000_000 + dayMs;
const context = {
  receivedAtMs: 5,
  isFifo: true,
  sentMs: possibleDates([nowMs], 15 * dayMs),
};

test("a sound message becomes an envelope", () => {
  expect(toEnvelope(sound, context)).toEqual({
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

const dated = (SentTimestamp: string): unknown => ({ ...sound, Attributes: { SentTimestamp } });

test.each([
  ["a body that is not the one its MD5 was made of", { ...sound, Body: "hellO" }, "md5_wrong"],
  ["no MD5", { ...sound, MD5OfBody: undefined }, "md5_missing"],
  ["no body", { ...sound, Body: undefined }, "body_missing"],
  ["no id", { ...sound, MessageId: undefined }, "id_missing"],
  ["no handle", { ...sound, ReceiptHandle: 7 }, "handle_missing"],
  ["no date", { ...sound, Attributes: {} }, "date_missing"],
  ["no attributes", { ...sound, Attributes: undefined }, "date_missing"],
  ["a date that is none", dated("yesterday"), "date_impossible"],
  ["a date in a fraction", dated("1700000000000.5"), "date_impossible"],
  ["a date of the year 10000", dated("253402300800000"), "date_impossible"],
  ["a date before our era", dated("-62198755200000"), "date_impossible"],
  ["a date more than a day ahead", dated(String(nowMs + dayMs + 1)), "date_impossible"],
  ["a date older than the queue keeps", dated(String(nowMs - 15 * dayMs - 1)), "date_impossible"],
  ["nothing", null, "id_missing"],
  ["no message", 5, "id_missing"],
])("a message is damaged with %s", (_, message, damage) => {
  expect(toEnvelope(message as Message, context)).toBe(damage);
});

test("a date may be any past one where the queue keeps messages for ever, by either clock", () => {
  expect(possibleDates([nowMs], undefined)).toEqual({ min: 1, max: nowMs + dayMs });
  expect(possibleDates([nowMs, nowMs + 3 * dayMs], dayMs)).toEqual({
    min: nowMs - dayMs,
    max: nowMs + 4 * dayMs,
  });
});
