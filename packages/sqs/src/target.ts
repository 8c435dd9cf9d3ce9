/** Where calls go and what region they are signed for. */

import { SQSClient } from "@aws-sdk/client-sqs";

import { QueueError } from "./queue-error.ts";

export interface Target {
  readonly region: string;
  readonly endpoint: URL;
}

export interface TargetOptions {
  readonly queueUrl: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** `sqs.eu-west-1.amazonaws.com`, VPC endpoints, emulators that imitate either; group 1: region. */
const regionalHost = /(?:^|\.)sqs(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d+)\./;

/** The names SQS had at first: `eu-west-1.queue.amazonaws.com`. */
const legacyHost = /^([a-z]{2}(?:-[a-z]+)+-\d+)\.queue\.amazonaws\.com(?:\.cn)?$/;

/** A region's public name, for which the SDK may choose the FIPS or dual-stack one instead. */
const standardHost = /^sqs\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/;

/** Signed for when nothing names a region. Emulators take any; AWS refuses a wrong one. */
const FALLBACK_REGION = "us-east-1";

/**
 * Endpoint: what is asked for, else what the SDK finds configured (`AWS_ENDPOINT_URL_SQS`,
 * `AWS_ENDPOINT_URL`, the profile), else the queue URL's own origin. At a region's public name the
 * SDK's choice stands, which honours `AWS_USE_FIPS_ENDPOINT` and `AWS_USE_DUALSTACK_ENDPOINT`.
 *
 * Region: the one in the queue URL's host, since a signature for any other is refused there; else
 * what is asked for, else what the SDK finds (`AWS_REGION`, the profile).
 *
 * @throws {@link QueueError} `endpoint_invalid`
 */
export async function resolveTarget(options: TargetOptions): Promise<Target> {
  const queue = new URL(options.queueUrl);
  const region = regionIn(queue.hostname) ?? options.region ?? (await configuredRegion());
  const { config } = new SQSClient({ region });
  const configured = options.endpoint ?? (await config.serviceConfiguredEndpoint?.());
  if (configured !== undefined) return { region, endpoint: parseEndpoint(configured) };
  if (!standardHost.test(queue.hostname)) return { region, endpoint: new URL(queue.origin) };

  const { url } = config.endpointProvider({
    Region: region,
    UseFIPS: await config.useFipsEndpoint(),
    UseDualStack: await config.useDualstackEndpoint(),
  });
  return { region, endpoint: url };
}

function parseEndpoint(text: string): URL {
  if (!URL.canParse(text)) throw new QueueError("endpoint_invalid");
  return new URL(text);
}

async function configuredRegion(): Promise<string> {
  return new SQSClient({}).config.region().catch(() => FALLBACK_REGION);
}

function regionIn(hostname: string): string | undefined {
  return (regionalHost.exec(hostname) ?? legacyHost.exec(hostname))?.[1];
}
