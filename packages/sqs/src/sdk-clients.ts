/** SQS clients of the AWS SDK, as all of this package uses them. */

import { pipeline, Readable, Transform } from "node:stream";

import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { NodeHttpHandler } from "@smithy/node-http-handler";

import { QueueError } from "./queue-error.ts";

import type { Target } from "./target.ts";
import { ANSWER_LIMIT_BYTES, type Timeouts } from "./transport.ts";

/** The SDK would print to the console. */
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

export interface ClientOptions {
  readonly target: () => Promise<Target>;
  readonly credentials: SQSClientConfig["credentials"];
  readonly maxAttempts: number;
  readonly maxSockets: number;
  /** A pause in the answer longer than this ends the call. */
  readonly silenceMs: number;
  readonly timeouts: Timeouts;
}

export function createClient(options: ClientOptions): SQSClient {
  const { target, credentials, maxAttempts, maxSockets, silenceMs, timeouts } = options;
  return new SQSClient({
    region: async () => (await target()).region,
    endpoint: async () => ({ url: (await target()).endpoint }),
    // Both are in the endpoint already, and the SDK refuses them beside an explicit one.
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    ...(credentials && { credentials }),
    maxAttempts,
    // One damaged body would throw away the whole batch; envelopes are checked one by one.
    md5: false,
    logger: silent,
    requestHandler: new BoundedHandler({
      connectionTimeout: timeouts.callMs,
      requestTimeout: timeouts.callMs,
      // Without this the SDK only warns, and a silent socket hangs forever.
      throwOnRequestTimeout: true,
      // The request timeout ends with the headers; this one covers the body.
      socketTimeout: silenceMs,
      httpAgent: { keepAlive: true, maxSockets },
      httpsAgent: { keepAlive: true, maxSockets },
      logger: silent,
    }),
  });
}

/** The SDK's own handler would take in an answer without end. */
class BoundedHandler extends NodeHttpHandler {
  override async handle(
    ...call: Parameters<NodeHttpHandler["handle"]>
  ): ReturnType<NodeHttpHandler["handle"]> {
    const handled = await super.handle(...call);
    const { body } = handled.response;
    if (body instanceof Readable) handled.response.body = pipeline(body, bounded(), ignore);
    return handled;
  }
}

function bounded(): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > ANSWER_LIMIT_BYTES) done(new QueueError("answer_too_large"));
      else done(null, chunk);
    },
  });
}

function ignore(): void {}
