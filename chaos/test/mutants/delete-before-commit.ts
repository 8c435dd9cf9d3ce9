/** A consumer that deletes what it has not written yet. */
import { patch } from "./patch.ts";

patch({
  file: "apps/consumer/src/run.ts",
  replace: "const { settled, returned } = await carry(batch",
  by: `await ack.ack({ settled: batch, returned: [] });
       const { settled, returned } = await carry(batch`,
});
