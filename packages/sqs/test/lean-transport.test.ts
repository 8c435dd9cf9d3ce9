import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { QueueRequest } from "@org/faults/hostile-queue-server";
import { SignatureV4 } from "@smithy/signature-v4";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { openQueue } from "../src/index.ts";
import { describeFaults } from "./contract/faults.ts";
import { describeQueue } from "./contract/queue.ts";
import {
  credentials,
  garbage,
  impatience,
  openStage,
  receiveAll,
  region,
} from "./contract/stage.ts";

describe("a queue over the lean transport", () => {
  describeQueue("lean");
});

describe("a queue over the lean transport, on a hostile server", () => {
  describeFaults("lean");
});

test("the lean transport gives up on a poll whose answer stalls", async () => {
  await using at = await openStage("lean", 1, { timeouts: impatience });
  at.server.inject("ReceiveMessage", { kind: "stalled", bytes: 20 });

  await expect(at.queue.receive(receiveAll)).rejects.toMatchObject({ code: "timeout" });
});

test("an answer's date that no signature can have stops no later call", async () => {
  const dates = ["Sat, 13 Sep 275760 00:00:00 GMT", "Fri, 31 Dec -0001 00:00:00 GMT"];
  const server = createServer((_, response) => {
    response.setHeader("date", dates.shift() ?? new Date().toUTCString()).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const queueUrl = `http://127.0.0.1:${port}/000000000000/logins`;
  await using queue = openQueue({ queueUrl, region, credentials, transport: "lean" });
  for (const waitSeconds of [0, 1, 2]) {
    await expect(queue.receive({ maxMessages: 10, waitSeconds })).resolves.toMatchObject({
      damaged: [],
    });
    // So that it is past the last moment that a date can be.
    await sleep(5);
  }
});

describe("the lean transport's signatures", () => {
  afterEach(() => vi.useRealTimers());

  test("hold for the request as it arrives", async () => {
    await using at = await openStage("lean", 0);
    await at.queue.receive(receiveAll);
    await at.queue.delete([garbage]);
    await at.queue.changeVisibility([garbage], 0);

    const requests = [
      ...at.asked("ReceiveMessage"),
      ...at.asked("DeleteMessageBatch"),
      ...at.asked("ChangeMessageVisibilityBatch"),
    ];
    expect(requests).toHaveLength(3);
    for (const request of requests) {
      expect(request.headers["authorization"]).toBe(await authorizationOf(request));
    }
  });

  test("of a poll are used again for a minute", async () => {
    await using at = await openStage("lean", 0);
    vi.useFakeTimers({ toFake: ["Date"] });
    const signatures = (): unknown[] =>
      at.asked("ReceiveMessage").map(({ headers }) => headers["authorization"]);

    await at.queue.receive(receiveAll);
    vi.setSystemTime(Date.now() + 50_000);
    await at.queue.receive(receiveAll);
    vi.setSystemTime(Date.now() + 20_000);
    await at.queue.receive(receiveAll);

    const [first, second, third] = signatures();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  test("of two different polls are not taken for one another", async () => {
    await using at = await openStage("lean", 0);
    await at.queue.receive({ maxMessages: 10, waitSeconds: 0 });
    await at.queue.receive({ maxMessages: 1, waitSeconds: 0 });

    const [ten, one] = at.asked("ReceiveMessage");
    expect(one?.headers["authorization"]).not.toBe(ten?.headers["authorization"]);
  });
});

/** What the SDK's signer makes of the headers that the request says are signed. */
async function authorizationOf({ headers, body }: QueueRequest): Promise<string | undefined> {
  const signed = /SignedHeaders=([^,]+)/.exec(headers["authorization"] ?? "")?.[1] ?? "";
  const dated = (headers["x-amz-date"] ?? "").replace(
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
    "$1-$2-$3T$4:$5:$6Z",
  );
  const signer = new SignatureV4({
    service: "sqs",
    region,
    credentials: { ...credentials, sessionToken: "token" },
    sha256: new SQSClient({}).config.sha256,
    applyChecksum: false,
  });
  const request = await signer.sign(
    {
      method: "POST",
      protocol: "http:",
      hostname: "127.0.0.1",
      path: "/",
      headers: Object.fromEntries(signed.split(";").map((name) => [name, headers[name] ?? ""])),
      body,
    },
    { signingDate: new Date(dated) },
  );
  return request.headers["authorization"];
}
