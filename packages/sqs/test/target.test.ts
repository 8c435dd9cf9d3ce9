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

  test("is the FIPS or dual-stack one where the SDK is told so", async () => {
    vi.stubEnv("AWS_USE_FIPS_ENDPOINT", "true");
    const queueUrl = "https://sqs.us-east-2.amazonaws.com/123456789012/logins";
    expect((await resolve({ queueUrl })).endpoint).toBe(
      "https://sqs-fips.us-east-2.amazonaws.com/",
    );
  });
});

describe("the region", () => {
  test.each([
    ["https://sqs.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"],
    ["https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"],
    ["https://sqs-fips.us-west-2.amazonaws.com/1/q", "us-west-2"],
    ["https://ap-southeast-2.queue.amazonaws.com/1/q", "ap-southeast-2"],
    ["http://sqs.eu-central-1.localhost:4566/1/q", "eu-central-1"],
  ])("is the one in the queue URL: %s", async (queueUrl, region) => {
    vi.stubEnv("AWS_REGION", "ca-central-1");
    expect((await resolve({ queueUrl, region: "sa-east-1" })).region).toBe(region);
  });

  test("is what is asked for where the URL names none, else AWS_REGION", async () => {
    vi.stubEnv("AWS_REGION", "ca-central-1");
    expect((await resolve({ queueUrl: local, region: "sa-east-1" })).region).toBe("sa-east-1");
    expect((await resolve({ queueUrl: local })).region).toBe("ca-central-1");
  });

  test("need not be named for an emulator", async () => {
    expect((await resolve({ queueUrl: local })).region).toBe("us-east-1");
  });
});
