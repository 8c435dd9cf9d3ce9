/** What can be wrong with a contract: each fault says what to do. */
import { types } from "node:util";

import { normIds } from "@org/masking";

import type { Column, Contract } from "./contract.ts";
import { MAX_DIGITS } from "./decimal.ts";
import { MAX_BYTES, MAX_ENTRIES } from "./document.ts";
import type { Leaf } from "./field-tree.ts";
import type { FieldSpec } from "./fields.ts";
import { JsonNumber } from "./json-number.ts";
import { kinds } from "./kinds.ts";
import { readerOf } from "./read-field.ts";

/** What is appended must fit too: to a table's name that of a month, to a field's `_wrong_type`. */
const MAX_TABLE = 54;
const MAX_FIELD = 53;
const MAX_COLUMN = 63;

const SQL_NAME = /^[a-z_][a-z0-9_]*$/;
const FIELD_NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** The service's own, beside which the months of a table of messages stand. */
const RESERVED_TABLES = words(
  "batch_key contract erased ledger quarantine schema_version seed vault",
);
/** PostgreSQL's own, in every table. */
const SYSTEM_COLUMNS = words("cmax cmin ctid tableoid xmax xmin");

const PARTS = ["name", "table", "fields", "computed"];
const SUBJECT_KINDS = ["text", "integer", "bigint", "uuid"];

/** What is wrong with the parts of a contract, each by itself. */
export function* findFaults(
  definition: Readonly<Record<string, unknown>>,
  leaves: readonly Leaf[],
): Generator<string> {
  const { name, table, computed } = definition;
  for (const key of Object.keys(definition)) {
    if (!PARTS.includes(key)) yield `${quote(key)} says nothing here: use ${PARTS.join(", ")}.`;
  }
  if (name !== undefined && !isSqlName(name, MAX_TABLE)) {
    yield `The name ${quote(name)} is none: use 1 to ${MAX_TABLE} of a-z, 0-9 and _, no digit first.`;
  }
  if (!isSqlName(table, MAX_TABLE)) {
    yield `The table ${quote(table)} is no name: use 1 to ${MAX_TABLE} of a-z, 0-9 and _, no digit first.`;
  } else if (RESERVED_TABLES.has(table)) {
    yield `The table ${quote(table)} is the service's own: give yours another name.`;
  }
  if (leaves.length === 0) yield "It has no field: say under fields what a message holds.";
  if (leaves.length > MAX_ENTRIES) {
    yield `It has ${leaves.length} fields, but a body can hold ${MAX_ENTRIES}: leave some out.`;
  }
  for (const leaf of leaves) {
    for (const fault of findFieldFaults(leaf)) yield `Field ${quote(leaf.name)} ${fault}`;
  }
  for (const [column, spec] of Object.entries(computed ?? {})) {
    for (const fault of findComputedFaults(spec)) yield `Computed column ${quote(column)} ${fault}`;
  }
}

function* findFieldFaults({ name, spec }: Leaf): Generator<string> {
  if (!FIELD_NAME.test(name) || name.length > MAX_FIELD || name === "__proto__") {
    yield `is no name: use 1 to ${MAX_FIELD} of a-z, A-Z, 0-9, _ and -, no digit or - first.`;
  }
  if (!isFieldSpec(spec)) {
    yield 'has no policy: say one, as text({ max: 32 }) or masked("exact/1").';
    return;
  }
  yield* findOptionFaults(spec);
  if (spec.isSubject && spec.isOptional) {
    yield "is the subject and optional: take one of the two away, so that every message is somebody's.";
  }
  if (spec.isSubject && !SUBJECT_KINDS.includes(spec.kind)) {
    yield `is the subject and ${spec.kind}: make it ${SUBJECT_KINDS.join(", ")} or masked.`;
  }
}

function* findComputedFaults(computed: unknown): Generator<string> {
  const { type, from } = Object(computed) as { readonly type?: unknown; readonly from?: unknown };
  if (!isFieldSpec(type) || type.norm !== null || type.isOptional || type.isSubject) {
    yield "has no plain type: say one, as type: integer().";
  } else {
    yield* findOptionFaults(type);
    if (type.column !== undefined) yield "says its column, which is its name: take column away.";
  }
  if (typeof from !== "function") yield "has no function: say it under from.";
}

