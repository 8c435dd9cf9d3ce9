/**
 * Signs the lean transport's requests (AWS Signature Version 4): what no request changes is made
 * once, and the key once a day. A property test holds it to the AWS SDK's own signer.
 */

import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";

import type { SQSClient } from "@aws-sdk/client-sqs";

import { QueueError } from "./queue-error.ts";
import type { ServerClock } from "./server-clock.ts";

/** AWS takes a signature for five minutes; one that is used again is renewed long before. */
const REUSE_MS = 60_000;

/** Far above the number of distinct polls a caller makes: ten sizes and a few waits. */
const REUSED_LIMIT = 100;

const CONTENT_TYPE = "application/x-amz-json-1.0";

export interface Signed {
  /** The request's head: all of its lines but that of its length. */
  readonly head: string;
  /** The date that was signed. */
  readonly dateMs: number;
}

export interface SignerOptions {
  readonly region: string;
  readonly endpoint: URL;
  /** The SDK's provider: refreshes before expiry, and returns the same object until then. */
  readonly credentials: SQSClient["config"]["credentials"];
  readonly clock: ServerClock;
}

export interface Signer {
  /** For a request that is sent once. */
  readonly sign: (operation: string, body: string) => Promise<Signed>;
  /** For a request that is sent again and again: signed once a minute, by new credentials at once. */
  readonly signReusable: (operation: string, body: string) => Promise<Signed>;
  /** Forgets what would be used again: a signature was refused. */
  readonly forget: () => void;
}

type Credentials = Awaited<ReturnType<SignerOptions["credentials"]>>;

interface Reusable extends Signed {
  readonly credentials: Credentials;
}

/** What signs for a day, by one set of credentials. */
interface DayKey {
  readonly credentials: Credentials;
  readonly day: string;
  readonly scope: string;
  readonly key: KeyObject;
}

/** @throws {@link QueueError} `credentials_unavailable`, of its functions, where they can be no header. */
export function createSigner(options: SignerOptions): Signer {
  const { region, endpoint, credentials, clock } = options;
  const reusable = new Map<string, Reusable>();
  const path = canonicalPath(endpoint.pathname);
  const basicDate = createBasicDate();
  let dayKey: DayKey | null = null;

  const keyOf = (current: Credentials, day: string): DayKey => {
    if (dayKey?.day === day && dayKey.credentials === current) return dayKey;
    dayKey = deriveDayKey(current, day, region);
    return dayKey;
  };

  const signBy = (current: Credentials, operation: string, body: string): Signed => {
    const dateMs = clock.nowMs();
    const date = basicDate(dateMs);
    const { key, scope } = keyOf(current, date.slice(0, 8));
    const { accessKeyId, sessionToken } = current;
    // Names in the order of the alphabet, as they are signed.
    const token = sessionToken === undefined ? "" : `x-amz-security-token:${sessionToken}\n`;
    const names = `content-type;host;x-amz-date;${token && "x-amz-security-token;"}x-amz-target`;
    const headers = `content-type:${CONTENT_TYPE}\nhost:${endpoint.host}\nx-amz-date:${date}\n${token}x-amz-target:AmazonSQS.${operation}\n`;
    const request = `POST\n${path}\n\n${headers}\n${names}\n${hash("sha256", body)}`;
    const signature = createHmac("sha256", key)
      .update(`AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash("sha256", request)}`)
      .digest("hex");
    const head = `POST ${endpoint.pathname} HTTP/1.1\r\n${headers.replaceAll("\n", "\r\n")}authorization:AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}\r\n`;
    return { head, dateMs };
  };

  return {
    sign: async (operation, body) => signBy(await credentials(), operation, body),

    async signReusable(operation, body) {
      const current = await credentials();
      const key = `${operation} ${body}`;
      const known = reusable.get(key);
      const fresh = known && Math.abs(clock.nowMs() - known.dateMs) < REUSE_MS;
      if (fresh && known.credentials === current) return known;

      const signed = signBy(current, operation, body);
      if (reusable.size === REUSED_LIMIT) reusable.clear();
      reusable.set(key, { ...signed, credentials: current });
      return signed;
    },

    forget: () => reusable.clear(),
  };
}

function deriveDayKey(credentials: Credentials, day: string, region: string): DayKey {
  const { accessKeyId, secretAccessKey, sessionToken = "" } = credentials;
  // Printable, and no space: what ends a header would begin another.
  if (![accessKeyId, sessionToken].every((text) => /^[!-~]*$/.test(text))) {
    throw new QueueError("credentials_unavailable");
  }
  let key = createSecretKey(Buffer.from(`AWS4${secretAccessKey}`));
  for (const part of [day, region, "sqs", "aws4_request"]) {
    key = createSecretKey(createHmac("sha256", key).update(part).digest());
  }
  return { credentials, day, scope: `${day}/${region}/sqs/aws4_request`, key };
}

/** `20261127T134415Z`, made once a second. */
function createBasicDate(): (ms: number) => string {
  let second = Number.NaN;
  let text = "";
  return (ms) => {
    const asked = Math.floor(ms / 1000);
    if (asked !== second) {
      second = asked;
      text = new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
    }
    return text;
  };
}

/** For services but S3: without empty segments and dots, and what is encoded is encoded again. */
function canonicalPath(pathname: string): string {
  const segments: string[] = [];
  for (const segment of pathname.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const isFolder = segments.length > 0 && pathname.endsWith("/");
  return `/${segments.map(encodeSegment).join("/")}${isFolder ? "/" : ""}`;
}

function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
