/** From what an author writes to a contract, or all that is wrong with it. */
import type { NormId } from "@org/masking";

import { examplesOf, findClashes, findFaults, isFieldSpec } from "./check-definition.ts";
import { ContractError } from "./contract-error.ts";
import type { Column, Contract, Definition, Field, FieldSpecs } from "./contract.ts";
import { type FieldTree, type FlatFields, type Leaf, leavesOf } from "./field-tree.ts";
import type { FieldSpec } from "./fields.ts";
import { kinds } from "./kinds.ts";
import { bodyReasons } from "./outcome.ts";
import { refusal } from "./refusal.ts";

/** Room for the longest token, whatever its key. */
const TOKEN_TYPE = "varchar(256)";

/** Every table of messages has these, of a message's delivery. */
const createDate: Column = system("create_date", "date");
const delivery: readonly Column[] = [
  system("message_id", "uuid"),
  system("sent_at", "timestamptz"),
  system("record_id", "uuid"),
];

// oxlint-disable-next-line typescript/no-generated-empty-object-type
type NoColumns = Readonly<Record<never, FieldSpec>>;

/**
 * Defines a contract: everything that is to know about one kind of message.
 *
 * @throws `ContractError` with every fault at once.
 */
export function defineContract<
  const Fields extends FieldTree,
  const Computed extends FieldSpecs = NoColumns,
>(definition: Definition<Fields, Computed>): Contract<FlatFields<Fields>, Computed> {
  const leaves = leavesOf(definition.fields ?? {});
  const contract = derive<FlatFields<Fields>, Computed>(definition, leaves);
  const faults = [...findFaults({ ...definition }, leaves), ...findClashes(contract)];
  if (faults.length > 0) throw new ContractError(contract.name, faults);
  return deepFreeze(contract);
}

/** What follows from the parts that can be read; of the others, {@link findFaults} tells. */
function derive<Fields extends FieldSpecs, Computed extends FieldSpecs>(
  definition: Omit<Definition, "fields" | "computed"> & { readonly computed?: object | undefined },
  leaves: readonly Leaf[],
): Contract<Fields, Computed> {
  const { table, name = table } = definition;
  const specs = leaves.flatMap(({ name: field, spec, path }) =>
    isFieldSpec(spec) ? [[field, { path, ...spec }] as const] : [],
  );
  const flat: FieldSpecs = Object.fromEntries(specs);
  const fields = specs.map(([field, spec]) => toField(field, spec));
  const types: [string, { readonly type: FieldSpec }][] = Object.entries(definition.computed ?? {});
  const computed = types.filter(([, each]) => isFieldSpec(each?.type));
  const isSaid = ({ name }: Field): boolean => flat[name]?.column !== undefined;
  const subject = fields.find((field) => flat[field.name]?.isSubject);
  return {
    name,
    table,
    subject: subject?.name ?? "",
    fields,
    columns: [
      ...fields.flatMap((field) => [
        ...(isSaid(field) ? [] : [columnOf(field)]),
        ...viewColumns(field),
      ]),
      ...computed.map(([column, { type }]) => computedColumn(column, type)),
      createDate,
      ...fields.filter(isSaid).map(columnOf),
      ...delivery,
    ],
    tokenFields: Object.fromEntries(
      fields.flatMap(tokenFieldsOf),
    ) as Contract<Fields>["tokenFields"],
    reasons: [...bodyReasons, `not_a_${name}`, ...fields.flatMap(reasonsOf)],
    oddities: [
      "bom",
      ...fields.flatMap(odditiesOf),
      ...computed.map(([column, { type }]) => `${column}_not_${type.kind}`),
    ],
    definition: { ...definition, fields: flat } as Contract<Fields, Computed>["definition"],
  };
}

function system(name: string, sqlType: string): Column {
  return { name, sqlType, isNullable: false, from: { kind: "system" } };
}

function toField(name: string, spec: FieldSpec): Field {
  const { kind, norm, views, isOptional, options, path = [name] } = spec;
  const { max = null, precision = null, scale = null, usual = null } = options;
  const column = spec.column ?? (norm === null ? name : `masked_${name}`);
  const isMasked = norm !== null;
  const examples = examplesOf(spec);
  return {
    name,
    path,
    kind,
    isOptional,
    isMasked,
    norm,
    views,
    column,
    max,
    precision,
    scale,
    usual,
    examples,
  };
}

function columnOf(field: Field): Column {
  const { name, column, isOptional, isMasked } = field;
  if (isMasked) return tokenColumn(column, name, isOptional);
  const sqlType = kinds[field.kind].sqlType(field);
  return { name: column, sqlType, isNullable: isOptional, from: { kind: "field", name } };
}

function viewColumns({ views, isOptional }: Field): Column[] {
  return Object.keys(views).map((view) => tokenColumn(`masked_${view}`, view, isOptional));
}

function tokenColumn(name: string, field: string, isNullable: boolean): Column {
  return { name, sqlType: TOKEN_TYPE, isNullable, from: { kind: "token", field } };
}

function computedColumn(name: string, { kind, options }: FieldSpec): Column {
  return {
    name,
    sqlType: kinds[kind].sqlType(options),
    isNullable: true,
    from: { kind: "computed", name },
  };
}

function tokenFieldsOf({ name, norm, views }: Field): [string, NormId][] {
  return norm === null ? [] : [[name, norm], ...Object.entries(views)];
}

function reasonsOf({ name, kind, isOptional, norm, views, max }: Field): string[] {
  // Of the norms, exact/1 takes every text.
  const canBeInvalid = norm
    ? [norm, ...Object.values(views)].some((each) => each !== "exact/1")
    : kind !== "text" && kind !== "boolean";
  const refusals = [
    ...(isOptional ? [] : [refusal.missing]),
    refusal.wrongType,
    ...(max === null ? [] : [refusal.tooLong]),
    ...(canBeInvalid ? [refusal.invalid] : []),
  ];
  return refusals.map(({ description }) => `${name}_${description}`);
}

function odditiesOf({ name, usual, isOptional }: Field): string[] {
  return [...(usual ? [`${name}_unusual`] : []), ...(isOptional ? [`${name}_missing`] : [])];
}

/** A regular expression remembers nothing without its flags g and y, and cannot be tested when frozen. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof RegExp) return value;
  if (!Object.isFrozen(value))
    for (const part of Object.values(Object.freeze(value))) deepFreeze(part);
  return value;
}
