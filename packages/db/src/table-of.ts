/** The table of a contract's rows, as drizzle sees it. */

import type { AnyContract, RowOf } from "@org/schema";
import type { PgColumn, PgTableWithColumns } from "drizzle-orm/pg-core";
import { pgCore } from "./drizzle.ts";

const { customType, pgTable, primaryKey } = pgCore;

/** What a row has beside its message's values: those of its delivery. */
interface DeliveryRow {
  readonly create_date: string;
  readonly message_id: string;
  readonly sent_at: Date;
  readonly record_id: string;
}

type FullRow<C extends AnyContract> = RowOf<C> & DeliveryRow;

type ColumnOf<Table extends string, Name extends string, Value> = PgColumn<{
  name: Name;
  tableName: Table;
  dataType: "custom";
  columnType: "PgCustomColumn";
  data: NonNullable<Value>;
  driverParam: unknown;
  notNull: null extends Value ? false : true;
  hasDefault: false;
  isPrimaryKey: false;
  isAutoincrement: false;
  hasRuntimeDefault: false;
  enumValues: undefined;
  identity: undefined;
  generated: undefined;
}>;

/** Columns by their names in the database. One that is masked takes a Token and no other text. */
export type ContractTable<C extends AnyContract> = PgTableWithColumns<{
  name: C["table"];
  schema: undefined;
  dialect: "pg";
  columns: {
    [Name in keyof FullRow<C> & string]: ColumnOf<C["table"], Name, FullRow<C>[Name]>;
  };
}>;

/** One that is said in SQL: the contract knows its columns' types already. */
function column(name: string, sqlType: string) {
  return customType<{ data: unknown }>({ dataType: () => sqlType })(name);
}

/** In schema public, partitioned by month. */
export function tableOf<C extends AnyContract>(contract: C): ContractTable<C> {
  const columns = contract.columns.map(({ name, sqlType, isNullable }) => {
    const built = column(name, sqlType);
    return [name, isNullable ? built : built.notNull()] as const;
  });
  const table = pgTable(contract.table, Object.fromEntries(columns), (built) => [
    primaryKey({ columns: [built["record_id"], built["create_date"]] as never }),
  ]);
  return table as unknown as ContractTable<C>;
}
