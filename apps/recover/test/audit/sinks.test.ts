/** One contract over every sink, and what object lock adds. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type CheckpointSink, openFileSink, type StoredCheckpoint } from "@org/recovery";
import { openS3Sink, parseS3Location, type S3Location } from "@org/recovery/s3-sink";
import { openOffice } from "../office.ts";
import { runRecover } from "../run-recover.ts";
import { hasMoto, type Moto, startMoto } from "./moto.ts";

let directory: string;
let moto: Moto | null = null;
let client: S3Client;
let buckets = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sinks-"));
  if (!hasMoto) return;
  moto = await startMoto();
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  client = new S3Client({ forcePathStyle: true, endpoint: moto.endpoint });
});

afterAll(async () => {
  client?.destroy();
  vi.unstubAllEnvs();
  await moto?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Takes whatever it is sent. */
async function listen(
  onRequest: (url: string, response: ServerResponse) => void,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => {
    onRequest(request.url ?? "", response);
    request.resume().on("end", () => response.end());
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function all(sink: CheckpointSink): Promise<StoredCheckpoint[]> {
  const found: StoredCheckpoint[] = [];
  for await (const stored of sink.read()) found.push(stored);
  return found;
}

/** At moto. */
function place(bucket: string, prefix = ""): S3Location {
  return { bucket, prefix, retainDays: 1, endpoint: moto?.endpoint ?? "" };
}

async function makeBucket(): Promise<string> {
  const Bucket = `audit-${(buckets += 1)}`;
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  return Bucket;
}

const kinds: [string, boolean, () => Promise<CheckpointSink>][] = [
  ["file", true, async () => openFileSink(await mkdtemp(join(directory, "sink-")))],
  ["s3", hasMoto, async () => openS3Sink(place(await makeBucket(), "prod/eu"))],
];

describe.for(kinds)("%s sink", ([, isHere, open]) => {
  test.runIf(isHere)("is empty at first", async () => {
    const sink = await open();
    expect(await all(sink)).toEqual([]);
  });

  test.runIf(isHere)("gives back what it accepted, the greatest name first", async () => {
    const sink = await open();
    const first = { name: "000000000000001-a.checkpoint", text: "first" };
    const second = { name: "000000000000002-b.checkpoint", text: "second" };
    const third = { name: "000000000000010-c.checkpoint", text: "third" };
    for (const checkpoint of [second, third, first]) await sink.put(checkpoint);
    expect(await all(sink)).toEqual([third, second, first]);
  });

  test.runIf(isHere)("accepts the same checkpoint twice", async () => {
    const sink = await open();
    const same = { name: "000000000000001-a.checkpoint", text: "same" };
    await sink.put(same);
    await sink.put(same);
    expect(new Set((await all(sink)).map(({ text }) => text))).toEqual(new Set(["same"]));
  });
});

test("a file sink replaces nothing", async () => {
  const sink = openFileSink(await mkdtemp(join(directory, "sink-")));
  await sink.put({ name: "1.checkpoint", text: "true" });
  const other = sink.put({ name: "1.checkpoint", text: "false" });
  await expect(other).rejects.toMatchObject({ exitCode: 20 });
  expect(await all(sink)).toEqual([{ name: "1.checkpoint", text: "true" }]);
});

test("a sink that cannot be used says so: exit 20", async () => {
  const path = join(directory, "a-file");
  await writeFile(path, "");
  const sink = openFileSink(path);
  await expect(sink.put({ name: "1.checkpoint", text: "x" })).rejects.toMatchObject({
    exitCode: 20,
  });
  await expect(all(sink)).rejects.toMatchObject({ exitCode: 20 });
});

test("what is too long for a checkpoint, or no file, is named and not read", async () => {
  const place = await mkdtemp(join(directory, "sink-"));
  await writeFile(join(place, "1.checkpoint"), "x".repeat(100_000));
  await mkdir(join(place, "2.checkpoint"));
  // Whoever waited for its writer would wait for ever.
  await promisify(execFile)("mkfifo", [join(place, "3.checkpoint")]);
  expect(await all(openFileSink(place))).toEqual([
    { name: "3.checkpoint", text: "" },
    { name: "2.checkpoint", text: "" },
    { name: "1.checkpoint", text: "" },
  ]);
});

describe.runIf(hasMoto)("an object-locked bucket", () => {
  test("keeps a checkpoint that somebody deletes or replaces", async () => {
    const bucket = await makeBucket();
    const sink = openS3Sink(place(bucket));
    await sink.put({ name: "1.checkpoint", text: "true" });
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: "1.checkpoint" }));
    expect(await all(sink)).toEqual([{ name: "1.checkpoint", text: "true" }]);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: "1.checkpoint", Body: "false" }));
    const texts = (await all(sink)).map(({ text }) => text);
    expect(texts.toSorted()).toEqual(["false", "true"]);

    const { Versions = [] } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const locked = Versions.find(({ IsLatest }) => IsLatest === false);
    const deletion = client.send(
      new DeleteObjectCommand({
        Bucket: bucket,
        Key: "1.checkpoint",
        VersionId: locked?.VersionId,
        BypassGovernanceRetention: true,
      }),
    );
    await expect(deletion).rejects.toMatchObject({ name: "AccessDenied" });
  });

  test("a bucket without object lock accepts nothing", async () => {
    await client.send(new CreateBucketCommand({ Bucket: "unlocked" }));
    const sink = openS3Sink(place("unlocked"));
    await expect(sink.put({ name: "1.checkpoint", text: "x" })).rejects.toMatchObject({
      exitCode: 20,
    });
  });

  test("a bucket that does not exist: exit 20", async () => {
    const sink = openS3Sink(place("nowhere"));
    await expect(all(sink)).rejects.toMatchObject({ exitCode: 20 });
  });
});

