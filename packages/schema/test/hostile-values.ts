/** What can stand at a field: by its kind and norm, each spelling with its one right end. */
import { isCanonicalizable, type NormId } from "@org/masking";
import type { Field, FieldKind, Value } from "@org/schema";

/** A value as JSON text, and what it must come to: a value, or what is wrong with it. */
export type Spelling =
  | { readonly json: string; readonly value: Value }
  | { readonly json: string; readonly refusal: "wrong_type" | "too_long" | "invalid" };

/** Beyond this, a text that is too long would make the body too large first. */
const LONGEST = 8_000;

/** Every spelling of a field; the first is an ordinary one. */
export function spellingsOf(field: Field): readonly [Spelling, ...Spelling[]] {
  const { kind, examples } = field;
  if (kind !== "text") return ofKind[kind](field);
  const [first = ordinaryText(field), ...others] = [...examples, ...takenTexts(field)];
  return [
    spell(first),
    ...others.map(spell),
    ...refusedTexts(field).map((text) => refuse(JSON.stringify(text), "invalid")),
    ...notTexts.map((json) => refuse(json, "wrong_type")),
    ...tooLong(field),
  ];
}

/** A value of a masked field, wrong in each way that keeps it whole. */
export function hostileSpellings({ norm, max }: Field, value: string): readonly Spelling[] {
  const json = JSON.stringify(value);
  const wrong = `${value} x`;
  return [
    ...[`[${json}]`, `{"a":${json}}`].map((nested) => refuse(nested, "wrong_type")),
    ...(max === null ? [] : [refuse(JSON.stringify(value.padEnd(max + 1, value)), "too_long")]),
    ...(norm === "exact/1" || !fits(wrong, max) ? [] : [refuse(JSON.stringify(wrong), "invalid")]),
  ];
}

export function spell(text: string): Spelling {
  return { json: JSON.stringify(text), value: text };
}

function take(json: string, value: Value): Spelling {
  return { json, value };
}

function refuse(json: string, refusal: "wrong_type" | "too_long" | "invalid"): Spelling {
  return { json, refusal };
}

const notTexts = ["7", "2.30", "1e400", "true", "[]", "{}", '["a"]', '{"a":"a"}', "[null]"];
const notNumbers = ["true", "[]", "{}", "[7]", '{"a":7}'];

const texts = [
  "a",
  " a ",
  "null",
  "0",
  "'; DROP TABLE user_logins; --",
  "$1",
  "%s%n",
  "=cmd|'/c calc'!A1",
  "${process.env}",
  "<script>alert(1)</script>",
  String.raw`\u0000`,
  "__proto__",
  // Newline and ANSI escape; bidi override and zero width; composed and decomposed; joined emoji.
  "a\nlevel=error \u001b[31mred",
  "\u202eadmin\u200b",
  "caf\u00e9",
  "cafe\u0301",
  "\u{1f600}\u{1f468}\u200d\u{1f469}",
];

const addresses = {
  taken: [
    "199.172.111.135",
    "2001:DB8::1",
    "2001:0db8:0000:0000:0000:0000:0000:0001",
    "::ffff:1.2.3.4",
    "127.0.0.1",
    "224.0.0.1",
    "240.0.0.1",
  ],
  refused: [
    " 1.2.3.4 ",
    "01.2.3.4",
    "256.1.1.1",
    "1.2.3",
    "0x7f.1",
    "1.2.3.4/32",
    "1.2.3.4:80",
    "[::1]",
    "\uff11.\uff12.\uff13.\uff14",
    "fe80::1%eth0",
  ],
};

const norms: Readonly<
  Record<NormId, { readonly taken: readonly string[]; readonly refused: readonly string[] }>
