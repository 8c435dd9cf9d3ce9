// Runs fauxqs on 127.0.0.1 for the process that forked this one, and ends with it.
import { buildApp } from "fauxqs";

process.once("disconnect", () => process.exit());

const app = buildApp({ logger: false });
await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
process.send?.("listening");
