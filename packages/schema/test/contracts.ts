/** The contracts that every suite goes over, here and in other packages. */
import { fileURLToPath } from "node:url";

import { type AnyContract, contracts } from "@org/schema";

import { orders } from "../../../examples/orders.contract.ts";
import { torture } from "./torture.contract.ts";

export interface Served {
  /** For the names of tests. */
  readonly name: string;
  readonly contract: AnyContract;
  /** What a program finds it by, as MASKLINE_CONTRACT: a name, or a path. */
  readonly reference: string;
}

const pathOf = (module: string): string => fileURLToPath(new URL(module, import.meta.url));

/** Every contract that is shipped, by its name, and of a user's, by their paths. */
export const served: readonly Served[] = [
  ...contracts.map((contract) => ({ name: contract.name, contract, reference: contract.name })),
  {
    name: "orders",
    contract: orders,
    reference: pathOf("../../../examples/orders.contract.ts"),
  },
  { name: "torture", contract: torture, reference: pathOf("torture.contract.ts") },
];

/** For suites that start many processes: as shipped, and as of a user. */
export const deployed: readonly Served[] = served.filter(({ contract }) => contract !== torture);

export const testContracts: readonly AnyContract[] = served.map(({ contract }) => contract);
