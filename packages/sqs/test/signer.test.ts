import { SQSClient } from "@aws-sdk/client-sqs";
import { SignatureV4 } from "@smithy/signature-v4";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createSigner } from "../src/signer.ts";

const { sha256 } = new SQSClient({}).config;

const printable = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 60,
});

const requests = fc.record({
  region: fc.constantFrom("eu-west-1", "us-gov-east-1", "cn-north-1"),
  origin: fc.constantFrom("https://sqs.eu-west-1.amazonaws.com", "http://127.0.0.1:9324"),
  path: fc.array(fc.oneof(fc.constantFrom("", ".", "..", "a", "é ", "%2F", "(b)*'!"), fc.string())),
  operation: fc.constantFrom("ReceiveMessage", "DeleteMessageBatch"),
  body: fc.string({ unit: "binary" }),
  dateMs: fc.integer({ min: 0, max: 4e12 }),
  accessKeyId: printable,
  secretAccessKey: fc.string({ minLength: 1 }),
  sessionToken: fc.option(printable, { nil: undefined }),
});

test("a signature is the one that the AWS SDK's signer makes of the same request", async () => {
  await fc.assert(
    fc.asyncProperty(
      requests,
      async ({ region, origin, path, operation, body, dateMs, ...keys }) => {
        const endpoint = new URL(`${origin}/${path.map(encodeURIComponent).join("/")}`);
        const { sessionToken, ...pair } = keys;
        const credentials = sessionToken === undefined ? pair : { ...pair, sessionToken };
        const provider = async () => credentials;
        const clock = { nowMs: () => dateMs, set: () => {} };
        const signer = createSigner({ region, endpoint, credentials: provider, clock });

        const { head } = await signer.sign(operation, body);

        const [first, ...lines] = head.trimEnd().split("\r\n");
        expect(first).toBe(`POST ${endpoint.pathname} HTTP/1.1`);
        const headers = Object.fromEntries(lines.map((line) => splitAt(line, line.indexOf(":"))));
        const { authorization, ...signed } = headers;
        const theirs = await new SignatureV4({
          service: "sqs",
          region,
          credentials: await provider(),
          sha256,
          applyChecksum: false,
        }).sign(
          {
            method: "POST",
            protocol: endpoint.protocol,
            hostname: endpoint.hostname,
            path: endpoint.pathname,
            headers: signed,
            body,
          },
          { signingDate: new Date(dateMs) },
        );
        expect(authorization).toBe(theirs.headers["authorization"]);
        expect(signed).toMatchObject({
          host: endpoint.host,
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": `AmazonSQS.${operation}`,
        });
        expect(signed["x-amz-security-token"]).toBe(sessionToken);
      },
    ),
  );
});

test("credentials that would end a header sign nothing", async () => {
  for (const sessionToken of ["a\r\nx-other: b", "a b", "é"]) {
    const signer = createSigner({
      region: "eu-west-1",
      endpoint: new URL("https://sqs.eu-west-1.amazonaws.com"),
      credentials: async () => ({ accessKeyId: "id", secretAccessKey: "secret", sessionToken }),
      clock: { nowMs: Date.now, set: () => {} },
    });
    await expect(signer.sign("ReceiveMessage", "{}")).rejects.toMatchObject({
      code: "credentials_unavailable",
    });
  }
});

function splitAt(text: string, at: number): [string, string] {
  return [text.slice(0, at), text.slice(at + 1)];
}
