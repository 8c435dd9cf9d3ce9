/** The table of a contract's fields, as the docs show it. */
import type { AnyContract, Field } from "@org/schema";

/** In Markdown, its columns aligned as the formatter aligns them. */
export function fieldTable(contract: AnyContract): string {
  const { fields, columns, subject } = contract;
  const sqlTypes = new Map(columns.map(({ name, sqlType }) => [name, sqlType]));
  const rows = [
    ["field", "holds", "columns"],
    ...fields.map((field) => [
      code(field.name),
      describe(field) + (field.name === subject ? "; the subject" : ""),
      [field.column, ...Object.keys(field.views).map((view) => `masked_${view}`)]
        .map((column) => code(`${column} ${sqlTypes.get(column)}`))
        .join(", "),
    ]),
    ...columns
      .filter(({ from }) => from.kind === "computed")
      .map(({ name, sqlType }) => ["", "computed from plain fields", code(`${name} ${sqlType}`)]),
    ...columns
      .filter(({ from }) => from.kind === "system")
      .map(({ name, sqlType }) => ["", "of the delivery", code(`${name} ${sqlType}`)]),
  ];
  const widths = ["field", "holds", "columns"].map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, at) => (cells[at] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join("\n");
}

function describe({ kind, isOptional, isMasked, norm, max }: Field): string {
  const bound = max === null ? "" : ` of up to ${max} characters`;
  const policy = isMasked ? `, masked by ${code(norm ?? "")}` : "";
  return `${isOptional ? "optional " : ""}${kind}${bound}${policy}`;
}

function code(text: string): string {
  return `\`${text}\``;
}
