/** Bodies by a grammar over a contract's fields, each made for its one end: no parser is asked. */
import type { AnyContract, Field } from "@org/schema";
import * as fc from "fast-check";

import { envelopePolicy, eventBridge, sns } from "./envelopes.ts";
import {
  expectedOf,
  type HostileBody,
  missing,
  ordinary,
  pathOf,
  reject,
  type Standing,
  withOddity,
} from "./expected-body.ts";
import { hostileSpellings, spell, spellingsOf } from "./hostile-values.ts";

export interface GrammarOptions {
  readonly count: number;
  readonly seed: number;
  /** What to pick the values of masked fields from, also where they stand wrong. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
}

type Values = NonNullable<GrammarOptions["values"]>;

/**
 * Every other body is twisted, in each way in turn; the faults of the others are their fields' alone.
 * The same seed gives the same bodies.
 */
export function generatedBodies(
  contract: AnyContract,
  { count, seed, values = {} }: GrammarOptions,
): readonly HostileBody[] {
  const ways = Object.entries(twists).filter(
    ([name]) => name !== "ambiguous" || contract.fields.some((field) => pathOf(contract, field)),
  );
  return fc.sample(message(contract, values), { numRuns: count, seed }).map((printed, at) => {
    const [name, twist] = (at % 2 === 0 ? null : ways[(at >> 1) % ways.length]) ?? ["plain", plain];
    return { name: `generated ${at}: ${name}`, ...twist(printed) };
  });
}

/** A message as text, and what a twist may need of it. */
interface Printed {
  readonly contract: AnyContract;
  readonly members: readonly string[];
  readonly print: (members: readonly string[]) => string;
  readonly expected: HostileBody["expected"];
  /** Text that only a producer knows, as JSON. */
  readonly secret: string;
  /** From 0 to 1. */
  readonly where: number;
}

/** One field in eight in any of its spellings, the others ordinary; nested or not; strangers among them; in any order. */
function message(contract: AnyContract, values: Values): fc.Arbitrary<Printed> {
  const standings = ordinary(contract);
  const secrets = Object.values(values).flat();
  const secret = fc.constantFrom(...(secrets.length > 0 ? secrets : ["someone@example.invalid"]));
  return fc
    .record({
      standings: fc.tuple(
        ...contract.fields.map((field) => standing(field, standings.get(field.name), values)),
      ),
      nested: fc.subarray(contract.fields.filter((field) => pathOf(contract, field) !== null)),
      strangers: fc.dictionary(
        fc.constantFrom("zz", "zy", "toString", ""),
        fc.constantFrom(...strangers),
      ),
      secret: secret.map((text) => JSON.stringify(text)),
      space: fc.constantFrom("", " ", "\n\t", "\r\n"),
      isEscaped: fc.boolean(),
      where: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ standings, nested, strangers: chosen, secret: json, space, isEscaped, where }) => {
      const key = (name: string): string => (isEscaped ? escaped(name) : JSON.stringify(name));
      const member = (name: string, text: string): string => `${key(name)}${space}:${space}${text}`;
      const print = (members: readonly string[]): string =>
        `${space}{${members.join(`${space},${space}`)}}${space}`;
      const present = contract.fields.flatMap((field, at) => {
        const text = standings[at]?.json;
        if (text === undefined) return [];
        const path = nested.includes(field) ? pathOf(contract, field) : null;
        return { parent: path?.parent ?? null, text: member(path?.child ?? field.name, text) };
      });
      const byParent = Map.groupBy(present, ({ parent }) => parent);
      const parents = [...byParent].flatMap(([parent, children]) => {
        const texts = children.map(({ text }) => text);
        return parent === null ? texts : member(parent, print(texts));
      });
      const known = new Map(
        contract.fields.map(({ name }, at) => [name, standings[at] as Standing]),
      );
      const others = Object.entries(chosen);
      const members = [...parents, ...others.map(([name, { text }]) => member(name, text(json)))];
      return {
        contract,
        members,
        print,
        expected: expectedOf(
          contract,
          known,
          others.reduce((sum, [, { leaves }]) => sum + leaves, 0),
        ),
        secret: json,
        where,
      };
    })
    .chain((printed) =>
      fc
        .shuffledSubarray([...printed.members], { minLength: printed.members.length })
        .map((members) => ({ ...printed, members })),
    );
}

function standing(
  field: Field,
  plain: Standing | undefined,
  values: Values,
): fc.Arbitrary<Standing> {
  // A field may be called `constructor`.
  const given = (Object.hasOwn(values, field.name) && values[field.name]) || [];
  const usual = given.length > 0 ? given.map(spell) : [plain as Standing];
  const wrong = given.slice(0, 3).flatMap((value) => hostileSpellings(field, value));
  return fc.oneof(
    { weight: 7, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...spellingsOf(field), ...missing, ...wrong) },
  );
}

