/** One contract over every sink, and what object lock adds. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openFileSink } from "../../src/audit/file-sink.ts";
import { openS3Sink, parseS3Location } from "../../src/audit/s3-sink.ts";
import type { CheckpointSink } from "../../src/audit/sink.ts";
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
  vi.stubEnv("AWS_ENDPOINT_URL_S3", moto.endpoint);
  vi.stubEnv("AWS_REGION", "us-east-1");
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  client = new S3Client({ forcePathStyle: true });
});

afterAll(async () => {
  client?.destroy();
  vi.unstubAllEnvs();
  await moto?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function makeBucket(): Promise<string> {
  const Bucket = `audit-${(buckets += 1)}`;
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  return Bucket;
}

const kinds: [string, boolean, () => Promise<CheckpointSink>][] = [
  ["file", true, async () => openFileSink(await mkdtemp(join(directory, "sink-")))],
  [
    "s3",
    hasMoto,
    async () => openS3Sink({ bucket: await makeBucket(), prefix: "prod/eu", retainDays: 1 }),
  ],
];

describe.for(kinds)("%s sink", ([, isHere, open]) => {
  test.runIf(isHere)("is empty at first", async () => {
    const sink = await open();
    expect(await sink.readAll()).toEqual([]);
    expect(await sink.readNewest()).toBeNull();
  });

  test.runIf(isHere)("gives back what it accepted, the greatest name as the newest", async () => {
    const sink = await open();
    await sink.put("000000000000002-b.checkpoint", "second");
    await sink.put("000000000000010-c.checkpoint", "third");
    await sink.put("000000000000001-a.checkpoint", "first");
    expect((await sink.readAll()).toSorted()).toEqual(["first", "second", "third"]);
    expect(await sink.readNewest()).toEqual({
      name: "000000000000010-c.checkpoint",
      text: "third",
    });
  });

  test.runIf(isHere)("accepts the same checkpoint twice", async () => {
    const sink = await open();
    await sink.put("000000000000001-a.checkpoint", "same");
    await sink.put("000000000000001-a.checkpoint", "same");
    expect(new Set(await sink.readAll())).toEqual(new Set(["same"]));
  });
});

test("a file sink replaces nothing", async () => {
  const sink = openFileSink(await mkdtemp(join(directory, "sink-")));
  await sink.put("1.checkpoint", "true");
  await expect(sink.put("1.checkpoint", "false")).rejects.toMatchObject({ exitCode: 20 });
  expect(await sink.readAll()).toEqual(["true"]);
});

test("a sink that cannot be used says so: exit 20", async () => {
  const path = join(directory, "a-file");
  await writeFile(path, "");
  await expect(openFileSink(path).put("1.checkpoint", "x")).rejects.toMatchObject({ exitCode: 20 });
  await expect(openFileSink(path).readAll()).rejects.toMatchObject({ exitCode: 20 });
});

describe.runIf(hasMoto)("an object-locked bucket", () => {
  test("keeps a checkpoint that somebody deletes or replaces", async () => {
    const bucket = await makeBucket();
    const sink = openS3Sink({ bucket, prefix: "", retainDays: 1 });
    await sink.put("1.checkpoint", "true");
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: "1.checkpoint" }));
    expect(await sink.readAll()).toEqual(["true"]);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: "1.checkpoint", Body: "false" }));
    expect((await sink.readAll()).toSorted()).toEqual(["false", "true"]);

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
    const sink = openS3Sink({ bucket: "unlocked", prefix: "", retainDays: 1 });
    await expect(sink.put("1.checkpoint", "x")).rejects.toMatchObject({ exitCode: 20 });
  });

  test("a bucket that does not exist: exit 20", async () => {
    const sink = openS3Sink({ bucket: "nowhere", prefix: "", retainDays: 1 });
    await expect(sink.readNewest()).rejects.toMatchObject({ exitCode: 20 });
  });
});

test.runIf(hasMoto)(
  "the tool writes to the bucket that RECOVER_CHECKPOINT names, and verifies from it",
  async () => {
    await using office = await openOffice();
    const env = { ...office.auditor.env, RECOVER_CHECKPOINT: `s3://${await makeBucket()}/prod` };
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
  ["s3://bucket/a?retainDays=0", null],
  ["checkpoints", null],
] as const)("%s is read as a location", ([text, expected]) => {
  expect(parseS3Location(text)).toEqual(expected);
});
