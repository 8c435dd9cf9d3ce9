/** A consumer that deletes what it has not written yet. */
import { patch } from "./patch.ts";

patch({
  file: "apps/consumer/src/run.ts",
  replace: "const { durable, released } = await carry(batch",
  by: `await ack.ack({ durable: batch, released: [] });
       const { durable, released } = await carry(batch`,
});
