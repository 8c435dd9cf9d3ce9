/** Checkpoints as objects of an S3-compatible bucket with object lock: nobody can take one back. */

import { Readable } from "node:stream";
import {
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { isLoopback } from "@org/settings";
import { exit, RecoverError } from "../exit.ts";
import { checkpointBytesAtMost, type CheckpointSink, type StoredCheckpoint } from "./sink.ts";

export interface S3Location {
  readonly bucket: string;
  /** Without a slash at its end; empty for the whole bucket. */
  readonly prefix: string;
  readonly retainDays: number;
  /** Of another server than AWS's. */
  readonly endpoint?: string;
  /** Left out: as the AWS SDK finds it. */
  readonly region?: string;
}

/** An object, in the version that was written first or tried later. */
interface Version {
  readonly key: string;
  readonly versionId: string | undefined;
}

const dayMs = 86_400_000;
const readsAtOnce = 50;

const parameters = new Set(["retainDays", "endpoint", "region"]);

/** `s3://BUCKET/PREFIX?retainDays=N&endpoint=URL&region=NAME`; null if the text is something else. */
export function parseS3Location(text: string): S3Location | null {
  if (!text.startsWith("s3://") || !URL.canParse(text)) return null;
  const { hostname, pathname, searchParams } = new URL(text);
  const [retainDays, endpoint, region] = [
    Number(searchParams.get("retainDays") ?? 400),
    searchParams.get("endpoint"),
    searchParams.get("region"),
  ];
  const isKnown = [...searchParams.keys()].every((name) => parameters.has(name));
  if (!isKnown || !Number.isInteger(retainDays) || retainDays < 1) return null;
  if (endpoint !== null && !isEndpoint(endpoint)) return null;
  if (region !== null && !/^[a-z0-9-]+$/.test(region)) return null;
  return {
    bucket: hostname,
    prefix: pathname.replaceAll(/^\/+|\/+$/g, ""),
    retainDays,
    ...(endpoint !== null && { endpoint }),
    ...(region !== null && { region }),
  };
}

/** Over http nobody knows who accepted the checkpoint, but on this machine. */
function isEndpoint(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

/**
 * Credentials come from the environment, as the AWS SDK reads them, and the region unless the location
 * has one. The server never does: whoever sets AWS_ENDPOINT_URL_S3 would have a bucket of one's own.
 *
 * Object lock in compliance mode holds each version for `retainDays`, against its owner too. A
 * deleted or replaced object stays as a version, and reading reads all of them.
 */
export function openS3Sink(location: S3Location): CheckpointSink {
  const { bucket: Bucket, prefix, retainDays } = location;
  const client = new S3Client({
    // Other servers than AWS's have no host name a bucket.
    forcePathStyle: true,
    ignoreConfiguredEndpointUrls: true,
    ...(location.endpoint !== undefined && { endpoint: location.endpoint }),
    ...(location.region !== undefined && { region: location.region }),
  });

  async function list(): Promise<Version[]> {
    const found: Version[] = [];
    let marker: { KeyMarker?: string; VersionIdMarker?: string } | null = {};
    while (marker !== null) {
      const page: ListObjectVersionsCommandOutput = await client.send(
        new ListObjectVersionsCommand({
          Bucket,
          ...(prefix !== "" && { Prefix: `${prefix}/` }),
          ...marker,
        }),
      );
      for (const { Key, VersionId } of page.Versions ?? []) {
        if (Key?.endsWith(".checkpoint")) found.push({ key: Key, versionId: VersionId });
      }
      const { NextKeyMarker = "", NextVersionIdMarker = "" } = page;
      const next = { KeyMarker: NextKeyMarker, VersionIdMarker: NextVersionIdMarker };
      marker = page.IsTruncated ? next : null;
    }
    return found;
  }

  async function read({ key, versionId }: Version): Promise<StoredCheckpoint> {
    const object = await client.send(
      new GetObjectCommand({ Bucket, Key: key, ...(versionId && { VersionId: versionId }) }),
    );
    const { Body, ContentLength = Infinity } = object;
    const isSmall = ContentLength <= checkpointBytesAtMost;
    const text = isSmall ? await Body?.transformToString() : undefined;
    // What is not read holds a connection; without one no later object is.
    if (!isSmall && Body instanceof Readable) Body.destroy();
    return { name: key.slice(prefix === "" ? 0 : prefix.length + 1), text: text ?? "" };
  }

  const orUnavailable = async <T>(what: string, use: () => Promise<T>): Promise<T> => {
    try {
      return await use();
    } catch {
      throw new RecoverError(exit.auditUnavailable, `The checkpoint bucket ${what}: ${Bucket}`, {
        advice:
          "Nothing was opened. Check the recover keyring's sinks, the credentials, and that the bucket has object lock.",
      });
    }
  };

  return {
    put: ({ name, text }) =>
      orUnavailable("did not accept the checkpoint", async () => {
        await client.send(
          new PutObjectCommand({
            Bucket,
            Key: prefix === "" ? name : `${prefix}/${name}`,
            Body: text,
            ContentType: "text/plain; charset=utf-8",
            ObjectLockMode: "COMPLIANCE",
            ObjectLockRetainUntilDate: new Date(Date.now() + retainDays * dayMs),
          }),
        );
      }),
    async *read() {
      const found = await orUnavailable("cannot be read", list);
      const newestFirst = found.toSorted((a, b) => (a.key > b.key ? -1 : 1));
      // Most callers want no more than the newest.
      const parts = [newestFirst.slice(0, 1), ...chunksOf(newestFirst.slice(1), readsAtOnce)];
      for (const versions of parts) {
        yield* await orUnavailable("cannot be read", () => Promise.all(versions.map(read)));
      }
    },
  };
}

function chunksOf<T>(list: readonly T[], size: number): T[][] {
  const count = Math.ceil(list.length / size);
  return Array.from({ length: count }, (_, at) => list.slice(at * size, (at + 1) * size));
}
