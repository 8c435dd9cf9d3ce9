/** Signs the lean transport's requests, by the AWS SDK's own signer. */

import type { SQSClient } from "@aws-sdk/client-sqs";
import { SignatureV4 } from "@smithy/signature-v4";

import type { ServerClock } from "./server-clock.ts";
import { Sha256 } from "./sha256.ts";

/** AWS takes a signature for five minutes; one that is used again is renewed long before. */
const REUSE_MS = 60_000;

/** Far above the number of distinct polls a caller makes: ten sizes and a few waits. */
const REUSED_LIMIT = 100;

export interface Signed {
  readonly headers: Readonly<Record<string, string>>;
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

export function createSigner(options: SignerOptions): Signer {
  const { region, endpoint, credentials, clock } = options;
  const reusable = new Map<string, Reusable>();
  const signature = new SignatureV4({
    service: "sqs",
    region,
    credentials,
    sha256: Sha256,
    applyChecksum: false,
  });

  const sign = async (operation: string, body: string): Promise<Signed> => {
    const dateMs = clock.nowMs();
    const request = {
      method: "POST",
      protocol: endpoint.protocol,
      hostname: endpoint.hostname,
      path: endpoint.pathname,
      headers: {
        host: endpoint.host,
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `AmazonSQS.${operation}`,
      },
      body,
    };
    const { headers } = await signature.sign(request, { signingDate: new Date(dateMs) });
    return { headers, dateMs };
  };

  return {
    sign,

    async signReusable(operation, body) {
      const current = await credentials();
      const key = `${operation} ${body}`;
      const known = reusable.get(key);
      const fresh = known && Math.abs(clock.nowMs() - known.dateMs) < REUSE_MS;
      if (fresh && known.credentials === current) return known;

      const signed = await sign(operation, body);
      if (reusable.size === REUSED_LIMIT) reusable.clear();
      reusable.set(key, { ...signed, credentials: current });
      return signed;
    },

    forget: () => reusable.clear(),
  };
}
