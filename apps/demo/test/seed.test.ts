import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openQueueAdmin } from "@org/local";
import { expect, inject, test } from "vitest";

const run = promisify(execFile);
const program = fileURLToPath(new URL("../src/seed.ts", import.meta.url));

function seed(args: readonly string[], env: Readonly<Record<string, string>>) {
  return run(process.execPath, ["--conditions=@org/source", program, ...args], { env });
}

test("sends as many messages as were asked for, and says what they are", async () => {
  const admin = openQueueAdmin(inject("queueEndpoint"));
  const queueUrl = await admin.createQueue("seeded");

  const { stdout } = await seed(["--messages", "123", "--seed", "7"], {
    SQS_QUEUE_URL: queueUrl,
    AWS_ENDPOINT_URL_SQS: inject("queueEndpoint"),
  });

  expect(stdout).toMatch(
    /^Sent 123 messages: \d+ of the contract "login", \d+ of another shape\.\n$/,
  );
  expect(await admin.depth(queueUrl)).toEqual({ visible: 123, inFlight: 0, delayed: 0 });
  admin.close();
});

test("a queue that does not exist is a failure, told without a stack trace", async () => {
  const sending = seed([], { SQS_QUEUE_URL: `${inject("queueEndpoint")}/000000000000/absent` });

  await expect(sending).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^The queue that SQS_QUEUE_URL names did not take them/),
  });
});

test.each([
  { what: "no queue", args: [], env: {} },
  { what: "a negative count", args: ["--messages", "-1"], env: { SQS_QUEUE_URL: "http://q/0/q" } },
  { what: "an unknown option", args: ["--fast"], env: { SQS_QUEUE_URL: "http://q/0/q" } },
])("$what is a usage fault", async ({ args, env }) => {
  await expect(seed(args, env)).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Usage: pnpm seed"),
  });
});
