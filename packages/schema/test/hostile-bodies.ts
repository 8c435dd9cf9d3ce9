/** 65 kinds of body that a queue can hold, and what each must come to. */
import { gzipSync } from "node:zlib";

import type { Login, Oddity, RejectionReason, UnwrapPolicy } from "@org/schema";

export interface HostileBody {
  /** The kind: one may have several bodies. */
  readonly number: number;
  readonly name: string;
  readonly body: string;
  readonly attributeNames?: readonly string[];
  /** Envelopes are opened only where a body says so. */
  readonly unwrap?: UnwrapPolicy;
  /** SQS takes no raw control character, no lone surrogate and at most 1 MiB: this can only come from elsewhere. */
  readonly refusedBySqs?: true;
  readonly expected: Accepted | Rejected;
}

export interface Accepted {
  readonly kind: "login";
  readonly login: Login;
  /** What the app_version column holds. */
  readonly major: number | null;
  readonly oddities: readonly Oddity[];
  readonly droppedFields: number;
}

export interface Rejected {
  readonly kind: "rejection";
  readonly reason: RejectionReason;
}

export const plainLogin: Login = {
  user_id: "424cdd21-063a-43a7-b91b-7ca1a833afae",
  device_type: "android",
  ip: "199.172.111.135",
  device_id: "593-47-5928",
  locale: "RU",
  app_version: "2.3.0",
};

const TOPIC = "arn:aws:sns:eu-central-1:123456789012:logins";
const SOURCE = "com.example.logins";
const S3_POINTER = '{"s3BucketName":"bucket","s3Key":"d0b0f0c2"}';
const UNWRAP: UnwrapPolicy = { snsTopicArns: [TOPIC], eventBridgeSources: [SOURCE] };

/** The body of a login with some fields replaced; undefined leaves one out. */
function body(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ ...plainLogin, ...changes });
}

/** The same with one value spelled out as JSON text, for what JSON.stringify would not write so. */
function bodyWith(field: keyof Login, json: string): string {
  return body({ [field]: "<here>" }).replace('"<here>"', () => json);
}

/** The body of a login with one more member at its end, spelled out as JSON text. */
function bodyAnd(member: string): string {
  return `${body().slice(0, -1)},${member}}`;
}

function refuse(number: number, name: string, body: string, reason: RejectionReason): HostileBody {
  return { number, name, body, expected: { kind: "rejection", reason } };
}

/** A login with these fields replaced, which comes out as it was sent unless `counted` says more. */
function accept(
  number: number,
  name: string,
  changes: Partial<Login>,
  counted: Partial<Omit<Accepted, "kind">> = {},
): HostileBody {
  const login = { ...plainLogin, ...changes };
  const plain = { kind: "login", login, major: 2, oddities: [], droppedFields: 0 } as const;
  return { number, name, body: body(changes), expected: { ...plain, ...counted } };
}

/** A login whose app_version is kept as text and has this major version. */
function version(number: number, text: string, major: number | null): HostileBody {
  const oddities: Oddity[] = major === null ? ["app_version_not_integer"] : [];
  return accept(number, `app_version ${text}`, { app_version: text }, { major, oddities });
}

/** A login whose user_id is kept verbatim although it is no UUID. */
function oddUserId(number: number, name: string, userId: string): HostileBody {
  return accept(number, name, { user_id: userId }, { oddities: ["user_id_not_uuid"] });
}

function refuseIp(number: number, ip: string): HostileBody {
  return refuse(number, `ip ${ip}`, body({ ip }), "ip_invalid");
}

function acceptIp(number: number, ip: string): HostileBody {
  return accept(number, `ip ${ip}`, { ip });
}

/** A body whose app_version or locale is absent in one of two ways, and comes out as null. */
function absent(
  number: number,
  field: "locale" | "app_version",
  value: "" | undefined,
): HostileBody {
  const name = `${field} ${value === undefined ? "missing" : "empty"}`;
  const major = field === "app_version" ? null : 2;
  const nulled = accept(number, name, { [field]: null }, { major, oddities: [`${field}_missing`] });
  return { ...nulled, body: body({ [field]: value }) };
}

