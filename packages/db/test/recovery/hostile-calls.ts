/** Every call that somebody may make of a function of ours, with values that nobody means well with. */

import { randomUUID } from "node:crypto";
import type { Statement } from "./people.ts";

export const sentinel = "SENTINEL";

export interface Callable {
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: string }[];
  /** The roles that may call it. */
  readonly roles: readonly string[];
}

/** By the name of a parameter, values with which a call comes far. */
export type Living = Readonly<Record<string, readonly unknown[]>>;

export const long = (length: number): string => `${sentinel}\u0001\u009b`.repeat(length / 10);
export const many = <T>(count: number, of: () => T): T[] => Array.from({ length: count }, of);
const nested = `${'{"a":'.repeat(1000)}"${sentinel}"${"}".repeat(1000)}`;
const lines = (line: () => object): string => JSON.stringify(many(10_000, line));

/** Over-long, empty, out of range, of control characters, as much as is taken, and none. */
export const hostile: Readonly<Record<string, readonly unknown[]>> = {
  text: [null, "", sentinel, `${sentinel}\u0001\u001b[31m\u202e`, long(200_000)],
  "text[]": [null, [], [null], [sentinel], many(2_000, () => sentinel), [long(200_000)]],
  uuid: [null, "00000000-0000-0000-0000-000000000000", randomUUID()],
  "uuid[]": [null, [], [null], many(10_000, randomUUID), many(10_001, randomUUID)],
  jsonb: [
    null,
    "null",
    "{}",
    "[]",
    `"${sentinel}"`,
    JSON.stringify({
      [sentinel]: sentinel,
      outcome: sentinel,
      kind: sentinel,
      capability: sentinel,
    }),
    JSON.stringify({ outcome: "opened", reason: sentinel }),
    JSON.stringify({ outcome: "opened", opened: sentinel, failed: 1e300 }),
    JSON.stringify({ [long(100_000)]: long(100_000) }),
    JSON.stringify(many(10_001, () => ({ record_id: sentinel }))),
    JSON.stringify([{ id: sentinel, sealed: "\\x00" }]),
    JSON.stringify([{ id: randomUUID(), sealed: sentinel }]),
    JSON.stringify([{ record_id: randomUUID(), create_date: sentinel, tokens: { ip: sentinel } }]),
    JSON.stringify([{ record_id: randomUUID(), create_date: "2026-01-01", sealed: sentinel }]),
    JSON.stringify([{ record_id: randomUUID(), create_date: "2026-01-01", seed: sentinel }]),
    JSON.stringify({ r1: sentinel }),
    JSON.stringify({ user_id: sentinel, app_version: sentinel }),
    lines(() => ({ record_id: randomUUID(), create_date: "2026-01-01" })),
    lines(() => ({ id: randomUUID(), sealed: "\\x00" })),
    nested,
  ],
  bytea: [null, Buffer.alloc(0), Buffer.alloc(65), Buffer.alloc(200_000, sentinel)],
  integer: [null, 0, -1, -2_147_483_648, 2_147_483_647],
  bigint: [null, 0, -1, "-9223372036854775808", "9223372036854775807", 4_294_967_295],
  date: [null, "infinity", "-infinity", "0001-01-01", "2000-02-01", "2999-01-01"],
};

const plain: Readonly<Record<string, unknown>> = {
  text: "text",
  "text[]": ["text"],
  jsonb: "{}",
  bytea: Buffer.alloc(64),
  integer: 1,
  bigint: 1,
  date: "2026-01-01",
};

/** Each parameter in turn is hostile, while the others are what a call comes far with. */
export function hostileCalls({ name, parameters }: Callable, living: Living): Statement[] {
  const places = parameters.map((parameter, at) => `${parameter.name} => $${at + 1}`);
  const text = `SELECT * FROM ${name}(${places.join(", ")})`;
  const likely = parameters.map(
    (parameter) => living[parameter.name] ?? [plain[parameter.type] ?? randomUUID()],
  );
  const calls = parameters.flatMap(({ type }, at) =>
    (hostile[type] ?? []).flatMap((value) =>
      combine(likely.map((values, index) => (index === at ? [value] : values))),
    ),
  );
  return [...calls, ...combine(likely), parameters.map(() => null)].map((values) => ({
    text,
    values,
  }));
}

/** The first of each, the second of each, and so on, until every one was taken. */
function combine(choices: readonly (readonly unknown[])[]): unknown[][] {
  const most = Math.max(1, ...choices.map((values) => values.length));
  return Array.from({ length: most }, (_, turn) =>
    choices.map((values) => values[turn % values.length]),
  );
}
