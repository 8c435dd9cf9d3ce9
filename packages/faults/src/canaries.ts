/** Personal data that nobody has and nothing else could produce: where it is found, it leaked. */
import { randomBytes, randomInt } from "node:crypto";

import type { AnyContract, Field } from "@org/schema";

/** Values of one run, unlike those of any other: the system generates them, not a seed. */
export interface Canaries {
  /** For each masked field, its values, each with every spelling it is sent in: all of them must get one token. */
  readonly values: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** What every canary holds one of: finding none of these means that nothing leaked. */
  readonly marks: readonly Uint8Array[];
}

interface FieldCanaries {
  readonly values: readonly (readonly string[])[];
  readonly marks: readonly (string | Uint8Array)[];
}

const count = 24;

export function createCanaries({ fields }: AnyContract): Canaries {
  const masked = fields.flatMap((field): [string, FieldCanaries][] =>
    field.norm === null ? [] : [[field.name, ofNorm[field.norm](field)]],
  );
  return {
    values: Object.fromEntries(masked.map(([name, { values }]) => [name, values])),
    marks: masked.flatMap(([, { marks }]) =>
      marks.map((mark) => (typeof mark === "string" ? Buffer.from(mark) : mark)),
    ),
  };
}

/** For `sampleMessages`: every spelling of every value. */
export function spelledValues({ values }: Canaries): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(values).map(([name, spelled]) => [name, spelled.flat()]),
  );
}

const ofNorm: Readonly<Record<NonNullable<Field["norm"]>, (field: Field) => FieldCanaries>> = {
  "ip/1": addresses,
  "ip-net/1": addresses,
  "exact/1": texts,
  "digits/1"() {
    const mark = digits(12);
    return { values: numbered((at) => [`${mark}${at}`, `${mark}-${at}`]), marks: [mark] };
  },
  "uuid/1"() {
    const group = randomBytes(2).toString("hex");
    const mark = `${randomBytes(4).toString("hex")}-${group}-4${group.slice(1)}`;
    const values = numbered((at) => bothCases(`${mark}-8000-0000000000${at}`));
    return { values, marks: [...bothCases(mark), Buffer.from(mark.replaceAll("-", ""), "hex")] };
  },
  "email/1"() {
    const mark = randomBytes(6).toString("hex");
    return {
      values: numbered((at) => bothCases(`${mark}.${at}@example.com`)),
      marks: bothCases(mark),
    };
  },
  "phone/1"() {
    const mark = digits(10);
    return { values: numbered((at) => [`+44${mark}${at}`, `+44 ${mark}-${at}`]), marks: [mark] };
  },
};

function addresses(): FieldCanaries {
  const hextets = Array.from({ length: 3 }, () => randomInt(0x1000, 0x1_0000).toString(16));
  const network = `2001:db8:${hextets.join(":")}:`;
  const plain = Array.from({ length: 2 }, () =>
    Array.from({ length: 4 }, () => randomInt(101, 256)).join("."),
  );
  return {
    values: [
      ...plain.map((address) => [address, `::ffff:${address}`]),
      ...numbered((at) => bothCases(`${network}:${at}`)),
    ],
    marks: [
      ...bothCases(network),
      ...plain,
      // What an address is normalised to begins with these ten of its sixteen bytes.
      Buffer.from(`20010db8${hextets.join("")}`, "hex"),
      // RFC 4291 section 2.5.5.2
      ...plain.map((address) =>
        Buffer.from([...Array(10).fill(0), 0xff, 0xff, ...address.split(".").map(Number)]),
      ),
    ],
  };
}

function texts({ max, examples }: Field): FieldCanaries {
  const mark = randomBytes(6)
    .toString("hex")
    .slice(0, max ?? undefined);
  // As a producer writes it, where that is long enough to be nobody else's.
  const usual = examples
    .filter((example) => example.replaceAll(/\D/g, "").length >= 8)
    .map((example) => example.replaceAll(/\d/g, () => digits(1)));
  // Characters that JSON, URLs and SQL each write in a way of their own.
  const hard = numbered((at) => [`${mark}-"é\\'-${at}`]);
  const values = [[mark], ...usual.map((value) => [value]), ...hard];
  return {
    values: values.filter(([value = ""]) => max === null || value.length <= max),
    marks: [mark, ...usual],
  };
}

function numbered(make: (at: string) => readonly string[]): (readonly string[])[] {
  return Array.from({ length: count }, (_, at) => make(String(at + 10)));
}

function bothCases(text: string): string[] {
  return [text, text.toUpperCase()];
}

/** The first is no 0: behind a country code it would be none of the number. */
function digits(length: number): string {
  return Array.from({ length }, (_, at) => randomInt(at === 0 ? 1 : 0, 10)).join("");
}
