/** Every kind of body that a queue can hold, for any contract, and what each must come to. */
import { gzipSync } from "node:zlib";
import type {
  AnyContract,
  Field,
  ParsedMessage,
  Rejection,
  UnwrapPolicy,
  Value,
} from "@org/schema";

import { type Spelling, spellingsOf } from "./hostile-values.ts";

export interface HostileBody {
  readonly name: string;
  readonly body: string;
  readonly attributeNames?: readonly string[];
  /** Envelopes are opened only where a body says so. */
  readonly unwrap?: UnwrapPolicy;
  /** SQS takes no raw control character, no lone surrogate and at most 1 MiB: this can only come from elsewhere. */
  readonly refusedBySqs?: true;
  readonly expected: Expected;
}

type Values = Readonly<Record<string, Value | null>>;
type Expected = ParsedMessage<Values> | Rejection;

/** What stands at a field: a spelling, or one of the ways in which a value is missing. */
export type Standing = Spelling | { readonly json: "null" | '""' | undefined };

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:messages";
const SOURCE = "com.example.messages";
const S3_POINTER = '{"s3BucketName":"bucket","s3Key":"d0b0f0c2"}';
const UNWRAP: UnwrapPolicy = { snsTopicArns: [TOPIC], eventBridgeSources: [SOURCE] };

/** The ways in which a value is missing. */
export const missing: readonly Standing[] = [{ json: undefined }, { json: "null" }, { json: '""' }];

/** An ordinary value of each field. */
export function ordinary({ fields }: AnyContract): Map<string, Standing> {
  return new Map(fields.map((field) => [field.name, spellingsOf(field)[0]]));
}

/** The body of a message. */
export function print(standings: ReadonlyMap<string, Standing>): string {
  const members = [...standings].flatMap(([name, { json }]) =>
    json === undefined ? [] : `${JSON.stringify(name)}:${json}`,
  );
  return `{${members.join()}}`;
}

/** What a message must come to: the first of its fields' faults, or its values. */
export function expectedOf(
  contract: AnyContract,
  standings: ReadonlyMap<string, Standing>,
  droppedFields = 0,
): Expected {
  const { name, fields } = contract;
  const isThere = (field: Field): boolean => standings.get(field.name)?.json !== undefined;
  if (!fields.some(isThere)) return reject(`not_a_${name}`);
  const ends = fields.map((field) => ({ field, ...endOf(field, standings.get(field.name)) }));
  const fault = ends.find(({ reason }) => reason !== undefined);
  if (fault?.reason !== undefined) return reject(fault.reason);
  const message: Values = Object.fromEntries(
    ends.map(({ field, value }) => [field.name, value ?? null]),
  );
  return {
    kind: "message",
    message,
    oddities: [...ends.flatMap(({ oddity }) => oddity ?? []), ...uncomputed(contract, message)],
    droppedFields,
  };
}

interface End {
  readonly value?: Value;
  readonly reason?: string;
  readonly oddity?: string;
}

function endOf({ name, isOptional, usual }: Field, standing: Standing = { json: undefined }): End {
  if ("refusal" in standing) return { reason: `${name}_${standing.refusal}` };
  if ("value" in standing) {
    const isUnusual = usual !== null && !usual.test(String(standing.value));
    return { value: standing.value, ...(isUnusual && { oddity: `${name}_unusual` }) };
  }
  if (!isOptional) return { reason: `${name}_missing` };
  return standing.json === "null" ? {} : { oddity: `${name}_missing` };
}

/** No kind's own bounds here: a computed value that its type does not take has a test of its own. */
function uncomputed({ definition, fields }: AnyContract, message: Values): string[] {
  const plain = fields.filter(({ isMasked }) => !isMasked).map(({ name }) => [name, message[name]]);
  return Object.entries(definition.computed ?? {}).flatMap(([column, { type, from }]) => {
    const result = (from as (plain: object) => unknown)(Object.fromEntries(plain));
    return result === null ? `${column}_not_${type.kind}` : [];
  });
}

/**
 * Every body of the grammar over a contract's fields: each spelling of each field in an otherwise
 * ordinary message, and what no contract changes.
 */
