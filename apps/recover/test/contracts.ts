/** The contracts that every suite of governed recovery holds for: it names no field of any. */

import {
  type AnyContract,
  bigint,
  defineContract,
  login,
  masked,
  numeric,
  optional,
  subject,
  text,
} from "@org/schema";

/** Unlike a login: its subject is masked, one value has two tokens, and a masked value may be missing. */
const visit = defineContract({
  name: "visit",
  table: "visits",
  fields: {
    card: subject(masked("exact/1", { max: 64, example: "C-4711-0815-42" })),
    shop: text({ max: 32, example: ["north", "south"] }),
    address: masked("ip/1", { views: { network: "ip-net/1" }, column: "masked_client" }),
    remark: optional(masked("exact/1", { max: 64, example: "case 4711-0815" })),
    paid: numeric({ precision: 12, scale: 2 }),
    points: optional(bigint()),
  },
});

export const contracts: readonly AnyContract[] = [login, visit];
