/** Values of a field as JSON text, in the mix of real ones. */
import type { NormId } from "@org/masking";

import type { Field } from "../contract.ts";
import type { FieldKind } from "../fields.ts";
import { readerOf } from "../read-field.ts";
import { createAddresses } from "./address.ts";
import type { Random } from "./random.ts";

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
const NAMES = "ada ben cleo dan eva finn gia hal ida jan kim leo mia noa ole pia".split(" ");
const LETTERS = "abcdefghijklmnopqrstuvwxyz".split("");
const NEW_YEAR = Date.UTC(2026, 0, 1);
const SECONDS = 15_000_000;

/**
 * Makes a source of values that the field takes.
 *
 * Where the contract gives examples, each value is one of them, its digits changed wherever the
 * field takes that too.
 */
export function createSampler(field: Field, random: Random): () => string {
  const { kind, norm, examples } = field;
  if (examples.length === 0)
    return norm ? ofNorm[norm](random, field) : ofKind[kind](random, field);
  if (kind === "text") return () => JSON.stringify(vary(random.pick(examples), field, random));
  const isQuoted = kind === "timestamp" || kind === "uuid";
  return () => (isQuoted ? JSON.stringify(random.pick(examples)) : random.pick(examples));
}

function vary(example: string, field: Field, random: Random): string {
  const varied = UUID.test(example)
    ? uuid(random)
    : example.replaceAll(/\d/g, () => random.digits(1));
  const isTaken = typeof readerOf(field)(varied) !== "symbol";
  return isTaken && (field.usual?.test(varied) ?? true) ? varied : example;
}

type Sampler = (random: Random, field: Field) => () => string;

const ofKind: Readonly<Record<FieldKind, Sampler>> = {
  text: (random, { max }) => quoted(() => word(random, Math.min(max ?? 12, 12))),
  integer: (random) => () => String(random.integer(0, 9_999)),
  // More digits than a double holds.
  bigint: (random) => () => `${random.integer(1, 8)}${random.digits(18)}`,
  numeric(random, { precision, scale }) {
    const places = precision === null ? 2 : (scale ?? 0);
    const whole = Math.min(3, precision === null ? 3 : precision - places);
    return () => {
      const amount = String(Number(random.digits(whole)));
      return places === 0 ? amount : `${amount}.${random.digits(places)}`;
    };
  },
  boolean: (random) => () => String(random.chance(1, 2)),
  timestamp: (random) =>
    quoted(() => new Date(NEW_YEAR + random.integer(0, SECONDS) * 1_000).toISOString()),
  uuid: (random) => quoted(() => uuid(random)),
};

const ofNorm: Readonly<Record<NormId, Sampler>> = {
  "ip/1": (random) => quoted(createAddresses(random)),
  "ip-net/1": (random) => quoted(createAddresses(random)),
  "exact/1": ofKind.text,
  "digits/1": (random) => quoted(() => random.digits(10)),
  "uuid/1": ofKind.uuid,
  "email/1": (random) => quoted(() => `${random.pick(NAMES)}${random.digits(5)}@example.com`),
  "phone/1": (random) => quoted(() => `+1201${random.integer(2, 9)}${random.digits(6)}`),
};

function quoted(sample: () => string): () => string {
  return () => JSON.stringify(sample());
}

function word(random: Random, length: number): string {
  return Array.from({ length }, () => random.pick(LETTERS)).join("");
}

/** Version 4, RFC 9562. */
function uuid(random: Random): string {
  const digit = (): string => random.integer(0, 15).toString(16);
  const form = "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx";
  return form.replaceAll(/[xy]/g, (at) =>
    at === "x" ? digit() : ("89ab"[random.integer(0, 3)] ?? ""),
  );
}