function sns(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    Type: "Notification",
    MessageId: "0b4a1b1e-3a5c-5b60-9a0f-4a4c3f0c0a11",
    TopicArn: TOPIC,
    Message: body(),
    Timestamp: "2026-05-20T10:00:00.000Z",
    SignatureVersion: "1",
    Signature: "c2lnbmF0dXJl",
    SigningCertURL: "https://sns.invalid/certificate.pem",
    UnsubscribeURL: "https://sns.invalid/unsubscribe",
    MessageAttributes: { kind: { Type: "String", Value: "login" } },
    ...changes,
  });
}

function eventBridge(changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    version: "0",
    id: "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "Login",
    source: SOURCE,
    account: "123456789012",
    time: "2026-05-20T10:00:00Z",
    region: "eu-central-1",
    resources: [],
    detail: plainLogin,
    ...changes,
  });
}

/** An object with so many keys. */
function objectOf(keys: number): string {
  return JSON.stringify(
    Object.fromEntries(Array.from({ length: keys }, (_, at) => [`k${at}`, at])),
  );
}

function unsendable(body: HostileBody): HostileBody {
  return { ...body, refusedBySqs: true };
}

export const hostileBodies: readonly HostileBody[] = [
  refuse(1, "whitespace only", " \n\t ", "not_json"),
  refuse(2, "truncated", '{"user_id":', "not_json"),
  refuse(3, "trailing comma", `${body().slice(0, -1)},}`, "not_json"),
  refuse(3, "comment", `${body()} // login`, "not_json"),
  refuse(3, "single quotes", body().replaceAll('"', "'"), "not_json"),
  refuse(4, "NaN", bodyWith("locale", "NaN"), "not_json"),
  refuse(4, "Infinity", bodyWith("locale", "Infinity"), "not_json"),
  refuse(5, "two documents on a line", body() + body(), "not_json"),
  refuse(5, "two documents on two lines", `${body()}\n${body()}`, "not_json"),
  { ...accept(6, "leading BOM", {}, { oddities: ["bom"] }), body: `\ufeff${body()}` },
  refuse(6, "two leading BOMs", `\ufeff\ufeff${body()}`, "not_json"),
  refuse(7, "null", "null", "not_an_object"),
  refuse(7, "a number", "1", "not_an_object"),
  refuse(7, "a text", '"text"', "not_an_object"),
  refuse(8, "an empty list", "[]", "not_an_object"),
  refuse(8, "a list of logins", `[${body()},${body()}]`, "not_an_object"),
  refuse(9, "an empty object", "{}", "not_a_login"),
  refuse(10, "wrong message type", '{"foo":"oops_wrong_msg_type","bar":"123"}', "not_a_login"),
  refuse(11, "ip twice", bodyAnd('"ip":"1.2.3.4"'), "duplicate_key"),
  refuse(11, "ip twice, once escaped", bodyAnd(String.raw`"\u0069p":"1.2.3.4"`), "duplicate_key"),
  refuse(12, "__proto__ key", bodyAnd('"__proto__":{"ip":"1.2.3.4"}'), "forbidden_key"),
  refuse(12, "__proto__, nested", bodyAnd(String.raw`"a":[{"\u005f_proto__":1}]`), "forbidden_key"),
  {
    ...accept(13, "constructor and toString keys", {}, { droppedFields: 2 }),
    body: body({ constructor: "a", toString: "b" }),
  },
  refuse(14, "objects 10,000 deep", `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`, "too_deep"),
  refuse(14, "lists 10,000 deep", "[".repeat(10_000) + "]".repeat(10_000), "too_deep"),
  unsendable(refuse(15, "100,000 keys", objectOf(100_000), "body_too_large")),
  refuse(15, "4,000 keys", objectOf(4_000), "too_many_keys"),
  refuse(16, "a login padded to 1 MiB", body().padEnd(1_048_576), "body_too_large"),
  refuse(17, "900 KiB in one field", body({ user_id: "a".repeat(921_600) }), "body_too_large"),
  {
    ...accept(18, "unknown fields", {}, { droppedFields: 2 }),
    body: body({ timestamp: 1_653_040_000, email: "someone@example.invalid" }),
  },
  refuse(19, "IP in upper case", body({ ip: undefined, IP: "1.2.3.4" }), "ip_missing"),
  refuse(20, "ip missing", body({ ip: undefined }), "ip_missing"),
  refuse(20, "ip null", body({ ip: null }), "ip_missing"),
  refuse(20, "ip empty", body({ ip: "" }), "ip_missing"),
  refuse(21, "ip a number", body({ ip: 2_130_706_433 }), "ip_wrong_type"),
  refuse(21, "ip a list", body({ ip: ["1.2.3.4"] }), "ip_wrong_type"),
  refuse(21, "ip an object", body({ ip: { v4: "1.2.3.4" } }), "ip_wrong_type"),
  refuseIp(22, " 1.2.3.4 "),
  refuseIp(23, "01.2.3.4"),
  refuseIp(24, "256.1.1.1"),
  refuseIp(24, "1.2.3"),
  refuseIp(24, "0x7f.1"),
  refuseIp(25, "1.2.3.4/32"),
  refuseIp(25, "1.2.3.4:80"),
  refuseIp(25, "[::1]"),
  refuseIp(26, "\uff11.\uff12.\uff13.\uff14"),
  acceptIp(27, "2001:DB8::1"),
  acceptIp(27, "2001:0db8:0000:0000:0000:0000:0000:0001"),
  acceptIp(28, "::ffff:1.2.3.4"),
  refuseIp(29, "fe80::1%eth0"),
  acceptIp(30, "127.0.0.1"),
  acceptIp(30, "224.0.0.1"),
  acceptIp(30, "240.0.0.1"),
  refuse(31, "device_id missing", body({ device_id: undefined }), "device_id_missing"),
  refuse(31, "device_id null", body({ device_id: null }), "device_id_missing"),
  refuse(31, "device_id empty", body({ device_id: "" }), "device_id_missing"),
  refuse(32, "device_id a number", body({ device_id: 593_475_928 }), "device_id_wrong_type"),
  accept(
    33,
    "device_id of another form",
    { device_id: "Pixel 6/A" },
    { oddities: ["device_id_unusual"] },
  ),
  refuse(34, "device_id too long", body({ device_id: "9".repeat(257) }), "device_id_too_long"),
  accept(35, "locale null", { locale: null }),
  absent(36, "locale", undefined),
  absent(36, "locale", ""),
  accept(37, "locale with script and region", { locale: "zh-Hant-TW" }),
  refuse(38, "locale of 33 characters", body({ locale: "a".repeat(33) }), "locale_too_long"),
  refuse(39, "user_id missing", body({ user_id: undefined }), "user_id_missing"),
  refuse(39, "user_id null", body({ user_id: null }), "user_id_missing"),
  refuse(39, "user_id a number", body({ user_id: 7 }), "user_id_wrong_type"),
  oddUserId(40, "user_id not a UUID", "u".repeat(128)),
  refuse(41, "user_id of 129 characters", body({ user_id: "u".repeat(129) }), "user_id_too_long"),
  accept(42, "device_type unknown", { device_type: "Toaster OS" }),
  accept(42, "device_type in other case", { device_type: "iOS" }),
  version(43, "3.0.1", 3),
  version(44, "2", 2),
  version(44, "2.3", 2),
  version(45, "2.0", 2),
  version(45, "2.00", 2),
  version(46, "v1.2", null),
  version(46, "5.0.0-beta", null),
  version(46, "1.2.3.4", null),
  absent(47, "app_version", ""),
  absent(47, "app_version", undefined),
  version(48, "2147483648.0.0", null),
  refuse(49, "app_version a number", bodyWith("app_version", "2.30"), "app_version_wrong_type"),
  refuse(49, "app_version a list", body({ app_version: [2, 3] }), "app_version_wrong_type"),
  refuse(49, "app_version an object", body({ app_version: { a: 2 } }), "app_version_wrong_type"),
  version(50, "\u0662.\u0663", null),
  refuse(51, "NUL in a value", body({ device_type: "a\0b" }), "nul_character"),
  refuse(51, "NUL in an unknown key", body({ "a\0": 1 }), "nul_character"),
  refuse(52, "lone surrogate", body({ device_id: "\ud800" }), "lone_surrogate"),
  refuse(52, "lone surrogate in an unknown key", body({ "\udfff": 1 }), "lone_surrogate"),
  unsendable(refuse(52, "raw lone surrogate", bodyWith("device_id", '"\ud800"'), "lone_surrogate")),
  unsendable(refuse(53, "raw control character", bodyWith("locale", '"a\u0001b"'), "not_json")),
  oddUserId(54, "bidi override and zero width", "\u202eadmin\u200b"),
  oddUserId(54, "composed", "caf\u00e9"),
  oddUserId(54, "decomposed", "cafe\u0301"),
  oddUserId(55, "emoji", "\u{1f600}\u{1f468}\u200d\u{1f469}"),
  oddUserId(56, "SQL", "'; DROP TABLE user_logins; --"),
  oddUserId(56, "a parameter", "$1"),
  oddUserId(56, "a format", "%s%n"),
  oddUserId(56, "a formula", "=cmd|'/c calc'!A1"),
  oddUserId(57, "newline and ANSI escape", "a\nlevel=error \u001b[31mred"),
  refuse(58, "SNS envelope, not configured", sns(), "sns_envelope_refused"),
  { ...accept(58, "SNS envelope, topic allowed", {}), body: sns(), unwrap: UNWRAP },
  {
    ...refuse(58, "SNS, another topic", sns({ TopicArn: `${TOPIC}-test` }), "sns_envelope_refused"),
    unwrap: UNWRAP,
  },
  {
    ...refuse(59, "confirmation", sns({ Type: "SubscriptionConfirmation" }), "sns_confirmation"),
    unwrap: UNWRAP,
  },
  refuse(59, "farewell", sns({ Type: "UnsubscribeConfirmation" }), "sns_confirmation"),
  refuse(60, "EventBridge, not configured", eventBridge(), "event_bridge_envelope_refused"),
  { ...accept(60, "EventBridge, source allowed", {}), body: eventBridge(), unwrap: UNWRAP },
  {
    ...refuse(
      60,
      "EventBridge, another source",
      eventBridge({ source: "aws.ec2" }),
      "event_bridge_envelope_refused",
    ),
    unwrap: UNWRAP,
  },
  refuse(61, "S3 test event", '{"Service":"Amazon S3","Event":"s3:TestEvent"}', "s3_test_event"),
  {
    ...refuse(62, "ExtendedPayloadSize attribute", body(), "payload_in_s3"),
    attributeNames: ["trace", "ExtendedPayloadSize"],
  },
  {
    ...refuse(62, "SQSLargePayloadSize attribute", body(), "payload_in_s3"),
    attributeNames: ["SQSLargePayloadSize"],
  },
  refuse(62, "S3 pointer with its class", `["PayloadS3Pointer",${S3_POINTER}]`, "payload_in_s3"),
  refuse(62, "S3 pointer alone", S3_POINTER, "payload_in_s3"),
  refuse(63, "base64", Buffer.from(body()).toString("base64"), "not_json"),
  refuse(63, "gzip in base64", gzipSync(body()).toString("base64"), "not_json"),
  unsendable(refuse(63, "gzip", gzipSync(body()).toString("latin1"), "not_json")),
  refuse(64, "doubly encoded", JSON.stringify(body()), "not_an_object"),
  accept(65, "a body sent twice, first", {}),
  accept(65, "a body sent twice, second", {}),
];
