/** A consumer that writes nothing, until the redrive policy has taken every message. */
import { patch } from "./patch.ts";

patch({
  file: "apps/consumer/src/run.ts",
  replace: "const { durable, released } = await carry(batch, { giveUp, trace });",
  by: "const durable = [], released = batch;",
});
