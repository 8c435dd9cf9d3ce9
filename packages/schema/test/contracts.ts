/** The contracts that every suite goes over. */
import {
  type AnyContract,
  bigint,
  boolean,
  defineContract,
  integer,
  login,
  masked,
  numeric,
  optional,
  subject,
  text,
  timestamp,
  uuid,
} from "@org/schema";

import { orders } from "../../../examples/orders.contract.ts";

/** Every kind of field, required and optional, every norm, views, a masked subject and names of all sorts. */
export const torture = defineContract({
  name: "torture",
  table: "torture_rows",
  fields: {
    person: subject(masked("uuid/1", { column: "person_token" })),
    short: text({ max: 1 }),
    "kebab-Name": optional(text({ max: 8_000, column: "kebab_name", usual: /^[a-z]+$/ })),
    count: integer(),
    count_opt: optional(integer({ example: ["7", "-7"] })),
    big: bigint(),
    big_opt: optional(bigint({ column: "select" })),
    exact: numeric(),
    price: numeric({ precision: 8, scale: 3 }),
    share: optional(numeric({ precision: 2, scale: 2 })),
    whole: optional(numeric({ precision: 5 })),
    flag: boolean(),
    flag_opt: optional(boolean()),
    at: timestamp(),
    at_opt: optional(timestamp({ column: "seen_at" })),
    id: uuid(),
    id_opt: optional(uuid({ example: "424cdd21-063a-43a7-b91b-7ca1a833afae" })),
    address: masked("ip/1", { views: { network: "ip-net/1", spelling: "exact/1" } }),
    address_opt: optional(masked("ip/1", { views: { network_opt: "ip-net/1" } })),
    secret: masked("exact/1"),
    secret_opt: optional(masked("exact/1", { max: 16, usual: /^[a-z]+$/ })),
    digits: optional(masked("digits/1", { example: "593-47-5928" })),
    mail: optional(masked("email/1")),
    phone: optional(masked("phone/1")),
    __x: optional(text({ max: 4 })),
    constructor: optional(text({ max: 4 })),
    tags: { 0: optional(text({ max: 4 })) },
    deep: { kind: masked("exact/1", { column: "deep_token" }) },
  },
  computed: {
    price_copy: {
      type: numeric({ precision: 8, scale: 3 }),
      from: ({ price }) => (price === "0.000" ? null : price),
    },
    short_length: { type: integer(), from: ({ short }) => (short === "0" ? null : short.length) },
    flag_text: {
      type: text({ max: 4 }),
      from: ({ flag_opt }) => (flag_opt === null ? undefined : flag_opt ? "yes" : null),
    },
  },
});

export const testContracts: readonly AnyContract[] = [login, orders, torture];
