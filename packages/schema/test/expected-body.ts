/** A body for any contract, and what it must come to by what stands at its fields: no parser is asked. */
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
export type Expected = ParsedMessage<Values> | Rejection;

/** What stands at a field: a spelling, or one of the ways in which a value is missing. */
export type Standing = Spelling | { readonly json: "null" | '""' | undefined };

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

/** Where a field may also stand, nested; null where its name is no path, or leads through another field. */
export function pathOf(
  { fields }: AnyContract,
  { name }: Field,
): { readonly parent: string; readonly child: string } | null {
  const at = name.indexOf("_", 1);
  const [parent, child] = [name.slice(0, at), name.slice(at + 1)];
  const isPath = at !== -1 && child !== "" && fields.every((field) => field.name !== parent);
  return isPath ? { parent, child } : null;
}

export function reject(reason: string): Rejection {
  return { kind: "rejection", reason };
}

export function withOddity(expected: Expected, oddity: string): Expected {
  if (expected.kind === "rejection") return expected;
  return { ...expected, oddities: [...expected.oddities, oddity] };
}
