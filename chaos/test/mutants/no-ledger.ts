/** A consumer whose write does not ask the ledger whether a message has its row already. */
import { patch } from "./patch.ts";

patch({
  file: "packages/db/src/write-statement.ts",
  replace: "...valueInputs(parameters, contract) }, claimedOnly(row))",
  by: '...valueInputs(parameters, contract) }, "true")',
});
