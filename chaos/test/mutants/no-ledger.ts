/** A consumer whose write does not ask the ledger whether a message has its row already. */
import { patch } from "./patch.ts";

patch({
  file: "packages/db/src/write-statement.ts",
  replace: `AS login (message_id, record_id)
  WHERE record_id IN (SELECT record_id FROM claimed)`,
  by: "AS login (message_id, record_id)",
});
