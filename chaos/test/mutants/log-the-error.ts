/** A consumer that logs a rejection as an error object with its cause. */
import { patch } from "./patch.ts";

patch({
  file: "apps/consumer/src/carry.ts",
  replace: "events.rejected(messageId, parsed.reason);",
  by: `events.rejected(messageId, parsed.reason);
       console.error(new Error("rejected", { cause: held.envelope }));`,
});
