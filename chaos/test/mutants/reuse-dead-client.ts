/** A consumer that puts every database connection back into its pool, whatever happened on it. */
import { patch } from "./patch.ts";

patch({
  file: "packages/db/src/writer.ts",
  replace: "client.release(!keep);",
  by: "client.release();",
});
