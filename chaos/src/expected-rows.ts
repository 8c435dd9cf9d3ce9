/** Rows beside the messages that they were made of. */
import type { Tokenizer } from "@org/masking";
import { type AnyContract, type Column, createToRow, type MessageOf } from "@org/schema";

import type { Query } from "./database.ts";

export interface StoredTokens {
  readonly message_id: string;
  /** By token field. */
  readonly tokens: Readonly<Record<string, string | null>>;
}

type Message = MessageOf<AnyContract>;
type Tokens = Pick<Tokenizer<string>, "tokenize" | "candidates">;

/** SQL for the tokens of a row `t`, as {@link StoredTokens} has them. */
export function tokensOf({ columns }: AnyContract): string {
  const tokens = columns.flatMap(({ name, from }) =>
    from.kind === "token" ? [`'${from.field}', t."${name}"`] : [],
  );
  return `jsonb_build_object(${tokens.join(", ")})`;
}

/** Which of these messages have a row that holds other values than theirs, compared by PostgreSQL in the columns' types. */
export async function findWrongValues(
  query: Query,
  contract: AnyContract,
  { messages, tokenizer }: { messages: ReadonlyMap<string, Message>; tokenizer: Tokens },
): Promise<ReadonlySet<string>> {
  const plain = contract.columns.filter(
    ({ from }) => from.kind === "field" || from.kind === "computed",
  );
  const toRow = createToRow(contract, tokenizer);
  const rows = [...messages.values()].map(
    (message) => toRow(message, { recordId: "", sealer: null }).columns,
  );
  const differs = plain.map(
    (column, at) => `t."${column.name}" IS DISTINCT FROM given.value_${at}::${typeOf(column)}`,
  );
  const wrong = await query<{ message_id: string }>(
    `SELECT message_id FROM ${contract.table} AS t
       JOIN unnest($1::uuid[]${plain.map((_, at) => `, $${at + 2}::text[]`).join("")})
         AS given (message_id${plain.map((_, at) => `, value_${at}`).join("")}) USING (message_id)
      WHERE ${differs.join(" OR ") || "false"}`,
    [
      [...messages.keys()],
      ...plain.map(({ name }) => rows.map((row) => row[name]).map((value) => value ?? null)),
    ],
  );
  return new Set(wrong.map(({ message_id }) => message_id));
}

/** Without its length: a cast to `varchar(32)` would cut what differs. */
function typeOf({ sqlType }: Column): string {
  return sqlType.replace(/\(.*/, "");
}

/** Among the candidates of its value: so equal values have equal tokens, and no others. */
export function areTokensOf(
  { fields }: AnyContract,
  tokenizer: Tokens,
  { message, tokens }: { message: Message; tokens: StoredTokens["tokens"] },
): boolean {
  return fields
    .filter(({ isMasked }) => isMasked)
    .every(({ name, views }) => {
      const value = message[name];
      return [name, ...Object.keys(views)].every((tokenField) =>
        typeof value === "string"
          ? tokenizer.candidates(tokenField, value).some((token) => token === tokens[tokenField])
          : tokens[tokenField] === null,
      );
    });
}

/** Sealed are a message's masked values, where it has them, and its subject. */
export function areOriginalsOf(
  { fields, subject }: AnyContract,
  message: Message,
  originals: Readonly<Record<string, string>> | null,
): boolean {
  const expected = fields.flatMap(({ name, isMasked }): [string, string][] => {
    const value = message[name] ?? null;
    return (isMasked || name === subject) && value !== null ? [[name, String(value)]] : [];
  });
  return (
    originals !== null &&
    Object.keys(originals).length === expected.length &&
    expected.every(([name, value]) => originals[name] === value)
  );
}
