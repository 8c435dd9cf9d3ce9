import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { resolveTarget, type TargetOptions } from "../src/target.ts";

const aws = "https://sqs.eu-west-1.amazonaws.com/123456789012/logins";
const local = "http://localhost:9324/000000000000/logins";

beforeEach(() => {
  vi.stubEnv("AWS_CONFIG_FILE", "/nonexistent");
  vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
  vi.stubEnv("AWS_REGION", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function resolve(options: TargetOptions): Promise<{ region: string; endpoint: string }> {
  const { region, endpoint } = await resolveTarget(options);
  return { region, endpoint: endpoint.href };
}

describe("the endpoint", () => {
  test("is the region's own for a queue on AWS", async () => {
    expect(await resolve({ queueUrl: aws })).toEqual({
      region: "eu-west-1",
      endpoint: "https://sqs.eu-west-1.amazonaws.com/",
    });
  });

  test("is the queue URL's origin anywhere else", async () => {
    expect((await resolve({ queueUrl: local })).endpoint).toBe("http://localhost:9324/");
    const vpc = "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com";
    expect(await resolve({ queueUrl: `${vpc}/123456789012/logins` })).toEqual({
      region: "eu-west-1",
      endpoint: `${vpc}/`,
    });
  });

  test("is what AWS_ENDPOINT_URL_SQS says, whatever the queue URL's host", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:4566");
    expect((await resolve({ queueUrl: aws })).endpoint).toBe("http://127.0.0.1:4566/");
    expect((await resolve({ queueUrl: local })).endpoint).toBe("http://127.0.0.1:4566/");
  });

  test("is what is asked for, before what is configured", async () => {
    vi.stubEnv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:4566");
    const endpoint = "http://127.0.0.1:1234";
    expect((await resolve({ queueUrl: local, endpoint })).endpoint).toBe(`${endpoint}/`);
  });

  test("is refused if it is no URL", async () => {
    await expect(resolve({ queueUrl: local, endpoint: "localhost" })).rejects.toMatchObject({
      code: "endpoint_invalid",
      retryable: false,
    });
  });

  test.each([
    ["https://sqs.us-east-2.amazonaws.com/1/q", "https://sqs-fips.us-east-2.amazonaws.com/"],
    [
      "https://sqs.eusc-de-east-1.amazonaws.eu/1/q",
      "https://sqs-fips.eusc-de-east-1.amazonaws.eu/",
    ],
  ])("is the FIPS or dual-stack one where the SDK is told so: %s", async (queueUrl, endpoint) => {
    vi.stubEnv("AWS_USE_FIPS_ENDPOINT", "true");
    expect((await resolve({ queueUrl })).endpoint).toBe(endpoint);
  });
});

describe("the region", () => {
  test.each([
    ["https://sqs.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"],
    ["https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"],
    ["https://sqs-fips.us-west-2.amazonaws.com/1/q", "us-west-2"],
    ["https://ap-southeast-2.queue.amazonaws.com/1/q", "ap-southeast-2"],
    ["https://sqs.eusc-de-east-1.amazonaws.eu/1/q", "eusc-de-east-1"],
    ["https://vpce-0a-1b.sqs.eusc-de-east-1.vpce.amazonaws.eu/1/q", "eusc-de-east-1"],
    ["https://sqs.us-isob-east-1.sc2s.sgov.gov/1/q", "us-isob-east-1"],
    ["https://sqs.eu-isoe-west-1.cloud.adc-e.uk/1/q", "eu-isoe-west-1"],
    ["https://sqs.eu-west-1.api.aws/1/q", "eu-west-1"],
    ["https://queue.amazonaws.com/1/q", "us-east-1"],
    ["http://sqs.eu-central-1.localhost:4566/1/q", "eu-central-1"],
  ])("is the one in the queue URL: %s", async (queueUrl, region) => {
    vi.stubEnv("AWS_REGION", "ca-central-1");
    expect(await resolveTarget({ queueUrl, region: "sa-east-1" })).toMatchObject({
      region,
      regionFrom: "queue_url",
      endpoint: new URL(new URL(queueUrl).origin),
    });
  });

  test("is what is asked for where the URL names none, else AWS_REGION", async () => {
    vi.stubEnv("AWS_REGION", "ca-central-1");
    expect(await resolveTarget({ queueUrl: local, region: "sa-east-1" })).toMatchObject({
      region: "sa-east-1",
      regionFrom: "option",
    });
    expect(await resolveTarget({ queueUrl: local })).toMatchObject({
      region: "ca-central-1",
      regionFrom: "sdk",
    });
  });

  test("need not be named for an emulator", async () => {
    expect(await resolveTarget({ queueUrl: local })).toMatchObject({
      region: "us-east-1",
      regionFrom: "nothing",
    });
  });
});
