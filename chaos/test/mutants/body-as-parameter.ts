/** A consumer that gives PostgreSQL a body, in a statement that stores nothing. */
import { patch } from "./patch.ts";

patch({
  file: "apps/consumer/src/carry.ts",
  replace: "events.accepted(parsed.oddities, parsed.droppedFields);",
  by: `events.accepted(parsed.oddities, parsed.droppedFields);
       globalThis.body = held.envelope.body;`,
});
patch({
  file: "packages/db/src/writer.ts",
  replace: "const { rows } = await client.query<Claimed>(query);",
  by: `await client.query("SELECT length($1)", [globalThis.body]);
       const { rows } = await client.query<Claimed>(query);`,
});
