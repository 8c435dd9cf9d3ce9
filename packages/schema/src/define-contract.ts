/** From what an author writes to a contract, or all that is wrong with it. */
import type { NormId } from "@org/masking";

import type { Column, Contract, Definition, Field, FieldSpecs } from "./contract.ts";
import type { FieldSpec } from "./fields.ts";
import { kinds } from "./kinds.ts";
import { bodyReasons } from "./outcome.ts";

/** Every table of messages has these, of a message's delivery. */
const systemColumns = {
  createDate: system("create_date", "date"),
  rest: [
    system("message_id", "uuid"),
    system("sent_at", "timestamptz"),
    system("record_id", "uuid"),
  ],
};
/** Room for the longest token, whatever its key. */
const TOKEN_TYPE = "varchar(256)";

/**
 * Defines a contract: everything that is to know about one kind of message.
 *
 * @throws `ContractError` with every fault at once.
 */
export function defineContract<
  const Fields extends FieldSpecs,
  const Computed extends FieldSpecs = Readonly<Record<never, never>>,
>(definition: Definition<Fields, Computed>): Contract<Fields, Computed> {
  const fields = Object.entries(definition.fields).map(([name, spec]) => toField(name, spec));
  const name = definition.name ?? definition.table;
  const computed: [string, { readonly type: FieldSpec }][] = Object.entries(
    definition.computed ?? {},
  );
  return {
    name,
    table: definition.table,
    subject:
      Object.keys(definition.fields).find((field) => definition.fields[field]?.isSubject) ?? "",
    fields,
    columns: [
      ...fields.flatMap((field) =>
        columnsOf(field, definition.fields[field.name]?.column === undefined),
      ),
      ...computed.map(([column, { type }]) => ({
        name: column,
        sqlType: kinds[type.kind].sqlType(limitsOf(type)),
        nullable: true,
        from: { kind: "computed" as const, name: column },
      })),
      systemColumns.createDate,
      ...fields.flatMap((field) =>
        definition.fields[field.name]?.column === undefined ? [] : [columnOf(field)],
      ),
      ...systemColumns.rest,
    ],
    tokenFields: Object.fromEntries(
      fields.flatMap(({ name, norm, views }): [string, NormId][] =>
        norm === null ? [] : [[name, norm], ...Object.entries(views)],
      ),
    ) as Contract<Fields>["tokenFields"],
    reasons: [...bodyReasons, `not_a_${name}`, ...fields.flatMap(reasonsOf)],
    oddities: [
      "bom",
      ...fields.flatMap(odditiesOf),
      ...computed.map(([column, { type }]) => `${column}_not_${type.kind}`),
    ],
    definition,
  };
}

function system(name: string, sqlType: string): Column {
  return { name, sqlType, nullable: false, from: { kind: "system" } };
}

function limitsOf({ options }: FieldSpec) {
  const { max = null, precision = null, scale = null } = options;
  return { max, precision, scale };
}

function toField(name: string, spec: FieldSpec): Field {
  const { example = [], usual = null } = spec.options;
  return {
    name,
    kind: spec.kind,
    isOptional: spec.isOptional,
    isMasked: spec.norm !== null,
    norm: spec.norm,
    views: spec.views,
    column: spec.column ?? (spec.norm === null ? name : `masked_${name}`),
    ...limitsOf(spec),
    usual,
    examples: typeof example === "string" ? [example] : example,
  };
}

function columnOf(field: Field): Column {
  const { name, column, isOptional, isMasked } = field;
  return isMasked
    ? tokenColumn(column, name, isOptional)
    : {
        name: column,
        sqlType: kinds[field.kind].sqlType(field),
        nullable: isOptional,
        from: { kind: "field", name },
      };
}

function tokenColumn(name: string, field: string, nullable: boolean): Column {
  return { name, sqlType: TOKEN_TYPE, nullable, from: { kind: "token", field } };
}

/** The columns whose names follow by rule: the field's own, unless it is said, and its views'. */
function columnsOf(field: Field, followsByRule: boolean): Column[] {
  const views = Object.keys(field.views);
  return [
    ...(followsByRule ? [columnOf(field)] : []),
    ...views.map((view) => tokenColumn(`masked_${view}`, view, field.isOptional)),
  ];
}

function reasonsOf({ name, kind, isOptional, isMasked, max }: Field): string[] {
  return [
    ...(isOptional ? [] : [`${name}_missing`]),
    `${name}_wrong_type`,
    ...(max === null ? [] : [`${name}_too_long`]),
    ...(isMasked || (kind !== "text" && kind !== "boolean") ? [`${name}_invalid`] : []),
  ];
}

function odditiesOf({ name, usual, isOptional }: Field): string[] {
  return [...(usual ? [`${name}_unusual`] : []), ...(isOptional ? [`${name}_missing`] : [])];
}
