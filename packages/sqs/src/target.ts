/** Where calls go and what region they are signed for. */

import { SQSClient } from "@aws-sdk/client-sqs";

import { QueueError } from "./queue-error.ts";

/** What named the region. */
export type RegionSource = "queue_url" | "option" | "sdk" | "nothing";

export interface Target {
  readonly region: string;
  readonly regionFrom: RegionSource;
  readonly endpoint: URL;
}

export interface TargetOptions {
  readonly queueUrl: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** What a region's name looks like in every partition, also in one that this SDK does not know yet. */
const regionForm = "[a-z]+(?:-[a-z]+)+-\\d+";

/** `sqs.eu-west-1.amazonaws.com`, VPC endpoints, emulators that imitate either; group 1: region. */
const regionalHost = new RegExp(`(?:^|\\.)sqs(?:-fips)?\\.(${regionForm})\\.`);

/** The names SQS had at first: `eu-west-1.queue.amazonaws.com`, and that of its first region. */
const legacyHost = new RegExp(`^(${regionForm})\\.queue\\.`);
const firstHost = "queue.amazonaws.com";
const firstRegion = "us-east-1";

/** Signed for when nothing names a region. Emulators take any; AWS refuses a wrong one. */
const fallbackRegion = "us-east-1";

/**
 * Endpoint: what is asked for, else what the SDK finds configured (`AWS_ENDPOINT_URL_SQS`,
 * `AWS_ENDPOINT_URL`, the profile), else the queue URL's own origin. At a region's public name, as
 * the SDK's partitions have it, the SDK's choice stands, which honours `AWS_USE_FIPS_ENDPOINT` and
 * `AWS_USE_DUALSTACK_ENDPOINT`.
 *
 * Region: the one in the queue URL's host, since a signature for any other is refused there; else
 * what is asked for, else what the SDK finds (`AWS_REGION`, the profile).
 *
 * @throws {@link QueueError} `endpoint_invalid`
 */
export async function resolveTarget(options: TargetOptions): Promise<Target> {
  const queue = new URL(options.queueUrl);
  const { region, regionFrom } = await resolveRegion(queue.hostname, options.region);
  const { config } = new SQSClient({ region });
  const configured = options.endpoint ?? (await config.serviceConfiguredEndpoint?.());
  if (configured !== undefined) {
    return { region, regionFrom, endpoint: parseEndpoint(configured) };
  }
  const endpointOf = (UseFIPS: boolean, UseDualStack: boolean): URL =>
    config.endpointProvider({ Region: region, UseFIPS, UseDualStack }).url;
  const isPublicName = queue.hostname === endpointOf(false, false).hostname;
  const endpoint = isPublicName
    ? endpointOf(await config.useFipsEndpoint(), await config.useDualstackEndpoint())
    : new URL(queue.origin);
  return { region, regionFrom, endpoint };
}

function parseEndpoint(text: string): URL {
  if (!URL.canParse(text)) throw new QueueError("endpoint_invalid");
  return new URL(text);
}

async function resolveRegion(
  hostname: string,
  asked: string | undefined,
): Promise<Pick<Target, "region" | "regionFrom">> {
  const named = regionIn(hostname);
  if (named !== undefined) return { region: named, regionFrom: "queue_url" };
  if (asked !== undefined) return { region: asked, regionFrom: "option" };
  const configured = await new SQSClient({}).config.region().catch(() => null);
  return configured === null
    ? { region: fallbackRegion, regionFrom: "nothing" }
    : { region: configured, regionFrom: "sdk" };
}

function regionIn(hostname: string): string | undefined {
  if (hostname === firstHost) return firstRegion;
  return (regionalHost.exec(hostname) ?? legacyHost.exec(hostname))?.[1];
}
