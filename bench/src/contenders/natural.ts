// The natural solution: the AWS SDK, zod, createHmac, and a drizzle insert for each receive.
// Usage: node natural.ts LOOPS
import { createHmac, createSecretKey } from "node:crypto";
import { env } from "node:process";
import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { drizzle } from "drizzle-orm/node-postgres";
import { date, integer, pgTable, uuid, varchar } from "drizzle-orm/pg-core";
import { z } from "zod";

const logins = pgTable("logins", {
  messageId: uuid("message_id").primaryKey(),
  userId: varchar("user_id", { length: 128 }),
  deviceType: varchar("device_type", { length: 32 }),
  maskedIp: varchar("masked_ip", { length: 256 }),
  maskedDeviceId: varchar("masked_device_id", { length: 256 }),
  locale: varchar("locale", { length: 32 }),
  appVersion: integer("app_version"),
  createDate: date("create_date"),
});

const loginSchema = z.object({
  user_id: z.string().max(128),
  app_version: z.string(),
  device_type: z.string().max(32),
  ip: z.string(),
  locale: z.string().max(32).nullable(),
  device_id: z.string(),
});

const key = createSecretKey("a key that every contender of this kind uses", "utf8");
const queueUrl = env["SQS_QUEUE_URL"] ?? "";
const sqs = new SQSClient({});
const database = drizzle(env["DATABASE_URL"] ?? "");

function mask(value: string): string {
  return createHmac("sha256", key).update(value).digest("hex");
}

function toRow({
  MessageId: messageId = "",
  Body: body = "",
}: Message): typeof logins.$inferInsert {
  const login = loginSchema.parse(JSON.parse(body));
  return {
    messageId,
    userId: login.user_id,
    deviceType: login.device_type,
    maskedIp: mask(login.ip),
    maskedDeviceId: mask(login.device_id),
    locale: login.locale,
    appVersion: Number.parseInt(login.app_version, 10),
    createDate: new Date().toISOString().slice(0, 10),
  };
}

async function loop(): Promise<never> {
  for (;;) {
    const { Messages: messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 20,
      }),
    );
    if (messages.length === 0) continue;
    await database.insert(logins).values(messages.map(toRow)).onConflictDoNothing();
    const entries = messages.map(({ MessageId, ReceiptHandle }) => ({
      Id: MessageId,
      ReceiptHandle,
    }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: entries }));
  }
}

await Promise.all(Array.from({ length: Number(process.argv[2]) }, loop));
