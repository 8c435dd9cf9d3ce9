/** Every kind of body that a queue can hold, for any contract, and what each must come to. */
import { gzipSync } from "node:zlib";
import type { AnyContract } from "@org/schema";

import { envelopePolicy, eventBridge, sns } from "./envelopes.ts";
import {
  expectedOf,
  type HostileBody,
  missing,
  ordinary,
  print,
  reject,
  type Standing,
} from "./expected-body.ts";
import { generatedBodies, type GrammarOptions } from "./generated-bodies.ts";
import { spellingsOf } from "./hostile-values.ts";

export type { HostileBody } from "./expected-body.ts";
export { generatedBodies } from "./generated-bodies.ts";

const S3_POINTER = '{"s3BucketName":"bucket","s3Key":"d0b0f0c2"}';

/**
 * Each spelling of each field in an otherwise ordinary message, what no contract changes, and 200
 * bodies by a grammar.
 *
 * @param values - What the grammar picks the values of masked fields from.
 */
export function hostileBodies(
  contract: AnyContract,
  values: GrammarOptions["values"] = {},
): readonly HostileBody[] {
  return [
    ...fieldBodies(contract),
    ...textBodies(contract),
    ...envelopeBodies(contract),
    ...generatedBodies(contract, { count: 200, seed: 1, values }),
  ];
}

function fieldBodies(contract: AnyContract): HostileBody[] {
  return contract.fields.flatMap((field) =>
    [...spellingsOf(field), ...missing].map((standing) => {
      const changed = new Map(ordinary(contract)).set(field.name, standing);
      const spelled = standing.json ?? "absent";
      const name = `${field.name} ${spelled.length > 60 ? `${spelled.slice(0, 60)}…` : spelled}`;
      return { name, body: print(changed), expected: expectedOf(contract, changed) };
    }),
  );
}

/** The body as a text. */
function textBodies(contract: AnyContract): HostileBody[] {
  const plain = print(ordinary(contract));
  const first = contract.subject;
  const accepted = expectedOf(contract, ordinary(contract));
  const body = (json: string): string =>
    print(new Map(ordinary(contract)).set(first, { json } as Standing));
  const cases: readonly (readonly [name: string, body: string, reason: string])[] = [
    ["empty", "", "not_json"],
    ["whitespace only", " \n\t ", "not_json"],
    ["trailing comma", `${plain.slice(0, -1)},}`, "not_json"],
    ["single quotes", plain.replaceAll('"', "'"), "not_json"],
    ["NaN", body("NaN"), "not_json"],
    ["Infinity", body("Infinity"), "not_json"],
    ["leading zero", body("01"), "not_json"],
    ["two documents on a line", plain + plain, "not_json"],
    ["two documents on two lines", `${plain}\n${plain}`, "not_json"],
    ["two leading BOMs", `\ufeff\ufeff${plain}`, "not_json"],
    ["base64", Buffer.from(plain).toString("base64"), "not_json"],
    ["gzip in base64", gzipSync(plain).toString("base64"), "not_json"],
    ["null", "null", "not_an_object"],
    ["true", "true", "not_an_object"],
    ["a number", "1", "not_an_object"],
    ["a number that no double holds", "12345678901234567890.10", "not_an_object"],
    ["a text", '"text"', "not_an_object"],
    ["an empty list", "[]", "not_an_object"],
    ["a list of messages", `[${plain},${plain}]`, "not_an_object"],
    ["an empty object", "{}", `not_a_${contract.name}`],
    [
      `${first} in upper case`,
      plain.replace(`"${first}"`, `"${first.toUpperCase()}"`),
      `${first}_missing`,
    ],
    ["objects 10,000 deep", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`, "too_deep"],
    ["lists 10,000 deep", "[".repeat(10_000) + "]".repeat(10_000), "too_deep"],
    ["4,000 keys", objectOf(4_000), "too_many_keys"],
    ["padded to 1 MiB", plain.padEnd(1_048_576), "body_too_large"],
    ["900 KiB in one field", body(`"${"a".repeat(921_600)}"`), "body_too_large"],
  ];
  const unsendable: typeof cases = [
    ["100,000 keys", objectOf(100_000), "body_too_large"],
    ["raw lone surrogate", body('"\ud800"'), "lone_surrogate"],
    ["raw control character", body('"a\u0001b"'), "not_json"],
    ["gzip", gzipSync(plain).toString("latin1"), "not_json"],
  ];
  return [
    ...cases.map(toRejected),
    ...unsendable.map((each) => ({ ...toRejected(each), refusedBySqs: true as const })),
    { name: "sent twice, first", body: plain, expected: accepted },
    { name: "sent twice, second", body: plain, expected: accepted },
  ];
}

/** Those that the grammar makes none of. */
function envelopeBodies(contract: AnyContract): HostileBody[] {
  const plain = print(ordinary(contract));
  const opened: readonly (readonly [name: string, body: string, reason: string])[] = [
    ["SNS, another topic", sns(plain, { TopicArn: "arn:aws:sns:::other" }), "sns_envelope_refused"],
    ["SNS confirmation", sns(plain, { Type: "SubscriptionConfirmation" }), "sns_confirmation"],
    ["SNS, in it no JSON", sns("{"), "not_json"],
    ["SNS, in it SNS", sns(sns(plain)), "sns_envelope_refused"],
    ["EventBridge, another source", eventBridge(plain, "aws.ec2"), "event_bridge_envelope_refused"],
    ["EventBridge, in it a number", eventBridge("1.10"), "not_an_object"],
  ];
  const closed: typeof opened = [
    ["SNS farewell", sns(plain, { Type: "UnsubscribeConfirmation" }), "sns_confirmation"],
    ["S3 test event", '{"Service":"Amazon S3","Event":"s3:TestEvent"}', "s3_test_event"],
    ["S3 pointer with its class", `["PayloadS3Pointer",${S3_POINTER}]`, "payload_in_s3"],
    ["S3 pointer alone", S3_POINTER, "payload_in_s3"],
  ];
  return [
    ...opened.map((each) => ({ ...toRejected(each), unwrap: envelopePolicy })),
    ...closed.map(toRejected),
    {
      ...toRejected(["a pointer's former attribute", plain, "payload_in_s3"]),
      attributeNames: ["SQSLargePayloadSize"],
    },
  ];
}

function toRejected([name, body, reason]: readonly [string, string, string]): HostileBody {
  return { name, body, expected: reject(reason) };
}

/** An object with so many keys. */
function objectOf(keys: number): string {
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: keys }, (_, at) => [`k${at}`, at])),
  );
}