/** What no contract asks for, and how many names it comes to. */
const strangers: readonly { readonly text: (secret: string) => string; readonly leaves: number }[] =
  [
    { text: (secret) => secret, leaves: 1 },
    { text: (secret) => `{"a":${secret},"b":[${secret},null]}`, leaves: 3 },
    { text: () => "{}", leaves: 1 },
    { text: () => "1.50", leaves: 1 },
  ];

type Twist = (printed: Printed) => Omit<HostileBody, "name">;

const plain: Twist = ({ members, print, expected }) => ({ body: print(members), expected });

const twists: Readonly<Record<string, Twist>> = {
  "byte order mark": ({ members, print, expected }) => ({
    body: `\ufeff${print(members)}`,
    expected: withOddity(expected, "bom"),
  }),
  truncated({ members, print, where }) {
    const characters = Array.from(print(members).trimEnd());
    const kept = characters.slice(0, Math.floor(where * (characters.length - 1)));
    return rejected(kept.join(""), "not_json");
  },
  followed({ members, print, secret, where }) {
    const tails = ["{}", "]", ",", "x", "// x", secret, "0"];
    return rejected(print(members) + pick(tails, where), "not_json");
  },
  repeated: ({ members, print, secret }) =>
    rejected(print([...members, `"zx":0`, `"zx":${secret}`]), "duplicate_key"),
  "repeated below": adding((secret) => `{"a":${secret},"\\u0061":1}`, "duplicate_key"),
  prototype: adding((secret) => `[{"__proto__":${secret}}]`, "forbidden_key"),
  "prototype, escaped": adding(() => `{"\\u005f_proto__":1}`, "forbidden_key"),
  NUL: adding((secret) => `${secret.slice(0, -1)}\\u0000"`, "nul_character"),
  "NUL in a key": adding((secret) => `{${secret.slice(0, -1)}\\u0000":1}`, "nul_character"),
  surrogate: adding((secret) => `${secret.slice(0, -1)}\\ud800"`, "lone_surrogate"),
  deep: adding((secret) => `${"[".repeat(40)}${secret}${"]".repeat(40)}`, "too_deep"),
  many: adding((secret) => `[${Array(70).fill(secret).join()}]`, "too_many_keys"),
  large: adding((secret) => secret + " ".repeat(65_536), "body_too_large"),
  listed: ({ members, print }) => rejected(`[${print(members)}]`, "not_an_object"),
  quoted: ({ members, print }) => rejected(JSON.stringify(print(members)), "not_an_object"),
  "of another kind": ({ contract, print, secret }) =>
    rejected(print([`"zx":${secret}`]), `not_a_${contract.name}`),
  ambiguous({ contract, print, secret, where }) {
    const paths = contract.fields.flatMap((field) => pathOf(contract, field) ?? []);
    const { parent, child } = pick(paths, where);
    const flat = JSON.stringify(`${parent}_${child}`);
    const nested = `${JSON.stringify(parent)}:{${JSON.stringify(child)}:${secret}}`;
    return rejected(print([`${flat}:null`, nested]), "ambiguous_path");
  },
  SNS: ({ members, print, expected }) => ({
    body: sns(print(members)),
    expected,
    unwrap: envelopePolicy,
  }),
  "SNS, refused": ({ members, print }) => rejected(sns(print(members)), "sns_envelope_refused"),
  EventBridge: ({ members, print, expected }) => ({
    body: eventBridge(print(members)),
    expected,
    unwrap: envelopePolicy,
  }),
  "EventBridge, refused": ({ members, print }) =>
    rejected(eventBridge(print(members)), "event_bridge_envelope_refused"),
  "body in S3": ({ members, print }) => ({
    ...rejected(print(members), "payload_in_s3"),
    attributeNames: ["ExtendedPayloadSize"],
  }),
};

/** A member more, in front: what is counted before it must not end the body first. */
function adding(text: (secret: string) => string, reason: string): Twist {
  return ({ members, print, secret }) =>
    rejected(print([`"zx":${text(secret)}`, ...members]), reason);
}

function rejected(text: string, reason: string): Omit<HostileBody, "name"> {
  return { body: text, expected: reject(reason) };
}

function pick<T>(things: readonly T[], where: number): T {
  return things[Math.floor(where * (things.length - 1))] as T;
}

function escaped(name: string): string {
  const units = Array.from({ length: name.length }, (_, at) => name.charCodeAt(at));
  return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("")}"`;
}