test("whoever opens chooses no server of their own: no variable names one", async () => {
  const asked: string[] = [];
  await using server = await listen((url) => asked.push(url));
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  vi.stubEnv("AWS_MAX_ATTEMPTS", "1");
  vi.stubEnv("AWS_ENDPOINT_URL_S3", server.url);
  vi.stubEnv("AWS_ENDPOINT_URL", server.url);
  const checkpoint = { name: "1.checkpoint", text: "x" };
  // A port of this machine where nobody listens.
  const elsewhere = openS3Sink({ ...place("bucket"), endpoint: "http://127.0.0.1:9" });
  await expect(elsewhere.put(checkpoint)).rejects.toMatchObject({ exitCode: 20 });
  const { endpoint: _, ...ofAws } = place("bucket");
  // A region without a server: nothing leaves this machine.
  const nowhere = openS3Sink({ ...ofAws, region: "xx-nowhere-0" });
  await expect(nowhere.put(checkpoint)).rejects.toMatchObject({ exitCode: 20 });
  expect(asked).toEqual([]);
  const named = openS3Sink({ ...place("bucket"), endpoint: server.url });
  await named.put(checkpoint);
  expect(asked).toEqual([expect.stringContaining("/bucket/1.checkpoint")]);
});

test("however many objects are too long for a checkpoint, what stands below them is read", async () => {
  const names = Array.from({ length: 60 }, (_, at) => `${200 + at}.checkpoint`);
  const versions = ["1.checkpoint", ...names].map((Key) => `<Version><Key>${Key}</Key></Version>`);
  // More than any buffer on the way takes.
  const long = Buffer.alloc(8_000_000, "x");
  await using server = await listen((url, response) => {
    if (url.includes("?versions")) {
      response.end(`<ListVersionsResult>${versions.join("")}</ListVersionsResult>`);
    } else if (url.includes("/1.checkpoint")) response.end("x");
    // Every other says no length before.
    else if (/[02468]\.checkpoint/.test(url)) response.end(long);
    else response.write(long);
  });
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  const sink = openS3Sink({ ...place("bucket"), endpoint: server.url, region: "us-east-1" });
  const found = await all(sink);
  expect(found).toHaveLength(61);
  expect(found.filter(({ text }) => text !== "")).toEqual([{ name: "1.checkpoint", text: "x" }]);
});

test.runIf(hasMoto)(
  "the tool writes to the bucket that the recover keyring names, and verifies from it",
  async () => {
    await using office = await openOffice();
    const path = join(office.directory, "maskline.recover.keyring.json");
    const keyring = JSON.parse(await readFile(path, "utf8")) as object;
    const sink = `s3://${await makeBucket()}/prod?endpoint=${moto?.endpoint}`;
    await writeFile(path, JSON.stringify({ ...keyring, sinks: [sink] }));
    const env = { ...office.auditor.env, RECOVER_CHECKPOINT: sink };
    await office.requester.recover(["revoke", "00000000-0000-4000-8000-000000000000"]);
    expect(await runRecover(["audit", "verify"], env)).toMatchObject({ code: 30 });
    expect(await runRecover(["audit", "checkpoint"], env)).toMatchObject({ code: 0 });
    expect(await runRecover(["audit", "verify"], env)).toMatchObject({ code: 0 });
    await office.admin("DELETE FROM recovery.audit");
    await office.admin(
      "UPDATE recovery.audit_head SET seq = 0, hash = decode(repeat('00', 32), 'hex')",
    );
    expect(await runRecover(["audit", "verify"], env)).toMatchObject({ code: 30 });
  },
);

test.for([
  ["s3://bucket", { bucket: "bucket", prefix: "", retainDays: 400 }],
  ["s3://bucket/a/b/?retainDays=30", { bucket: "bucket", prefix: "a/b", retainDays: 30 }],
  [
    "s3://bucket?endpoint=https://s3.internal:9000&region=eu-central-1",
    {
      bucket: "bucket",
      prefix: "",
      retainDays: 400,
      endpoint: "https://s3.internal:9000",
      region: "eu-central-1",
    },
  ],
  ["s3://bucket/a?retainDays=0", null],
  ["s3://bucket?endpoint=http://s3.internal:9000", null],
  ["s3://bucket?endpoint=nowhere", null],
  ["s3://bucket?bucket=another", null],
  ["checkpoints", null],
] as const)("%s is read as a location", ([text, expected]) => {
  expect(parseS3Location(text)).toEqual(expected);
});