> = {
  "ip/1": addresses,
  "ip-net/1": addresses,
  "exact/1": { taken: texts, refused: [] },
  "digits/1": {
    taken: ["593-47-5928", "593 47 5928", "0", "007"],
    refused: ["-1", "1-", "1--2", " 1", "1a", "\u0661"],
  },
  "uuid/1": {
    taken: ["424cdd21-063a-43a7-b91b-7ca1a833afae", "424CDD21-063A-43A7-B91B-7CA1A833AFAE"],
    refused: ["424cdd21063a43a7b91b7ca1a833afae", "{424cdd21-063a-43a7-b91b-7ca1a833afae}"],
  },
  "email/1": {
    taken: ["ada@example.com", "Ada.Byron+orders@Example.COM"],
    refused: ["ada", "ada@localhost", "@example.com", " ada@example.com", '"a b"@example.com'],
  },
  "phone/1": {
    taken: ["+1 201 555 0123", "+49 30 901820", "+12015550123"],
    refused: ["030 901820", "0049 30 901820", "+49 (0)30 901820", "+12015550123 x5", "+1"],
  },
};

function ordinaryText({ norm }: Field): string {
  return (norm === null ? texts : norms[norm].taken)[0] ?? "a";
}

function takenTexts(field: Field): string[] {
  const { norm, views, max } = field;
  const longest = max !== null && max <= LONGEST && norm === null ? ["\u{1f600}".repeat(max)] : [];
  return [...(norm === null ? texts : norms[norm].taken), ...longest].filter(
    (text) =>
      fits(text, max) && Object.values(views).every((view) => isCanonicalizable(view, text)),
  );
}

function refusedTexts({ norm, max }: Field): string[] {
  return norm === null ? [] : norms[norm].refused.filter((text) => fits(text, max));
}

function tooLong({ max }: Field): Spelling[] {
  if (max === null || max > LONGEST) return [];
  const texts = ["a".repeat(max + 1), `${"\u{1f600}".repeat(max)}a`];
  return texts.map((text) => refuse(JSON.stringify(text), "too_long"));
}

function fits(text: string, max: number | null): boolean {
  return max === null || Array.from(text).length <= max;
}

type Kind = Exclude<FieldKind, "text">;