function* findOptionFaults(spec: FieldSpec): Generator<string> {
  const { max, precision, scale = 0, usual } = spec.options;
  const allowed = ["column", "example", ...optionsOf(spec)];
  for (const option of Object.keys(spec.options)) {
    if (!allowed.includes(option)) {
      yield `has no use for the option ${quote(option)}: use ${allowed.join(", ")}.`;
    }
  }
  const needsMax = spec.kind === "text" && spec.norm === null;
  if ((needsMax || max !== undefined) && !isWhole(max, 1, MAX_BYTES)) {
    yield `has no bound: say max, a whole number from 1 to ${MAX_BYTES}.`;
  }
  if (
    precision === undefined
      ? scale !== 0
      : !isWhole(precision, 1, MAX_DIGITS) || !isWhole(scale, 0, precision)
  ) {
    yield `has no such digits: say precision from 1 to ${MAX_DIGITS}, and scale from 0 to precision.`;
  }
  if (usual !== undefined && (!types.isRegExp(usual) || usual.global || usual.sticky)) {
    yield "has a usual form that cannot be tested: say a RegExp without the flags g and y.";
  }
  const norms = spec.norm === null ? [] : [spec.norm, ...Object.values(spec.views)];
  const unknown = norms.filter((norm) => !normIds.includes(norm));
  for (const norm of unknown) {
    yield `has the norm ${quote(norm)}, which is none: use ${normIds.join(", ")}.`;
  }
  if (unknown.length === 0) yield* findExampleFaults(spec);
}

function* findExampleFaults(spec: FieldSpec): Generator<string> {
  const { kind, options } = spec;
  const examples = examplesOf(spec);
  const read = readerOf({ ...options, ...spec });
  const isBare = kind === "integer" || kind === "bigint" || kind === "numeric";
  const isTaken = (example: unknown): boolean =>
    typeof example === "string" &&
    typeof read(isBare ? new JsonNumber(example) : example) !== "symbol";
  if (options.example !== undefined && !(examples.length > 0 && examples.every(isTaken))) {
    yield "has an example that it would refuse: say a text that it takes, or a list of such.";
  }
}

/** What is wrong with the parts of a contract side by side. */
export function* findClashes(contract: Contract): Generator<string> {
  const { definition, fields, columns, reasons, oddities } = contract;
  const subjects = fields.filter(({ name }) => definition.fields[name]?.isSubject);
  if (subjects.length !== 1) {
    const found = subjects.map(({ name }) => quote(name)).join(" and ") || "none";
    yield `A contract has one subject, but this one ${found}: say one, as subject(text({ max: 128 })).`;
  }
  const twice = repeated(fields.flatMap((each) => [each.name, ...Object.keys(each.views)]));
  for (const name of twice) {
    yield `${quote(name)} is said twice: give each field and each view a name of its own.`;
  }
  const own = columns.filter(({ from }) => from.kind !== "system");
  const delivery = new Set(
    columns.filter((column) => !own.includes(column)).map(({ name }) => name),
  );
  for (const column of own) {
    const owner = ownerOf(column);
    if (!isSqlName(column.name, MAX_COLUMN)) {
      yield `${owner} goes to the column ${quote(column.name)}, which is no name: say another, of 1 to ${MAX_COLUMN} of a-z, 0-9 and _.`;
    } else if (SYSTEM_COLUMNS.has(column.name) || delivery.has(column.name)) {
      yield `${owner} goes to the column ${quote(column.name)}, which every table has already: say another.`;
    }
  }
  for (const name of repeated(own.map((column) => column.name))) {
    const owners = own.filter((column) => column.name === name).map(ownerOf);
    yield `${owners.join(" and ")} go to one column, ${quote(name)}: say another for one of them.`;
  }
  const codes = twice.size > 0 ? [] : [...repeated(reasons), ...repeated(oddities)];
  for (const code of codes) {
    yield `The code ${code} would mean two things: give one of the two fields another name.`;
  }
}

function ownerOf({ name, from }: Column): string {
  if (from.kind === "field") return `Field ${quote(from.name)}`;
  return from.kind === "token" ? `Token ${quote(from.field)}` : `Computed column ${quote(name)}`;
}

/** What an author may have written by hand, or in a file that no compiler has seen. */
export function isFieldSpec(spec: unknown): spec is FieldSpec {
  const { kind, norm, options, views } = Object(spec) as Record<string, unknown>;
  return (
    typeof kind === "string" &&
    Object.hasOwn(kinds, kind) &&
    (norm === null || typeof norm === "string") &&
    isObject(options) &&
    isObject(views)
  );
}

export function examplesOf({ options }: FieldSpec): readonly string[] {
  const { example = [] } = options;
  return typeof example === "string" ? [example] : example;
}

function optionsOf({ kind, norm }: FieldSpec): readonly string[] {
  if (norm !== null) return ["max", "usual", "views"];
  if (kind === "numeric") return ["precision", "scale"];
  return kind === "text" ? ["max", "usual"] : [];
}

function isSqlName(name: unknown, max: number): name is string {
  return typeof name === "string" && SQL_NAME.test(name) && name.length <= max;
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function repeated(names: readonly string[]): Set<string> {
  return new Set(names.filter((name, at) => names.indexOf(name) !== at));
}

function words(text: string): ReadonlySet<unknown> {
  return new Set(text.split(" "));
}

/** JSON.stringify of undefined or a symbol is no text. */
function quote(name: unknown): string {
  return JSON.stringify(name) ?? String(name);
}
