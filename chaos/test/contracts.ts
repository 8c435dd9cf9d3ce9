/** The contracts that the suite goes over: one with a plain subject, one with a masked subject. */
import { fileURLToPath } from "node:url";

export const contracts: readonly { readonly name: string; readonly reference: string }[] = [
  { name: "login", reference: "login" },
  {
    name: "orders",
    reference: fileURLToPath(new URL("../../examples/orders.contract.ts", import.meta.url)),
  },
];