const ofKind: Readonly<Record<Kind, (field: Field) => [Spelling, ...Spelling[]]>> = {
  integer: () => [
    take("7", 7),
    take("0", 0),
    take("-0", 0),
    take("7.0", 7),
    take("1e2", 100),
    take("2147483647", 2_147_483_647),
    take("-2147483648", -2_147_483_648),
    ...["2147483648", "-2147483649", "1.5", "1e400"].map((json) => refuse(json, "invalid")),
    ...['"7"', ...notNumbers].map((json) => refuse(json, "wrong_type")),
  ],
  bigint: () => [
    take("9007199254740993", 9_007_199_254_740_993n),
    take('"9007199254740993"', 9_007_199_254_740_993n),
    take("-0", 0n),
    take("1e3", 1_000n),
    take("7.00", 7n),
    take("9223372036854775807", 9_223_372_036_854_775_807n),
    take("-9223372036854775808", -9_223_372_036_854_775_808n),
    ...["9223372036854775808", "-9223372036854775809", "1.5", "1e30", "1e400", '"0x1"'].map(
      (json) => refuse(json, "invalid"),
    ),
    ...['" 1"', '"01"', '"1_0"', '"NaN"'].map((json) => refuse(json, "invalid")),
    ...notNumbers.map((json) => refuse(json, "wrong_type")),
  ],
  numeric: ({ precision, scale }) => [
    ...(precision === null ? anyNumeric : boundNumeric(precision, scale ?? 0)),
    ...['"NaN"', '"Infinity"', '" 1"', '"1_0"', '"01"', '".5"', '"1."', "1e999999"].map((json) =>
      refuse(json, "invalid"),
    ),
    ...notNumbers.map((json) => refuse(json, "wrong_type")),
  ],
  boolean: () => [
    take("true", true),
    take("false", false),
    ...["1", "0", '"true"', "[]", "{}", "[true]"].map((json) => refuse(json, "wrong_type")),
  ],
  timestamp: () => [
    take('"2026-05-20T10:00:00Z"', "2026-05-20T10:00:00.000000Z"),
    take('"2026-05-20t10:00:00.5z"', "2026-05-20T10:00:00.500000Z"),
    take('"2026-05-20T10:00:00.123456000Z"', "2026-05-20T10:00:00.123456Z"),
    take('"2024-02-29T23:30:00-02:30"', "2024-03-01T02:00:00.000000Z"),
    take('"2026-01-01T00:30:00+01:00"', "2025-12-31T23:30:00.000000Z"),
    take('"0001-01-01T00:00:00Z"', "0001-01-01T00:00:00.000000Z"),
    take('"9999-12-31T23:59:59.999999Z"', "9999-12-31T23:59:59.999999Z"),
    ...[
      "2026-05-20",
      "2026-05-20T10:00:00",
      "2026-05-20 10:00:00Z",
      "2026-05-20T10:00Z",
      "2026-02-29T10:00:00Z",
      "2026-04-31T10:00:00Z",
      "2026-05-20T24:00:00Z",
      "2026-12-31T23:59:60Z",
      "2026-05-20T10:00:00.1234567Z",
      "2026-05-20T10:00:00+24:00",
      "2026-05-20T10:00:00+0100",
      "0000-01-01T00:00:00Z",
      "0001-01-01T00:00:00+01:00",
      "9999-12-31T23:59:59-01:00",
      "+12026-05-20T10:00:00Z",
      "infinity",
      "now",
    ].map((text) => refuse(JSON.stringify(text), "invalid")),
    ...["1653040000", "true", "[]", "{}"].map((json) => refuse(json, "wrong_type")),
  ],
  uuid: () => [
    take('"424cdd21-063a-43a7-b91b-7ca1a833afae"', "424cdd21-063a-43a7-b91b-7ca1a833afae"),
    take('"424CDD21-063A-43A7-B91B-7CA1A833AFAE"', "424cdd21-063a-43a7-b91b-7ca1a833afae"),
    ...[
      "424cdd21063a43a7b91b7ca1a833afae",
      "{424cdd21-063a-43a7-b91b-7ca1a833afae}",
      " 424cdd21-063a-43a7-b91b-7ca1a833afae",
      "424cdd21-063a-43a7-b91b-7ca1a833afag",
    ].map((text) => refuse(JSON.stringify(text), "invalid")),
    ...["7", "true", "[]", "{}"].map((json) => refuse(json, "wrong_type")),
  ],
};

const anyNumeric: [Spelling, ...Spelling[]] = [
  take("12.50", "12.50"),
  take('"12.50"', "12.50"),
  take("0.1", "0.1"),
  take("-0.0", "0.0"),
  take("1e2", "100"),
  take("1.50e1", "15.0"),
  take("25e-3", "0.025"),
  take("9007199254740993.0000000001", "9007199254740993.0000000001"),
  take(`1${"0".repeat(999)}`, `1${"0".repeat(999)}`),
  refuse(`1${"0".repeat(1_000)}`, "invalid"),
  refuse("1e-1001", "invalid"),
];

/** Of `numeric(precision, scale)`: the greatest that fits, and a digit too many on either side. */
function boundNumeric(precision: number, scale: number): [Spelling, ...Spelling[]] {
  const point = scale === 0 ? "" : ".";
  const whole = "9".repeat(precision - scale) || "0";
  const greatest = `${whole}${point}${"9".repeat(scale)}`;
  const zero = `0${point}${"0".repeat(scale)}`;
  return [
    take(greatest, greatest),
    take(`-${greatest}`, `-${greatest}`),
    take(JSON.stringify(greatest), greatest),
    take("0", zero),
    take("-0.0", zero),
    take(`0.${"0".repeat(scale)}0`, zero),
    refuse(`1${"0".repeat(precision - scale)}`, "invalid"),
    refuse(`0.${"0".repeat(scale)}1`, "invalid"),
  ];
}
