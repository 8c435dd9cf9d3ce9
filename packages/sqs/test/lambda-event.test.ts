import { expect, test } from "vitest";
import { readLambdaEvent } from "../src/lambda-event.ts";

const sentAtMs = Date.now() - 1_000;

/** Of Lambda's "Example SQS message event". */
const record = {
  messageId: "059f36b4-87a3-44ab-83d2-661975830a7d",
  receiptHandle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
  body: "hello",
  attributes: {
    ApproximateReceiveCount: "2",
    SentTimestamp: String(sentAtMs),
    SenderId: "AIDAIENQZJOLO23YVJ4VO",
    ApproximateFirstReceiveTimestamp: String(sentAtMs),
    MessageGroupId: "g",
    AWSTraceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793",
  },
  messageAttributes: {
    ExtendedPayloadSize: { stringValue: "9", dataType: "Number" },
    subject: { stringValue: "a person", dataType: "String" },
  },
  md5OfBody: "5d41402abc4b2a76b9719d911017c592",
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:us-east-2:123456789012:my-queue",
  awsRegion: "us-east-2",
};

const fifo = { ...record, eventSourceARN: `${record.eventSourceARN}.fifo` };

test("a message of an event becomes an envelope, of whose attributes only those are kept that are asked for", () => {
  const [read] = readLambdaEvent({ Records: [record] }) ?? [];
  expect(read).toMatchObject({
    messageId: record.messageId,
    receiptHandle: record.receiptHandle,
    body: "hello",
    sentAtMs,
    receiveCount: 2,
    groupId: null,
    traceHeader: record.attributes.AWSTraceHeader,
    attributeNames: ["ExtendedPayloadSize"],
  });
});

test("groups are told of FIFO queues alone, of damaged messages too", () => {
  const damaged = { ...fifo, md5OfBody: "0" };
  expect(readLambdaEvent({ Records: [fifo, damaged] })).toMatchObject([
    { groupId: "g", body: "hello" },
    { messageId: record.messageId, groupId: "g", damage: "md5_wrong" },
  ]);
});

test.each([
  ["nothing", null],
  ["no records", { Records: [] }],
  ["records that are no list", { Records: "many" }],
  ["a record that is none", { Records: [record, null] }],
  ["a message of no id", { Records: [record, { ...record, messageId: "" }] }],
  ["a message of another source", { Records: [{ ...record, eventSource: "aws:kinesis" }] }],
])("an event with %s cannot be read", (_, event) => {
  expect(readLambdaEvent(event)).toBeNull();
});
