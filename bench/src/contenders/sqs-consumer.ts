// sqs-consumer, the package that npm users take, with one multi-row insert of pg for each receive.
import { createHmac, createSecretKey } from "node:crypto";
import { env } from "node:process";
import { type Message, SQSClient } from "@aws-sdk/client-sqs";
import { Pool } from "pg";
import { Consumer } from "sqs-consumer";

interface Login {
  readonly user_id: string;
  readonly app_version: string;
  readonly device_type: string;
  readonly ip: string;
  readonly locale: string | null;
  readonly device_id: string;
}

const columns = 8;
const key = createSecretKey("a key that every contender of this kind uses", "utf8");
const pool = new Pool({ connectionString: env["DATABASE_URL"] });

function mask(value: string): string {
  return createHmac("sha256", key).update(value).digest("hex");
}

function toValues({ MessageId: messageId = "", Body: body = "" }: Message): unknown[] {
  const login = JSON.parse(body) as Login;
  return [
    messageId,
    login.user_id,
    login.device_type,
    mask(login.ip),
    mask(login.device_id),
    login.locale,
    Number.parseInt(login.app_version, 10),
    new Date().toISOString().slice(0, 10),
  ];
}

function placeholders(row: number): string {
  const names = Array.from({ length: columns }, (_, column) => `$${row * columns + column + 1}`);
  return `(${names.join(", ")})`;
}

const consumer = Consumer.create({
  queueUrl: env["SQS_QUEUE_URL"] ?? "",
  sqs: new SQSClient({}),
  batchSize: 10,
  waitTimeSeconds: 20,
  async handleMessageBatch(messages) {
    const rows = messages.map((_, row) => placeholders(row)).join(", ");
    await pool.query(
      `INSERT INTO logins VALUES ${rows} ON CONFLICT DO NOTHING`,
      messages.flatMap(toValues),
    );
    return messages;
  },
});
consumer.on("error", (error) => {
  throw error;
});
consumer.start();