export function hostileBodies(contract: AnyContract): readonly HostileBody[] {
  return [
    ...fieldBodies(contract),
    ...nestedBodies(contract),
    ...textBodies(contract),
    ...keyBodies(contract),
    ...envelopeBodies(contract),
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

/** Every field whose name can be a path, as one. */
function nestedBodies(contract: AnyContract): HostileBody[] {
  const names = contract.fields.map(({ name }) => name);
  return names.flatMap((name) => {
    const at = name.indexOf("_", 1);
    const [parent, child] = [name.slice(0, at), name.slice(at + 1)];
    if (at === -1 || child === "" || names.includes(parent)) return [];
    const rest = new Map(ordinary(contract));
    const { json } = rest.get(name) ?? {};
    rest.delete(name);
    const nested = (value = "null"): string =>
      `${JSON.stringify(parent)}:{${JSON.stringify(child)}:${value}}`;
    const flat = print(ordinary(contract));
    return [
      {
        name: `${name} nested`,
        body: withMember(print(rest), nested(json)),
        expected: expectedOf(contract, ordinary(contract)),
      },
      ...[json, "null"].map((value) => ({
        name: `${name} nested and flat`,
        body: withMember(flat, nested(value)),
        expected: reject("ambiguous_path"),
      })),
    ];
  });
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
    ["truncated", plain.slice(0, -1), "not_json"],
    ["trailing comma", `${plain.slice(0, -1)},}`, "not_json"],
    ["comment", `${plain} // message`, "not_json"],
    ["single quotes", plain.replaceAll('"', "'"), "not_json"],
    ["NaN", body("NaN"), "not_json"],
    ["Infinity", body("Infinity"), "not_json"],
    ["leading zero", body("01"), "not_json"],
    ["two documents on a line", plain + plain, "not_json"],
    ["two documents on two lines", `${plain}\n${plain}`, "not_json"],
    ["two leading BOMs", `\ufeff\ufeff${plain}`, "not_json"],
    ["base64", Buffer.from(plain).toString("base64"), "not_json"],
    ["gzip in base64", gzipSync(plain).toString("base64"), "not_json"],
    ["doubly encoded", JSON.stringify(plain), "not_an_object"],
    ["null", "null", "not_an_object"],
    ["true", "true", "not_an_object"],
    ["a number", "1", "not_an_object"],
    ["a number that no double holds", "12345678901234567890.10", "not_an_object"],
    ["a text", '"text"', "not_an_object"],
    ["an empty list", "[]", "not_an_object"],
    ["a list of messages", `[${plain},${plain}]`, "not_an_object"],
    ["an empty object", "{}", `not_a_${contract.name}`],
    ["another message", '{"foo":"oops_wrong_msg_type","bar":"123"}', `not_a_${contract.name}`],
    ["objects 10,000 deep", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`, "too_deep"],
    ["lists 10,000 deep", "[".repeat(10_000) + "]".repeat(10_000), "too_deep"],
    ["4,000 keys", objectOf(4_000), "too_many_keys"],
    ["padded to 1 MiB", plain.padEnd(1_048_576), "body_too_large"],
    ["900 KiB in one field", body(`"${"a".repeat(921_600)}"`), "body_too_large"],
    ["NUL in a value", body(String.raw`"a\u0000b"`), "nul_character"],
    ["NUL in an unknown key", withMember(plain, String.raw`"z\u0000":1`), "nul_character"],
    ["lone surrogate", body(String.raw`"\ud800"`), "lone_surrogate"],
    ["lone surrogate in a key", withMember(plain, String.raw`"\udfff":1`), "lone_surrogate"],
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
    { name: "leading BOM", body: `\ufeff${plain}`, expected: withOddity(accepted, "bom") },
    { name: "sent twice, first", body: plain, expected: accepted },
    { name: "sent twice, second", body: plain, expected: accepted },
  ];
}

/** Keys that are no fields, or too often. */
function keyBodies(contract: AnyContract): HostileBody[] {
  const standings = ordinary(contract);
  const plain = print(standings);
  const first = contract.subject;
  const again = standings.get(first)?.json ?? "null";
  const upper = new Map(standings).set(
    first.toUpperCase(),
    standings.get(first) ?? { json: "null" },
  );
  upper.delete(first);
  const escaped = `"\\u${first.charCodeAt(0).toString(16).padStart(4, "0")}${first.slice(1)}"`;
  const dropped = (members: string, count: number): HostileBody => ({
    name: `dropped ${members}`,
    body: withMember(plain, members),
    expected: expectedOf(contract, standings, count),
  });
  return [
    toRejected([`${first} twice`, withMember(plain, `"${first}":${again}`), "duplicate_key"]),
    toRejected([
      `${first} twice, once escaped`,
      withMember(plain, `${escaped}:${again}`),
      "duplicate_key",
    ]),
    toRejected([
      "__proto__",
      withMember(plain, `"__proto__":{"${first}":${again}}`),
      "forbidden_key",
    ]),
    toRejected([
      "__proto__, nested and escaped",
      withMember(plain, String.raw`"z":[{"\u005f_proto__":1}]`),
      "forbidden_key",
    ]),
    {
      name: `${first} in upper case`,
      body: print(upper),
      expected: reject(`${first}_missing`),
    },
    dropped('"valueOf":"a","toString":"b"', 2),
    dropped('"zz_time":1653040000,"zz_mail":"someone@example.invalid"', 2),
    dropped('"zz":["a",{"b":1.10}],"zy":{},"zx":null', 4),
  ];
}

function envelopeBodies(contract: AnyContract): HostileBody[] {
  const plain = print(ordinary(contract));
  const accepted = expectedOf(contract, ordinary(contract));
  const sns = (changes: Readonly<Record<string, unknown>> = {}): string =>
    JSON.stringify({
      Type: "Notification",
      MessageId: "0b4a1b1e-3a5c-5b60-9a0f-4a4c3f0c0a11",
      TopicArn: TOPIC,
      Message: plain,
      Timestamp: "2026-05-20T10:00:00.000Z",
      SignatureVersion: "1",
      Signature: "c2lnbmF0dXJl",
      SigningCertURL: "https://sns.invalid/certificate.pem",
      UnsubscribeURL: "https://sns.invalid/unsubscribe",
      MessageAttributes: { kind: { Type: "String", Value: "message" } },
      ...changes,
    });
  // Spelled out: JSON.stringify has no digits that a double loses.
  const eventBridge = (source: string, detail = plain): string =>
    `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Message","source":"${source}","time":"2026-05-20T10:00:00Z","resources":[],"detail":${detail}}`;
  const opened: readonly (readonly [name: string, body: string, expected: Expected])[] = [
    ["SNS, topic allowed", sns(), accepted],
    ["SNS, another topic", sns({ TopicArn: `${TOPIC}-test` }), reject("sns_envelope_refused")],
    ["SNS confirmation", sns({ Type: "SubscriptionConfirmation" }), reject("sns_confirmation")],
    ["SNS, in it no JSON", sns({ Message: "{" }), reject("not_json")],
    ["SNS, in it SNS", sns({ Message: sns() }), reject("sns_envelope_refused")],
    ["EventBridge, source allowed", eventBridge(SOURCE), accepted],
    [
      "EventBridge, another source",
      eventBridge("aws.ec2"),
      reject("event_bridge_envelope_refused"),
    ],
    ["EventBridge, in it a number", eventBridge(SOURCE, "1.10"), reject("not_an_object")],
  ];
  const closed: readonly (readonly [name: string, body: string, reason: string])[] = [
    ["SNS, not configured", sns(), "sns_envelope_refused"],
    ["SNS farewell", sns({ Type: "UnsubscribeConfirmation" }), "sns_confirmation"],
    ["EventBridge, not configured", eventBridge(SOURCE), "event_bridge_envelope_refused"],
    ["S3 test event", '{"Service":"Amazon S3","Event":"s3:TestEvent"}', "s3_test_event"],
    ["S3 pointer with its class", `["PayloadS3Pointer",${S3_POINTER}]`, "payload_in_s3"],
    ["S3 pointer alone", S3_POINTER, "payload_in_s3"],
  ];
  return [
    ...opened.map(([name, body, expected]) => ({ name, body, expected, unwrap: UNWRAP })),
    ...closed.map(toRejected),
    ...[["trace", "ExtendedPayloadSize"], ["SQSLargePayloadSize"]].map((attributeNames) => ({
      ...toRejected([`attributes ${attributeNames.join()}`, plain, "payload_in_s3"]),
      attributeNames,
    })),
  ];
}

function toRejected([name, body, reason]: readonly [string, string, string]): HostileBody {
  return { name, body, expected: reject(reason) };
}

function reject(reason: string): Rejection {
  return { kind: "rejection", reason };
}

function withOddity(expected: Expected, oddity: string): Expected {
  if (expected.kind === "rejection") return expected;
  return { ...expected, oddities: [...expected.oddities, oddity] };
}

/** A body with more members at its end, spelled out as JSON text. */
function withMember(body: string, members: string): string {
  return `${body.slice(0, -1)},${members}}`;
}

/** An object with so many keys. */
function objectOf(keys: number): string {
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: keys }, (_, at) => [`k${at}`, at])),
  );
}
